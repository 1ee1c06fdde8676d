"""Procedures for a domain's memory and its limits.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import bad_argument, invalid
from vpmem_harness.libvirtd.hypervisor.domain.definitions import (
    CONFIG,
    LIVE,
    ensure_element,
    get_defs,
    get_one_def,
)
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import add, drop

_MAXIMUM = libvirt.VIR_DOMAIN_MEM_MAXIMUM
_STRING_OKAY = libvirt.VIR_TYPED_PARAM_STRING_OKAY

#: The value of a memory limit that is not set, in KiB.
UNLIMITED = 9007199254740991

_MEMTUNE = ('hard_limit', 'soft_limit', 'swap_hard_limit')


class MemoryProcedures(ProcedureGroup):
    """Procedures for a domain's memory and its limits."""

    @procedure
    def domain_set_memory(self, handle: DomainHandle, size: int) -> None:
        """Set a running guest's memory through its balloon, in KiB."""
        self._set_memory(self.domain(handle), size, LIVE)

    @procedure
    def domain_set_max_memory(self, handle: DomainHandle, size: int) -> None:
        """Set a domain's maximum memory, in KiB."""
        self._set_memory(self.domain(handle), size, _MAXIMUM)

    @procedure
    def domain_set_memory_flags(self, handle: DomainHandle, size: int, flags: int) -> None:
        """Set a domain's memory or maximum memory, live or in the configuration, in KiB."""
        check_flags('qemuDomainSetMemoryFlags', flags, LIVE | CONFIG | _MAXIMUM)
        self._set_memory(self.domain(handle), size, flags)

    def _set_memory(self, domain: Domain, size: int, flags: int) -> None:
        live, config = get_defs(domain, flags)
        if flags & _MAXIMUM:
            _set_maximum(live, config, size)
            return
        limits = [definition.memory_total - _virtio_mem(definition)
                  for definition in (live, config) if definition is not None]
        if size > min(limits):
            raise bad_argument('cannot set memory higher than max memory')
        if live is not None:
            balloon = live.devices.find('memballoon')
            if balloon is None or balloon.get('model') == 'none':
                raise invalid('Unable to change memory of active domain without the balloon '
                              'device and guest OS balloon driver')
            live.current_memory = size
            self.hypervisor.events.publish(
                libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, domain, size)
        if config is not None:
            config.current_memory = size

    @procedure
    def domain_set_memory_stats_period(self, handle: DomainHandle, period: int,
                                       flags: int) -> None:
        """Set the period of the balloon's statistics, in seconds."""
        check_flags('qemuDomainSetMemoryStatsPeriod', flags, LIVE | CONFIG)
        for definition in get_defs(self.domain(handle), flags):
            balloon = None if definition is None else definition.devices.find('memballoon')
            if definition is None:
                continue
            if balloon is None or balloon.get('model') == 'none':
                raise invalid('Memory balloon model must be virtio to set the collection period')
            drop(balloon, 'stats')
            if period:
                add(balloon, 'stats', period=period)

    @procedure
    def domain_get_memory_parameters(self, handle: DomainHandle, nparams: int,
                                     flags: int) -> list[TypedParameter]:
        """Return a domain's memory limits, in KiB."""
        check_flags('qemuDomainGetMemoryParameters', flags, LIVE | CONFIG | _STRING_OKAY)
        definition = get_one_def(self.domain(handle), flags)
        return [TypedParameter.ullong(name, int(
            definition.root.findtext(f'memtune/{name}') or UNLIMITED)) for name in _MEMTUNE]

    @procedure
    def domain_set_memory_parameters(self, handle: DomainHandle, params: list[TypedParameter],
                                     flags: int) -> None:
        """Set a domain's memory limits, in KiB."""
        check_flags('qemuDomainSetMemoryParameters', flags, LIVE | CONFIG)
        check_parameters(params, dict.fromkeys(_MEMTUNE, libvirt.VIR_TYPED_PARAM_ULLONG))
        domain = self.domain(handle)
        live, config = get_defs(domain, flags)
        limits = {parameter.name: int(parameter.value) for parameter in params}
        _check_limits(domain.definition, live, limits)
        for definition in (live, config):
            if definition is not None:
                _set_limits(definition, limits)


def _check_limits(present: Definition, live: Definition | None, limits: dict[str, int]) -> None:
    """Refuse limits that contradict each other or that exceed the control group's maximum.

    Source: libvirt 9.0.0, src/hypervisor/domain_cgroup.c
    (virDomainCgroupSetMemoryLimitParameters), src/util/vircgroupv2.c.
    """
    hard, swap = (limits.get(name, int(present.root.findtext(f'memtune/{name}') or UNLIMITED))
                  for name in ('hard_limit', 'swap_hard_limit'))
    if ('hard_limit' in limits or 'swap_hard_limit' in limits) and hard > swap:
        raise bad_argument('memory hard_limit tunable value must be lower than or equal to '
                           'swap_hard_limit', domain=libvirt.VIR_FROM_DOMAIN)
    for limit in limits.values() if live is not None else ():
        if limit > UNLIMITED:
            raise bad_argument(f"Memory '{limit}' must be less than {UNLIMITED}",
                               domain=libvirt.VIR_FROM_CGROUP)


def _set_limits(definition: Definition, limits: dict[str, int]) -> None:
    tune = ensure_element(definition.root, 'memtune')
    for name, limit in limits.items():
        drop(tune, name)
        if limit < UNLIMITED:
            add(tune, name, limit, unit='KiB')
    if not len(tune):
        definition.root.remove(tune)


def _virtio_mem(definition: Definition) -> int:
    return sum(int(device.findtext('target/size') or 0) for device in definition.memory_devices
               if device.get('model') == 'virtio-mem')


def _set_maximum(live: Definition | None, config: Definition | None, size: int) -> None:
    if live is not None:
        raise invalid('cannot resize the maximum memory on an active domain')
    if config is None:
        return
    if config.numa_cells:
        raise invalid('initial memory size of a domain with NUMA nodes cannot be modified with '
                      'this API')
    if config.max_memory and config.max_memory < size:
        raise invalid('cannot set initial memory size greater than the maximum memory size')
    config.memory_total = size
    config.current_memory = min(config.current_memory, size)
