"""Procedures for the shares of a domain in the host's CPUs, disks and NUMA nodes.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

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
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition

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
        """How a domain shares the disks: its weight, and devices with weights of their own."""
        check_flags('qemuDomainGetBlkioParameters', flags, LIVE | CONFIG | _STRING_OKAY)
        found = get_one_def(self.domain(handle), flags).root.find('blkiotune')
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
        """Set a domain's weight among those that share the disks."""
        check_flags('qemuDomainSetBlkioParameters', flags, LIVE | CONFIG)
        for definition in get_defs(self.domain(handle), flags):
            for parameter in params:
                if parameter.name != 'weight':
                    raise unsupported(f"parameter '{parameter.name}' not supported",
                                      domain=libvirt.VIR_FROM_NONE)
                if definition is not None:
                    set_element(definition, 'blkiotune', 'weight', parameter.value)

    @procedure
    def domain_get_numa_parameters(self, handle: DomainHandle, nparams: int,
                                   flags: int) -> list[TypedParameter]:
        """Where on the host a domain's memory may be."""
        check_flags('qemuDomainGetNumaParameters', flags, LIVE | CONFIG | _STRING_OKAY)
        found = get_one_def(self.domain(handle), flags).root.find('numatune/memory')
        mode = 'strict' if found is None else found.get('mode', 'strict')
        nodes = '' if found is None else found.get('nodeset', '')
        return [TypedParameter.int_('numa_mode', _NUMATUNE_MODES.index(mode)),
                TypedParameter.string('numa_nodeset', nodes)]

    @procedure
    def domain_set_numa_parameters(self, handle: DomainHandle, params: list[TypedParameter],
                                   flags: int) -> None:
        """Say where on the host a domain's memory may be."""
        check_flags('qemuDomainSetNumaParameters', flags, LIVE | CONFIG)
        live, config = get_defs(self.domain(handle), flags)
        values = {parameter.name: parameter.value for parameter in params}
        nodes = values.get('numa_nodeset')
        if nodes is not None and numbers.bitmap(str(nodes)) is None:
            raise bad_argument(f"Failed to parse bitmap '{nodes}'", domain=libvirt.VIR_FROM_NONE)
        if nodes == '':
            raise invalid(f"Invalid nodeset of 'numatune': {nodes}")
        mode = values.get('numa_mode')
        if mode is not None and int(mode) not in range(len(_NUMATUNE_MODES)):
            raise bad_argument(f"unsupported numatune mode: '{mode}'")
        if live is not None:
            found = live.root.find('numatune/memory')
            now = 'strict' if found is None else found.get('mode', 'strict')
            if mode is not None and _NUMATUNE_MODES[int(mode)] != now:
                raise invalid("can't change numatune mode for running domain")
            if nodes is not None and now != 'restrictive':
                raise invalid('change of nodeset for running domain requires restrictive numa '
                              'mode')
        for definition in (live, config):
            if definition is not None:
                tune = ensure_element(ensure_element(definition.root, 'numatune'), 'memory')
                if mode is not None:
                    tune.set('mode', _NUMATUNE_MODES[int(mode)])
                elif tune.get('mode') is None:
                    tune.set('mode', 'strict')
                if nodes is not None:
                    tune.set('nodeset', str(nodes))

    @procedure
    def domain_get_scheduler_type(self, handle: DomainHandle) -> tuple[str, int]:
        """The scheduler's kind, and how many parameters it has."""
        self.domain(handle)
        return 'posix', len(_SCHEDULER)

    @procedure
    def domain_get_scheduler_parameters(self, handle: DomainHandle,
                                        nparams: int) -> list[TypedParameter]:
        """How a domain shares the CPUs."""
        return _scheduler(get_one_def(self.domain(handle), 0))

    @procedure
    def domain_get_scheduler_parameters_flags(self, handle: DomainHandle, nparams: int,
                                              flags: int) -> list[TypedParameter]:
        """How a domain shares the CPUs, now or from the next start on."""
        check_flags('qemuDomainGetSchedulerParametersFlags', flags, LIVE | CONFIG | _STRING_OKAY)
        return _scheduler(get_one_def(self.domain(handle), flags))

    @procedure
    def domain_set_scheduler_parameters(self, handle: DomainHandle,
                                        params: list[TypedParameter]) -> None:
        """Say how a domain shares the CPUs."""
        _set_scheduler(self.domain(handle), params, 0)

    @procedure
    def domain_set_scheduler_parameters_flags(self, handle: DomainHandle,
                                              params: list[TypedParameter],
                                              flags: int) -> None:
        """Say how a domain shares the CPUs, now or from the next start on."""
        check_flags('qemuDomainSetSchedulerParametersFlags', flags, LIVE | CONFIG)
        _set_scheduler(self.domain(handle), params, flags)


#: The scheduler's parameters: libvirt's name, the element, and the value where there is none.
_SCHEDULER = (('cpu_shares', 'shares', 1024), ('vcpu_period', 'period', 100000),
              ('vcpu_quota', 'quota', -1), ('emulator_period', 'emulator_period', 100000),
              ('emulator_quota', 'emulator_quota', -1),
              ('global_period', 'global_period', 100000), ('global_quota', 'global_quota', -1),
              ('iothread_period', 'iothread_period', 100000),
              ('iothread_quota', 'iothread_quota', -1))


def _scheduler(definition: Definition) -> list[TypedParameter]:
    found: list[TypedParameter] = []
    for name, tag, default in _SCHEDULER:
        value = int(definition.root.findtext(f'cputune/{tag}') or default)
        found.append(TypedParameter.llong(name, value) if name.endswith('quota')
                     else TypedParameter.ullong(name, value))
    return found


def _set_scheduler(domain: Domain, params: list[TypedParameter], flags: int) -> None:
    tags = {name: tag for name, tag, _ in _SCHEDULER}
    live, config = get_defs(domain, flags)
    for parameter in params:
        if parameter.name not in tags:
            raise unsupported(f"parameter '{parameter.name}' not supported",
                              domain=libvirt.VIR_FROM_NONE)
        value = int(parameter.value)
        if parameter.name.endswith('period') and value and not 1000 <= value <= 1000000:
            raise bad_argument(f'value of \'{tags[parameter.name]}\' is out of range [1000, '
                               '1000000]')
        for definition in (live, config):
            if definition is not None:
                set_element(definition, 'cputune', tags[parameter.name], value)


