"""A session with single vCPUs, dirty memory, and what a migration compresses."""

from __future__ import annotations

import time
from typing import Any

import libvirt

from tests.conformance.calls.world import Outcome, Session, World

_LIVE, _CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
_SAMPLING, _BITMAP, _RING = (
    libvirt.VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING,
    libvirt.VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_BITMAP, libvirt.VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_RING)


class _Session(Session):

    def vcpus(self, name: str, guest: libvirt.virDomain, flags: int) -> None:
        """Record the vCPUs that a domain's XML has."""
        def read() -> list[str]:
            return [line.strip() for line in guest.XMLDesc(flags).splitlines() if '<vcpu' in line]
        self.step(name, read)

    def single(self) -> None:
        """Single vCPUs."""
        step = self.step
        guest = self.world.define('guest')
        inactive = libvirt.VIR_DOMAIN_XML_INACTIVE
        for name, map_, state, flags in (
                ('none', '', 1, 0), ('text', 'x', 1, 0), ('empty', '^0', 1, 0), ('far', '9', 1, 0),
                ('the first', '0', 0, 0), ('live', '1', 1, _LIVE), ('unknown', '1', 1, 1 << 12),
                ('state', '1', 2, 0), ('enabled', '1', 1, 0)):
            step(f'off: set vcpu, {name}', guest.setVcpu, map_, state, flags)
            self.vcpus(f'off: vcpus, {name}', guest, inactive)
        step('off: set vcpu, disabled', guest.setVcpu, '1', 0, _CONFIG)
        self.vcpus('off: vcpus, disabled', guest, inactive)
        step('off: number of vcpus', guest.vcpusFlags, _CONFIG)
        guest.create()
        for name, map_, state, flags in (
                ('enabled', '1', 1, 0), ('again', '1', 1, _LIVE), ('two', '0-1', 1, _LIVE),
                ('the first', '0', 0, _LIVE), ('far', '9', 1, _LIVE),
                ('disabled', '1', 0, _LIVE), ('both', '1', 1, _LIVE | _CONFIG)):
            step(f'running: set vcpu, {name}', guest.setVcpu, map_, state, flags)
            self.vcpus(f'running: vcpus, {name}', guest, 0)
            self.vcpus(f'running: configured vcpus, {name}', guest, inactive)
        step('running: number of vcpus', guest.vcpusFlags, _LIVE)
        step('running: set more vcpus', guest.setVcpusFlags, 2, _LIVE)
        self.vcpus('running: vcpus, more', guest, 0)
        step('running: set fewer vcpus', guest.setVcpusFlags, 1, _LIVE)
        guest.destroy()
        for name, number, flags in (('more', 2, _CONFIG), ('fewer', 1, _CONFIG), (
                'hotpluggable', 2, _CONFIG | libvirt.VIR_DOMAIN_VCPU_HOTPLUGGABLE)):
            step(f'off: set {name} vcpus', guest.setVcpusFlags, number, flags)
            self.vcpus(f'off: {name} vcpus', guest, inactive)
        step('off: set vcpu, two', guest.setVcpu, '1', 0, 0)
        self.world.define('other')
        other = self.connection.lookupByName('other')
        other.setVcpusFlags(2, _CONFIG)
        self.vcpus('off: vcpus of another', other, inactive)
        other.create()
        self.vcpus('running: vcpus of another', other, 0)
        step('running: set fewer vcpus of another', other.setVcpusFlags, 1, _LIVE)
        step('running: set vcpu of another', other.setVcpu, '1', 0, _LIVE)
        other.destroy()
        other.undefine()
        hot = self.world.define('hot')
        hot.create()
        step('running: set more vcpus of a third', hot.setVcpusFlags, 2, _LIVE)
        self.vcpus('running: vcpus of a third', hot, 0)
        hot.destroy()
        hot.undefine()

    def dirty(self) -> None:
        """The rate at which a guest writes to its memory."""
        step = self.step
        guest = self.connection.lookupByName('guest')
        step('off: dirty rate', guest.startDirtyRateCalc, 1, 0)
        guest.create()

        def stats() -> dict[str, Any]:
            found = self.connection.domainListGetStats([guest], libvirt.VIR_DOMAIN_STATS_DIRTYRATE)
            return {name: value for name, value in found[0][1].items() if name not in (
                'dirtyrate.megabytes_per_second', 'dirtyrate.calc_start_time')
                and not name.endswith('.megabytes_per_second')}
        step('dirty rate: before', stats)
        for name, seconds, flags in (('no time', 0, 0), ('long', 61, 0), ('negative', -1, 0),
                                     ('two modes', 1, _BITMAP | _RING), ('unknown', 1, 1 << 12),
                                     ('ring', 1, _RING), ('start', 1, 0), ('again', 1, _SAMPLING)):
            step(f'dirty rate: {name}', guest.startDirtyRateCalc, seconds, flags)
        step('dirty rate: running', stats)
        deadline = time.monotonic() + 30
        while stats().get('dirtyrate.calc_status') != 2 and time.monotonic() < deadline:
            time.sleep(0.1)     # there is no event for the end of a calculation
        step('dirty rate: measured', stats)

    def cache(self) -> None:
        """The cache of compressed pages."""
        step = self.step
        guest = self.connection.lookupByName('guest')
        step('cache', guest.migrateGetCompressionCache)
        step('cache, flags', guest.migrateGetCompressionCache, 1)
        for name, size, flags in (('set', 1 << 20, 0), ('odd', 3000000, 0), ('zero', 0, 0),
                                  ('flags', 1 << 20, 1), ('huge', 1 << 50, 0)):
            step(f'cache: {name}', guest.migrateSetCompressionCache, size, flags)
            step(f'cache: {name}, size', guest.migrateGetCompressionCache)
        step('launch state', guest.setLaunchSecurityState, {'sev-secret': 'x', 'sev-secret-header':
                                                            'y'}, 0)
        guest.destroy()
        step('cache: off', guest.migrateGetCompressionCache)
        step('cache: set, off', guest.migrateSetCompressionCache, 1 << 20)
        step('launch state, off', guest.setLaunchSecurityState, {}, 0)

    def host(self) -> None:
        """Memory of the host."""
        step, connection = self.step, self.connection
        step('memory parameters', lambda: sorted(connection.getMemoryParameters()))
        step('memory parameters, flags', connection.getMemoryParameters, 1)
        step('set a counter', connection.setMemoryParameters, {'shm_full_scans': 1})

    def run(self) -> None:
        for part in (self.single, self.dirty, self.cache, self.host):
            part()


def outcomes(uri: str, directory: str = '') -> dict[str, Outcome]:
    """Return the outcome of each step on a daemon, as JSON has it."""
    world = World(uri)
    try:
        _Session(world).run()
        return world.outcomes
    finally:
        world.close()
