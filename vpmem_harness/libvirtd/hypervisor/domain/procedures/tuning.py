"""Procedures for the shares of a domain in the host's CPUs, disks and NUMA nodes.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import bad_argument, invalid, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.definitions import (
    CONFIG,
    LIVE,
    ensure_element,
    get_defs,
    get_one_def,
    set_element,
)
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain.tuning_checks import PERIODS, QUOTAS, SHARES
from vpmem_harness.libvirtd.xml.etree import add, drop, unset

_STRING_OKAY = libvirt.VIR_TYPED_PARAM_STRING_OKAY

_BLKIO_DEVICES = (('device_weight', 'weight'), ('device_read_iops_sec', 'read_iops_sec'),
                  ('device_write_iops_sec', 'write_iops_sec'),
                  ('device_read_bytes_sec', 'read_bytes_sec'),
                  ('device_write_bytes_sec', 'write_bytes_sec'))
_NUMATUNE_MODES = ('strict', 'preferred', 'interleave', 'restrictive')


class TuningProcedures(ProcedureGroup):
    """Procedures for the shares of a domain in the host's resources."""

    @procedure
    def domain_get_blkio_parameters(self, handle: DomainHandle, nparams: int,
                                    flags: int) -> list[TypedParameter]:
        """Return a domain's blkio weight, and the weights and limits of devices."""
        check_flags('qemuDomainGetBlkioParameters', flags, LIVE | CONFIG | _STRING_OKAY)
        domain = self.domain(handle)
        if not nparams:
            return [TypedParameter.uint('weight', 0)] * (1 + len(_BLKIO_DEVICES))
        found = get_one_def(domain, flags).root.find('blkiotune')
        weight = '0' if found is None else found.findtext('weight') or '0'
        devices = [] if found is None else found.findall('device')
        params = [TypedParameter.uint('weight', int(weight))]
        for name, tag in _BLKIO_DEVICES:
            params.append(TypedParameter.string(name, ','.join(
                f"{device.findtext('path')},{device.findtext(tag)}"
                for device in devices if device.findtext(tag))))
        return params

    @procedure
    def domain_set_blkio_parameters(self, handle: DomainHandle, params: list[TypedParameter],
                                    flags: int) -> None:
        """Set a domain's blkio weight, and the weights and limits of devices."""
        check_flags('qemuDomainSetBlkioParameters', flags, LIVE | CONFIG)
        check_parameters(params, {'weight': libvirt.VIR_TYPED_PARAM_UINT,
                                  **{name: libvirt.VIR_TYPED_PARAM_STRING
                                     for name, _ in _BLKIO_DEVICES}})
        definitions = get_defs(self.domain(handle), flags)
        devices = [(parameter.name, path, value) for parameter in params
                   if parameter.name != 'weight'
                   for path, value in _device_values(parameter.name, str(parameter.value))]
        weights = [parameter.value for parameter in params if parameter.name == 'weight']
        for definition in definitions:
            if definition is None:
                continue
            for weight in weights:
                set_element(definition, 'blkiotune', 'weight', weight)
            for name, path, value in devices:
                _set_device(definition, path, dict(_BLKIO_DEVICES)[name], value)

    @procedure
    def domain_get_numa_parameters(self, handle: DomainHandle, nparams: int,
                                   flags: int) -> list[TypedParameter]:
        """Return the NUMA mode and nodes of a domain's memory."""
        check_flags('qemuDomainGetNumaParameters', flags, LIVE | CONFIG | _STRING_OKAY)
        found = get_one_def(self.domain(handle), flags).root.find('numatune/memory')
        mode = 'strict' if found is None else found.get('mode', 'strict')
        nodes = '' if found is None else found.get('nodeset', '')
        return [TypedParameter.int_('numa_mode', _NUMATUNE_MODES.index(mode)),
                TypedParameter.string('numa_nodeset', nodes)]

    @procedure
    def domain_set_numa_parameters(self, handle: DomainHandle, params: list[TypedParameter],
                                   flags: int) -> None:
        """Bind a domain's memory to NUMA nodes of the host."""
        check_flags('qemuDomainSetNumaParameters', flags, LIVE | CONFIG)
        check_parameters(params, {'numa_mode': libvirt.VIR_TYPED_PARAM_INT,
                                  'numa_nodeset': libvirt.VIR_TYPED_PARAM_STRING})
        domain = self.domain(handle)
        values = {parameter.name: parameter.value for parameter in params}
        mode = None if 'numa_mode' not in values else int(values['numa_mode'])
        if mode is not None and mode not in range(len(_NUMATUNE_MODES)):
            raise bad_argument(f"unsupported numatune mode: '{mode}'")
        nodes = None if 'numa_nodeset' not in values else _nodeset(str(values['numa_nodeset']))
        live, config = get_defs(domain, flags)
        if live is not None:
            _check_live_numatune(live, mode, nodes, self.hypervisor.hardware)
        for definition in (live, config):
            if definition is not None:
                _check_placement(definition, mode, nodes)
        for definition in (live, config):
            if definition is not None and (mode is not None or nodes is not None):
                tune = ensure_element(ensure_element(definition.root, 'numatune'), 'memory')
                if mode is not None or tune.get('mode') is None:
                    tune.set('mode', _NUMATUNE_MODES[mode or 0])
                if nodes is not None:
                    unset(tune, 'placement')
                    tune.set('nodeset', numbers.format_bitmap(nodes))

    @procedure
    def domain_get_scheduler_type(self, handle: DomainHandle) -> tuple[str, int]:
        """Return the scheduler's type, and the number of its parameters."""
        self.domain(handle)
        return 'posix', len(_SCHEDULER)

    @procedure
    def domain_get_scheduler_parameters(self, handle: DomainHandle,
                                        nparams: int) -> list[TypedParameter]:
        """Return a domain's scheduler parameters."""
        return _scheduler(self.domain(handle), 0)

    @procedure
    def domain_get_scheduler_parameters_flags(self, handle: DomainHandle, nparams: int,
                                              flags: int) -> list[TypedParameter]:
        """Return a domain's scheduler parameters, live or of the configuration."""
        check_flags('qemuDomainGetSchedulerParametersFlags', flags, LIVE | CONFIG | _STRING_OKAY)
        return _scheduler(self.domain(handle), flags)

    @procedure
    def domain_set_scheduler_parameters(self, handle: DomainHandle,
                                        params: list[TypedParameter]) -> None:
        """Set a domain's scheduler parameters."""
        check_parameters(params, _SCHEDULER_TYPES)
        _set_scheduler(self.domain(handle), params, 0)

    @procedure
    def domain_set_scheduler_parameters_flags(self, handle: DomainHandle,
                                              params: list[TypedParameter],
                                              flags: int) -> None:
        """Set a domain's scheduler parameters, live or in the configuration."""
        check_flags('qemuDomainSetSchedulerParametersFlags', flags, LIVE | CONFIG)
        check_parameters(params, _SCHEDULER_TYPES)
        _set_scheduler(self.domain(handle), params, flags)


#: The scheduler's parameters: name, element, and the default of a running domain.
_SCHEDULER = (('cpu_shares', 'shares', 1024), ('vcpu_period', 'period', 100000),
              ('vcpu_quota', 'quota', -1), ('emulator_period', 'emulator_period', 100000),
              ('emulator_quota', 'emulator_quota', -1),
              ('global_period', 'global_period', 100000), ('global_quota', 'global_quota', -1),
              ('iothread_period', 'iothread_period', 100000),
              ('iothread_quota', 'iothread_quota', -1))


def _device_values(name: str, text: str) -> list[tuple[str, int]]:
    """Read ``path,value,path,value``.

    :raises LibvirtError: as libvirt's virDomainDriverParseBlkioDeviceStr.
    """
    fields = text.split(',') if text else []
    if len(fields) % 2:
        raise bad_argument(f"unable to parse blkio device '{name}' '{text}'",
                           domain=libvirt.VIR_FROM_DOMAIN)
    found = []
    limit = 2**64 if name.endswith('bytes_sec') else 2**32
    for at in range(0, len(fields), 2):
        path, number = fields[at], numbers.whole(fields[at + 1])
        if number is None or number >= limit:
            raise bad_argument(f"invalid value '{','.join(fields[at + 1:])}' for parameter "
                               f"'{name}' of device '{path}'", domain=libvirt.VIR_FROM_DOMAIN)
        found.append((path, number))
    return found


def _set_device(definition: Definition, path: str, tag: str, value: int) -> None:
    """Set one value of a device in ``<blkiotune>``; 0 removes it."""
    tune = ensure_element(definition.root, 'blkiotune')
    device = next((each for each in tune.findall('device') if each.findtext('path') == path), None)
    if device is None:
        if not value:
            return
        device = add(tune, 'device')
        add(device, 'path', path)
    drop(device, tag)
    if value:
        add(device, tag, value)
    elif len(device) == 1:
        tune.remove(device)


def _nodeset(text: str) -> set[int]:
    nodes = numbers.bitmap(text) if text.strip() else None
    if nodes is None:
        raise bad_argument(f"Failed to parse bitmap '{text}'", domain=libvirt.VIR_FROM_NONE)
    if not nodes:
        raise invalid(f"Invalid nodeset of 'numatune': {text}")
    return nodes


def _check_live_numatune(live: Definition, mode: int | None, nodes: set[int] | None,
                         hardware: Hardware) -> None:
    """Refuse what cannot change while a guest runs.

    Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainSetNumaParamsLive).
    """
    tune = live.root.find('numatune/memory')
    now = None if tune is None else _NUMATUNE_MODES.index(tune.get('mode', 'strict'))
    if mode is not None and now is not None and mode != now:
        raise invalid("can't change numatune mode for running domain")
    if mode == _NUMATUNE_MODES.index('strict'):
        if nodes != (None if tune is None else numbers.bitmap(tune.get('nodeset', ''))):
            raise invalid("can't change nodeset for strict mode for running domain")
    elif nodes is not None:
        if now is not None and _NUMATUNE_MODES[now] != 'restrictive':
            raise invalid('change of nodeset for running domain requires restrictive numa mode')
        for node in sorted(nodes):
            if hardware.cell(node) is None:
                raise unsupported(f'NUMA node {node} is unavailable',
                                  domain=libvirt.VIR_FROM_NONE)


def _check_placement(definition: Definition, mode: int | None, nodes: set[int] | None) -> None:
    """Refuse a mode for memory that is bound to no nodes.

    Source: libvirt 9.0.0, src/conf/numa_conf.c (virDomainNumatuneSet).
    """
    vcpu = definition.root.find('vcpu')
    automatic = vcpu is not None and vcpu.get('placement') == 'auto'
    if mode is not None and nodes is None and not automatic \
            and definition.root.find('numatune/memory') is None:
        raise unsupported("nodeset for NUMA memory tuning must be set if 'placement' is 'static'",
                          domain=libvirt.VIR_FROM_DOMAIN)


#: The type of each of the scheduler's parameters.
_SCHEDULER_TYPES = {name: (libvirt.VIR_TYPED_PARAM_LLONG if name.endswith('quota')
                           else libvirt.VIR_TYPED_PARAM_ULLONG) for name, _, _ in _SCHEDULER}


def _scheduler(domain: Domain, flags: int) -> list[TypedParameter]:
    """Return the parameters; those that a configuration does not have are 0."""
    definition = get_one_def(domain, flags)
    found: list[TypedParameter] = []
    for name, tag, default in _SCHEDULER:
        value = int(definition.root.findtext(f'cputune/{tag}')
                    or (default if definition is domain.live else 0))
        found.append(TypedParameter.llong(name, value) if name.endswith('quota')
                     else TypedParameter.ullong(name, value))
    return found


def _set_scheduler(domain: Domain, params: list[TypedParameter], flags: int) -> None:
    tags = {name: tag for name, tag, _ in _SCHEDULER}
    live, config = get_defs(domain, flags)
    for parameter in params:
        value = int(parameter.value)
        low, high = PERIODS if parameter.name.endswith('period') else QUOTAS
        if parameter.name != 'cpu_shares' and (0 < value < low or value > high):
            raise bad_argument(f"value of '{parameter.name}' is out of range [{low}, {high}]")
        if parameter.name == 'cpu_shares' and live is not None and not (
                SHARES[0] <= value <= SHARES[1]):
            raise bad_argument(f"shares '{value}' must be in range [{SHARES[0]}, {SHARES[1]}]",
                               domain=libvirt.VIR_FROM_CGROUP)
    for parameter in params:
        for definition in (live, config):
            if definition is not None:
                set_element(definition, 'cputune', tags[parameter.name], parameter.value)
