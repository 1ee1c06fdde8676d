"""Procedures that connect a client to a character device of a guest.

A guest writes nothing to its devices and ignores what it reads. The stream stays open until the
client, another client or the end of the guest closes it.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainOpenConsole, qemuDomainOpenChannel),
src/conf/virchrdev.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.stream import Streamed, Terminal
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.etree import Element

_CONSOLE_FLAGS = libvirt.VIR_DOMAIN_CONSOLE_SAFE | libvirt.VIR_DOMAIN_CONSOLE_FORCE


class ConsoleProcedures(ProcedureGroup):
    """Procedures that connect a client to a character device of a guest."""

    @procedure
    def domain_open_console(self, handle: DomainHandle, name: str | None, flags: int) -> Streamed:
        """Open a console, serial or parallel port by its alias, or the first one."""
        check_flags('qemuDomainOpenConsole', flags, _CONSOLE_FLAGS)
        domain = self.domain(handle)
        check_active(domain)
        device = _port(domain, name)
        if device is None:
            raise internal(f'cannot find character device {"<null>" if name is None else name}')
        if device.get('type') != 'pty':
            raise internal(f'character device {_shown(device, name)} is not using a PTY')
        return self._open(domain, device, flags & libvirt.VIR_DOMAIN_CONSOLE_FORCE,
                          'console session')

    @procedure
    def domain_open_channel(self, handle: DomainHandle, name: str | None, flags: int) -> Streamed:
        """Open a channel by its alias or the name of its target, or the first one."""
        check_flags('qemuDomainOpenChannel', flags, libvirt.VIR_DOMAIN_CHANNEL_FORCE)
        domain = self.domain(handle)
        check_active(domain)
        device = _channel(domain, name)
        if device is None:
            raise internal(f'cannot find channel {"<null>" if name is None else name}')
        if device.get('type') != 'unix':
            raise internal(f'channel {_shown(device, name)} is not using a UNIX socket')
        return self._open(domain, device, flags & libvirt.VIR_DOMAIN_CHANNEL_FORCE,
                          'channel stream')

    def _open(self, domain: Domain, device: Element, force: int, kind: str) -> Streamed:
        source = device.find('source')
        path = '' if source is None else source.get('path', '')
        active = domain.terminals.get(path)
        if active is not None:
            if not force:
                raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                                   f'Active {kind} exists for this domain')
            active.hang_up(failed=True)

        def closed() -> None:
            with self.hypervisor.lock:
                if domain.terminals.get(path) is terminal:
                    del domain.terminals[path]
        terminal = domain.terminals[path] = Terminal(closed)
        return Streamed(terminal)


def _alias(device: Element) -> str | None:
    found = device.find('alias')
    return None if found is None else found.get('name')


def _shown(device: Element, name: str | None) -> str | None:
    return _alias(device) if name is None else name


def _port(domain: Domain, name: str | None) -> Element | None:
    devices = domain.definition.devices
    if name in (None, 'console0'):      # libvirt's own alias of the first console
        found = devices.findall('console') or devices.findall('serial')
        return found[0] if found else None
    return next((device for tag in ('console', 'serial', 'parallel')
                 for device in devices.findall(tag) if _alias(device) == name), None)


def _channel(domain: Domain, name: str | None) -> Element | None:
    for device in domain.definition.devices.findall('channel'):
        target = device.find('target')
        if name is None or name in (_alias(device),
                                    None if target is None else target.get('name')):
            return device
    return None
