"""Procedures that limit the throughput of a domain's disks and interfaces.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainSetBlockIoTune and others),
src/conf/domain_conf.c (virDomainNetFind), src/util/virnetdevbandwidth.h.
"""

from __future__ import annotations

import re

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.block_jobs import chain
from vpmem_harness.libvirtd.hypervisor.domain.definitions import CONFIG, LIVE, get_defs, get_one_def
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.network import guests
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import aliases, disk_chain, disks, interfaces
from vpmem_harness.libvirtd.xml.etree import Element, add, copy, drop

_STRING_OKAY: int = libvirt.VIR_TYPED_PARAM_STRING_OKAY
_UINT: int = libvirt.VIR_TYPED_PARAM_UINT
_ULLONG: int = libvirt.VIR_TYPED_PARAM_ULLONG
_STRING: int = libvirt.VIR_TYPED_PARAM_STRING

_UNITS = ('bytes_sec', 'iops_sec')
_WAYS = ('total', 'read', 'write')


def _family(ending: str) -> list[str]:
    return [f'{way}_{ending}' for way in _WAYS]


#: Families of limits of a disk: setting one of a family sets them all.
_FAMILIES = [_family(f'{unit}{ending}') for ending in ('', '_max', '_max_length')
             for unit in _UNITS] + [['size_iops_sec'], ['group_name']]

#: The limits of a disk, named like their parameters and elements, in libvirt's order.
_LIMITS = [*(name for family in _FAMILIES[:4] for name in family), 'size_iops_sec', 'group_name',
           *(name for family in _FAMILIES[4:6] for name in family)]

#: QEMU's maximum for a limit.
_MOST = 1000000000000000

#: The parameters of an interface in libvirt's order: direction and attribute.
_RATES = [(way, rate) for way, rates in (('inbound', ('average', 'peak', 'burst', 'floor')),
                                         ('outbound', ('average', 'peak', 'burst')))
          for rate in rates]

#: The types of interfaces whose traffic libvirt can limit.
_SHAPED = ('bridge', 'network', 'direct', 'ethernet')


class ThrottlingProcedures(ProcedureGroup):
    """Procedures that limit the throughput of a domain's disks and interfaces."""

    @procedure
    def domain_set_block_threshold(self, handle: DomainHandle, device: str, threshold: int,
                                   flags: int) -> None:
        """Ask for an event when a disk's image has grown so far; no guest writes that much.

        :param device: the target, with the index of a source of its chain, such as ``vda[2]``.
        """
        check_flags('qemuDomainSetBlockThreshold', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        parts = re.fullmatch(r'([^\[]*)(?:\[([0-9]+)\])?', device)
        if parts is None:
            raise bad_argument(f"failed to parse block device '{device}'")
        target, index = parts.groups()
        for disk in domain.definition.devices.findall('disk'):
            # libvirt 9.0.0 crashes for a disk without a name.
            if target and disks.target(disk)[0] == target:
                known = [chain.index(image) for image in disk_chain.images(disk)]
                if not int(index or 0) and disk.find('source') is None:
                    raise internal("argument key 'node-name' must not have null value",
                                   domain=libvirt.VIR_FROM_NONE)
                if not int(index or 0) or index in known:
                    domain.thresholds[index if int(index or 0) else known[0] or ''] = threshold
                    return
        raise bad_argument(f"failed to find disk '{device}'")

    @procedure
    def domain_get_block_io_tune(self, handle: DomainHandle, path: str | None, nparams: int,
                                 flags: int) -> list[TypedParameter]:
        """Return the limits of a disk's throughput."""
        check_flags('qemuDomainGetBlockIoTune', flags, LIVE | CONFIG | _STRING_OKAY)
        domain = self.domain(handle)
        definition = get_one_def(domain, flags & ~_STRING_OKAY)
        values: dict[str, str] = {}
        if nparams:
            text = ("disk '{}' not found in domain" if definition is domain.live
                    else "disk '{}' was not found in the domain config")
            disk = _disk(definition, path or '', text)
            if definition is domain.live and disk.find('source') is None:
                raise internal('block_io_throttle inserted entry was not in expected format')
            values = _limits(disk)
            if definition is domain.live and values and 'group_name' not in values:
                values['group_name'] = _device_path(disk)
        return [TypedParameter.string(name, values.get(name, '')) if name == 'group_name'
                else TypedParameter.ullong(name, int(values.get(name, 0))) for name in _LIMITS]

    @procedure
    def domain_set_block_io_tune(self, handle: DomainHandle, path: str,
                                 params: list[TypedParameter], flags: int) -> None:
        """Limit a disk's throughput."""
        check_flags('qemuDomainSetBlockIoTune', flags, LIVE | CONFIG)
        check_parameters(params, {name: _STRING if name == 'group_name' else _ULLONG
                                  for name in _LIMITS})
        domain = self.domain(handle)
        live, config = get_defs(domain, flags)
        wanted = {parameter.name: str(parameter.value) for parameter in params}
        _check_limits(wanted)
        changes = []
        if live is not None:
            disk = _disk(live, path, "disk '{}' not found in domain")
            changes.append((live, disk, _merged(live, disk, wanted)))
            _check_maxima(changes[0][2])
        if config is not None:
            disk = _disk(config, path, "missing persistent configuration for disk '{}'")
            changes.append((config, disk, _merged(config, disk, wanted)))
        for definition, disk, values in changes:
            _limit(definition, disk, values)
        if live is not None and params:
            self.hypervisor.events.publish(
                libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE, domain,
                [TypedParameter.string('blkdeviotune.disk', path),
                 *(parameter._replace(name=f'blkdeviotune.{parameter.name}')
                   for parameter in params)])

    @procedure
    def domain_get_interface_parameters(self, handle: DomainHandle, device: str, nparams: int,
                                        flags: int) -> list[TypedParameter]:
        """Return the limits of an interface's traffic, in KiB a second and KiB."""
        check_flags('qemuDomainGetInterfaceParameters', flags, LIVE | CONFIG | _STRING_OKAY)
        definition = get_one_def(self.domain(handle), flags & ~_STRING_OKAY)
        found = _interface(definition, device) if nparams else None
        params = []
        for way, rate in _RATES:
            shaped = None if found is None else found.find(f'bandwidth/{way}')
            value = 0 if shaped is None else int(shaped.get(rate, '0'))
            params.append(TypedParameter.uint(f'{way}.{rate}', value))
        return params

    @procedure
    def domain_set_interface_parameters(self, handle: DomainHandle, device: str,
                                        params: list[TypedParameter], flags: int) -> None:
        """Limit an interface's traffic, in KiB a second and KiB."""
        check_flags('qemuDomainSetInterfaceParameters', flags, LIVE | CONFIG)
        check_parameters(params, {f'{way}.{rate}': _UINT for way, rate in _RATES})
        live, config = get_defs(self.domain(handle), flags)
        found = [_interface(definition, device) for definition in (live, config)
                 if definition is not None]
        for interface in found:
            if interface.get('type') not in _SHAPED:
                raise unsupported(f"setting bandwidth on interfaces of type "
                                  f"'{interface.get('type')}' is not implemented yet")
        wanted = {parameter.name: int(parameter.value) for parameter in params}
        if live is not None and wanted.get('inbound.floor') \
                and found[0].get('type') != 'network':
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                f"Invalid use of 'floor' on interface with MAC address "
                f"{interfaces.mac(found[0])} - 'floor' is only supported for interface type "
                "'network' with forward type 'nat', 'route', 'open' or none")
        if live is not None and wanted.get('inbound.floor'):
            changed = copy(found[0])
            _shape(changed, wanted)
            guests.check_floors(self.hypervisor.networks, [changed], (
                each for each in self.hypervisor.domains.live_interfaces() if each is not found[0]))
        for interface in found:
            _shape(interface, wanted)


def _disk(definition: Definition, path: str, text: str) -> Element:
    """Return the disk with that target or source."""
    disk = disks.named(definition.devices, path)
    if disk is None:
        raise bad_argument(text.format(path))
    if disk.get('type') == 'vhostuser':
        raise unsupported('a block I/O throttling is not supported for vhostuser disk')
    return disk


def _limits(disk: Element) -> dict[str, str]:
    return {str(limit.tag): limit.text or '' for limit in disk.findall('iotune/*')}


def _check_limits(wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        if name != 'group_name' and int(value) > _MOST:
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'block I/O throttle limit value must be no more than '
                               f'{_MOST}')
    for total, read, write in _FAMILIES[:4]:
        if _value(wanted, total) and (_value(wanted, read) or _value(wanted, write)):
            raise bad_argument(f"total and read/write of {total.removeprefix('total_')} cannot "
                               'be set at the same time')


def _value(values: dict[str, str], name: str) -> int:
    return int(values.get(name, 0))


def _merged(definition: Definition, disk: Element, wanted: dict[str, str]) -> dict[str, str]:
    """Return the limits of a disk after a change; families that it does not mention stay."""
    group = wanted.get('group_name')
    present = _limits(disk)
    if group and present.get('group_name') != group:
        for other in _grouped(definition, group):
            present = _limits(other)
            break
    merged = {}
    for family in _FAMILIES:
        kept = wanted if any(name in wanted for name in family) else present
        merged.update({name: kept[name] for name in family if name in kept})
    for name in (name for family in _FAMILIES[4:6] for name in family):
        plain = name.removesuffix('_max_length')
        if _value(present, name) and not _value(merged, name):
            merged[name] = str(int(bool(_value(merged, plain)
                                        or _value(merged, f'{plain}_max'))))
    if not any(_value(merged, name) for name in _LIMITS if name != 'group_name'):
        if group and _limits(disk).get('group_name') != group:
            raise unsupported('creating a new group/updating existing with all tune parameters '
                              'zero is not supported')
        return {}
    return merged


def _check_maxima(values: dict[str, str]) -> None:
    for name in (name for family in _FAMILIES[:2] for name in family):
        most = _value(values, f'{name}_max')
        if most and not _value(values, name):
            raise unsupported(f"cannot reset '{name}' when '{name}_max' is set")
        if most and most < _value(values, name):
            raise unsupported(f"value '{name}_max' cannot be smaller than '{name}'")


def _grouped(definition: Definition, group: str) -> list[Element]:
    return [disk for disk in definition.devices.findall('disk')
            if disk.findtext('iotune/group_name') == group]


def _limit(definition: Definition, disk: Element, values: dict[str, str]) -> None:
    group = values.get('group_name')
    others = _grouped(definition, group) if group else []
    for each in [disk, *(other for other in others if other is not disk)]:
        drop(each, 'iotune')
        given = {name: values[name] for name in _LIMITS if values.get(name, '') not in ('', '0')}
        if given:
            tune = add(each, 'iotune')
            for name, value in given.items():
                add(tune, name, value)


def _interface(definition: Definition, device: str) -> Element:
    """Return the interface with that MAC address or host name."""
    for interface in definition.devices.findall('interface'):
        target = interface.find('target')
        if device.lower() == interfaces.mac(interface) or (
                target is not None and device and target.get('dev') == device):
            return interface
    raise bad_argument(f"'{device}' is not a known interface", domain=libvirt.VIR_FROM_DOMAIN)


def _shape(interface: Element, wanted: dict[str, int]) -> None:
    """Set the limits of the directions whose average or floor is given; 0 removes a limit."""
    for way, needed in (('inbound', ('average', 'floor')), ('outbound', ('average',))):
        if not any(f'{way}.{rate}' in wanted for rate in needed):
            continue
        bandwidth = interface.find('bandwidth')
        if bandwidth is None:
            bandwidth = add(interface, 'bandwidth')
        drop(bandwidth, way)
        if any(wanted.get(f'{way}.{rate}') for rate in needed):
            add(bandwidth, way, **{rate: wanted[f'{way}.{rate}'] for other, rate in _RATES
                                   if other == way and wanted.get(f'{way}.{rate}')})
        if not len(bandwidth):
            interface.remove(bandwidth)


def _device_path(disk: Element) -> str:
    """Return the name that QEMU gives the throttle group of a disk: its device's."""
    alias = aliases.name(disk)
    return f'/machine/peripheral/{alias}/virtio-backend' \
        if disks.target(disk)[1] == 'virtio' else alias
