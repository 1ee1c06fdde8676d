"""Procedures for a domain's I/O threads.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainChgIOThread, qemuDomainPinIOThread).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, invalid
from vpmem_harness.libvirtd.hypervisor.domain.definitions import (
    CONFIG,
    LIVE,
    ensure_element,
    get_defs,
    get_one_def,
)
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.procedures.cpu_pinning import (
    from_map,
    online,
    to_map,
)
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add

_POLLING: Final = {
    libvirt.VIR_DOMAIN_IOTHREAD_POLL_MAX_NS: libvirt.VIR_TYPED_PARAM_ULLONG,
    libvirt.VIR_DOMAIN_IOTHREAD_POLL_GROW: libvirt.VIR_TYPED_PARAM_UINT,
    libvirt.VIR_DOMAIN_IOTHREAD_POLL_SHRINK: libvirt.VIR_TYPED_PARAM_UINT}
_SMALLEST: Final = libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MIN
_LARGEST: Final = libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MAX
_POOL: Final = {_SMALLEST: libvirt.VIR_TYPED_PARAM_INT, _LARGEST: libvirt.VIR_TYPED_PARAM_INT}


class IOThreadProcedures(ProcedureGroup):
    """Procedures for a domain's I/O threads."""

    @procedure
    def domain_get_iothread_info(self, handle: DomainHandle,
                                 flags: int) -> tuple[list[tuple[int, bytes]], int]:
        """Return the ID and the CPU map of each I/O thread; QEMU has the newest first."""
        check_flags('qemuDomainGetIOThreadInfo', flags, LIVE | CONFIG)
        domain = self.domain(handle)
        definition = get_one_def(domain, flags)
        every = online(self.hypervisor.hardware)
        length = max(every) // 8 + 1
        threads = []
        for number in definition.iothread_ids:
            pin = definition.root.find(f"cputune/iothreadpin[@iothread='{number}']")
            text = '' if pin is None else pin.get('cpuset', '')
            threads.append((number, to_map(numbers.bitmap(text) or every, length)))
        if definition is domain.live:
            threads.reverse()
        return threads, len(threads)

    @procedure
    def domain_pin_iothread(self, handle: DomainHandle, number: int, cpus: bytes,
                            flags: int) -> None:
        """Pin an I/O thread to CPUs."""
        check_flags('qemuDomainPinIOThread', flags, LIVE | CONFIG)
        live, config = get_defs(self.domain(handle), flags)
        allowed = from_map(cpus)
        if not allowed:
            raise bad_argument('Empty iothread cpumap list for pinning')
        for definition, name in ((live, 'iothread'), (config, 'iothreadid')):
            if definition is not None and number not in definition.iothread_ids:
                raise bad_argument(f'{name} {number} not found')
        for definition in (live, config):
            if definition is not None:
                tune = ensure_element(definition.root, 'cputune')
                _drop_pin(tune, number)
                add(tune, 'iothreadpin', iothread=number, cpuset=numbers.format_bitmap(allowed))

    @procedure
    def domain_add_iothread(self, handle: DomainHandle, number: int, flags: int) -> None:
        """Add an I/O thread."""
        check_flags('qemuDomainAddIOThread', flags, LIVE | CONFIG)
        if number == 0:
            raise bad_argument('invalid value of 0 for iothread_id')

        def check(definition: Definition) -> None:
            if number in definition.iothread_ids:
                raise bad_argument(f"an IOThread is already using iothread_id '{number}'",
                                   domain=libvirt.VIR_FROM_DOMAIN)
        self._change(self.domain(handle), flags, check,
                     lambda definition: _set_ids(
                         definition, [*definition.iothread_ids, number]))

    @procedure
    def domain_del_iothread(self, handle: DomainHandle, number: int, flags: int) -> None:
        """Remove an I/O thread that no disk uses."""
        check_flags('qemuDomainDelIOThread', flags, LIVE | CONFIG)

        def check(definition: Definition) -> None:
            if number not in definition.iothread_ids:
                raise bad_argument(f"cannot find IOThread '{number}' in iothreadids list",
                                   domain=libvirt.VIR_FROM_DOMAIN)
            for disk in definition.devices.findall('disk'):
                driver, target = disk.find('driver'), disk.find('target')
                if driver is not None and driver.get('iothread') == str(number):
                    name = '' if target is None else target.get('dev', '')
                    raise bad_argument(f"cannot remove IOThread {number} since it is being used "
                                       f"by disk '{name}'", domain=libvirt.VIR_FROM_DOMAIN)
            for controller in definition.devices.findall('controller'):
                driver = controller.find('driver')
                if driver is not None and driver.get('iothread') == str(number):
                    raise bad_argument(
                        f"cannot remove IOThread '{number}' since it is being used by controller",
                        domain=libvirt.VIR_FROM_DOMAIN)

        def remove(definition: Definition) -> None:
            ids = definition.iothread_ids
            ids.remove(number)
            _set_ids(definition, ids)
            tune = definition.root.find('cputune')
            if tune is not None:
                _drop_pin(tune, number)
        domain = self.domain(handle)
        self._change(domain, flags, check, remove)
        domain.polling.pop(number, None)

    @procedure
    def domain_set_iothread_params(self, handle: DomainHandle, number: int,
                                   params: list[TypedParameter], flags: int) -> None:
        """Set how a running domain's I/O thread polls, and the size of its pool of threads."""
        check_flags('qemuDomainSetIOThreadParams', flags, LIVE | CONFIG)
        if number == 0:
            raise bad_argument('invalid value of 0 for iothread_id')
        domain = self.domain(handle)
        check_parameters(params, _POLLING | _POOL)
        values = {parameter.name: int(parameter.value) for parameter in params}
        live, config = get_defs(domain, flags)
        for definition in (live, config):
            if definition is None:
                continue
            if number not in definition.iothread_ids:
                raise bad_argument(f"cannot find IOThread '{number}' in iothreadids")
            if definition is config and any(name in values for name in _POLLING):
                raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                                   'configuring persistent polling values is not supported')
            _check_pool(definition, number, values)
        for definition in (live, config):
            if definition is not None:
                _set_pool(definition, number, values)
        if live is not None:
            polling = {name: value for name, value in values.items() if name in _POLLING}
            domain.polling.setdefault(number, {}).update(polling)

    def _change(self, domain: Domain, flags: int, check: Callable[[Definition], None],
                change: Callable[[Definition], None]) -> None:
        """Check each selected definition, then change all of them."""
        definitions = [each for each in get_defs(domain, flags) if each is not None]
        for definition in definitions:
            check(definition)
        for definition in definitions:
            change(definition)


def _set_ids(definition: Definition, ids: list[int]) -> None:
    """Give a definition the I/O threads with these IDs; known ones keep their attributes."""
    root = definition.root
    known = {thread.get('id'): thread for thread in root.findall('iothreadids/iothread')}
    for tag in ('iothreads', 'iothreadids'):
        for found in root.findall(tag):
            root.remove(found)
    if ids:
        add(root, 'iothreads', len(ids))
        group = add(root, 'iothreadids')
        for number in ids:
            thread = known.get(str(number))
            if thread is None:
                add(group, 'iothread', id=number)
            else:
                group.append(thread)


def _thread(definition: Definition, number: int) -> Element | None:
    return definition.root.find(f"iothreadids/iothread[@id='{number}']")


def _check_pool(definition: Definition, number: int, values: dict[str, int]) -> None:
    thread = _thread(definition, number)
    size = {name: -1 if thread is None else int(thread.get(name, -1)) for name in _POOL}
    size.update((name, value) for name, value in values.items() if name in _POOL)
    if size[_SMALLEST] > size[_LARGEST]:
        raise invalid(f"thread_pool_min ({size[_SMALLEST]}) can't be greater than "
                      f'thread_pool_max ({size[_LARGEST]})')


def _set_pool(definition: Definition, number: int, values: dict[str, int]) -> None:
    changed = {name: value for name, value in values.items() if name in _POOL}
    if not changed:
        return
    if _thread(definition, number) is None:
        _set_ids(definition, definition.iothread_ids)
    thread = _thread(definition, number)
    if thread is not None:
        for name, value in changed.items():
            thread.set(name, str(value))


def _drop_pin(tune: Element, number: int) -> None:
    for pin in tune.findall(f"iothreadpin[@iothread='{number}']"):
        tune.remove(pin)
