"""Refuse invalid sections of a domain: firmware, features, CPU, clock, identity and security.

Source: libvirt 9.0.0, src/conf/domain_conf.c, src/conf/domain_validate.c, src/conf/cpu_conf.c
(virCPUDefParseXML), src/util/virsysinfo.c, src/qemu/qemu_validate.c; each refusal was compared
with libvirt 9.0.0.
"""

from __future__ import annotations

import re
import uuid as uuids
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    bad_argument,
    bad_xml,
    internal,
    missing_attribute,
    unsupported,
    xml_detail,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import vcpu_checks
from vpmem_harness.libvirtd.xml.etree import Element, drop, every, first, having, text_of

_DOMAIN: Final[int] = libvirt.VIR_FROM_DOMAIN
_CPU: Final[int] = libvirt.VIR_FROM_CPU

_DATE: Final = re.compile(r'[0-9][0-9]?/[0-9][0-9]?/([0-9][0-9]|[0-9]{4})')
#: The maximum length of the name of an application in a Fibre Channel network.
_APP_ID_MAX: Final = 128
_LOCK_FAILURES: Final = ('default', 'poweroff', 'restart', 'pause', 'ignore')
_HYPERV: Final = ('relaxed', 'vapic', 'spinlocks', 'vpindex', 'runtime', 'synic', 'stimer',
                  'reset', 'vendor_id', 'frequencies', 'reenlightenment', 'tlbflush', 'ipi',
                  'evmcs', 'avic')
_KVM: Final = ('hidden', 'hint-dedicated', 'poll-control', 'pv-ipi', 'dirty-ring')
_OTHER_ARCHITECTURES: Final = ('gic', 'hpt', 'htm', 'nested-hv', 'ccf-assist', 'cfpc', 'sbbc',
                               'ibs')


def check(source: Element) -> None:
    """Refuse sections that libvirt does not understand."""
    _check_firmware(source)
    _check_hyperv(source)
    _check_kvm(source)
    _check_cpu(source)
    _check_clock(source)
    _check_sysinfo(source)
    _check_labels(source)
    _check_distances(source)
    _check_resources(source)
    _check_id_map(source)
    vcpu_checks.check(source)
    action = text_of(source, 'on_lockfailure')
    if action and action not in _LOCK_FAILURES:
        raise unsupported(f'unknown on_lockfailure action: {action}', domain=_DOMAIN)
    seen: set[str | None] = set()
    for event in every(source, 'perf/event'):
        if event.get('name') in seen:
            raise bad_xml(f"perf event '{event.get('name')}' was already specified")
        seen.add(event.get('name'))


def _check_resources(source: Element) -> None:
    if len(source.findall('resource')) > 1:
        raise bad_xml('only one resource element is supported')
    for channel in every(source, 'resource/fibrechannel'):
        if not 1 <= len(channel.get('appid', '-').encode()) <= _APP_ID_MAX:
            raise bad_argument("Fibre Channel 'appid' string length must be between "
                               f'[1, {_APP_ID_MAX}]', domain=_DOMAIN)


def _check_id_map(source: Element) -> None:
    """Refuse maps of users and groups that are not complete."""
    maps = {tag: every(source, f'idmap/{tag}') for tag in ('uid', 'gid')}
    for entry in (*maps['uid'], *maps['gid']):
        if any(numbers.whole(entry.get(name)) is None for name in ('start', 'target', 'count')):
            raise bad_xml('invalid idmap start/target/count settings')
    for found in maps.values():
        if found and all(numbers.whole(entry.get('start')) for entry in found):
            raise unsupported('You must map the root user of container', domain=_DOMAIN)
    if bool(maps['uid']) != bool(maps['gid']):
        raise unsupported('uid and gid should be mapped both', domain=_DOMAIN)


def _check_firmware(source: Element) -> None:
    menu, bios = first(source, 'os/bootmenu'), first(source, 'os/bios')
    timeout = numbers.whole(None if menu is None else menu.get('timeout'))
    if timeout is not None and timeout > 65535:
        raise unsupported('invalid value for boot menu timeout, must be in range [0,65535]',
                          domain=_DOMAIN)
    delay = None if bios is None else bios.get('rebootTimeout')
    if delay is not None and not -1 <= int(delay) <= 65535:
        raise unsupported('invalid value for rebootTimeout, must be in range [-1,65535]',
                          domain=_DOMAIN)
    for tcg in every(source, 'features/tcg'):
        if not numbers.kib(tcg, './tb-cache'):
            drop(tcg, 'tb-cache')
    for table in every(source, 'os/acpi/table'):
        if table.get('type') != 'slic':
            raise bad_xml(f"Unknown acpi table type: {table.get('type')}")


def _features_in(source: Element, group: str) -> list[Element]:
    """Return the features in the first group with a name."""
    found = first(source, f'features/{group}')
    return [] if found is None else list(found)


def _check_hyperv(source: Element) -> None:
    for feature in _features_in(source, 'hyperv'):
        if feature.tag not in _HYPERV:
            raise unsupported(f'unsupported HyperV Enlightenment feature: {feature.tag}',
                              domain=_DOMAIN)
        if feature.get('state') != 'on':
            continue
        if feature.tag == 'spinlocks':
            if feature.get('retries') is None:
                raise missing_attribute('spinlocks', 'retries')
            if (numbers.whole(feature.get('retries')) or 0) < 4095:
                raise bad_xml('HyperV spinlock retry count must be at least 4095')
        elif feature.tag == 'vendor_id':
            _check_vendor(feature.get('value'))


def _check_vendor(value: str | None) -> None:
    if not value:
        raise bad_xml("missing 'value' attribute for HyperV feature 'vendor_id'")
    if len(value) > 12:
        raise bad_xml('HyperV vendor_id value must not be more than 12 characters.')
    if ',' in value:
        raise bad_xml('HyperV vendor_id value is invalid')


def _check_kvm(source: Element) -> None:
    for feature in _features_in(source, 'kvm'):
        if feature.tag not in _KVM:
            raise unsupported(f'unsupported KVM feature: {feature.tag}', domain=_DOMAIN)
        if feature.tag == 'dirty-ring' and feature.get('state') == 'on':
            if feature.get('size') is None:
                raise missing_attribute('dirty-ring', 'size')
            size = numbers.whole(feature.get('size')) or 0
            if not 1024 <= size <= 65536 or size & (size - 1):
                raise bad_xml('dirty ring must be power of 2 and ranges [1024, 65536]')


def _check_cpu(source: Element) -> None:
    cpu = source.find('cpu')
    if cpu is None:
        return
    model, mode = cpu.find('model'), cpu.get('mode')
    if cpu.get('migratable') is not None and mode not in ('host-passthrough', 'maximum'):
        raise unsupported("Attribute migratable is only allowed for 'host-passthrough' / 'maximum' "
                          'CPU mode', domain=_CPU)
    vendor = None if model is None else model.get('vendor_id')
    if vendor is not None and len(vendor) != 12:
        raise bad_xml('vendor_id must be exactly 12 characters long', domain=_CPU)
    named = model is not None and bool(model.text)
    if not named and mode in (None, 'custom'):
        if cpu.find('vendor') is not None:
            raise bad_xml('CPU vendor specified without CPU model', domain=_CPU)
        if cpu.find('feature') is not None:
            raise bad_xml('Non-empty feature list specified without CPU model', domain=_CPU)
    check_cpu_features(cpu)


def check_cpu_features(cpu: Element) -> None:
    """Refuse features of a CPU that have no name, or the name of another one."""
    seen: set[str] = set()
    for feature in cpu.findall('feature'):
        name = feature.get('name')
        if not name:
            raise bad_xml('Invalid CPU feature name', domain=_CPU)
        if name in seen:
            raise bad_xml(f"CPU feature '{name}' specified more than once", domain=_CPU)
        seen.add(name)


def _check_clock(source: Element) -> None:
    clock = source.find('clock')
    if clock is None:
        return
    for offset, name in (('timezone', 'timezone'), ('absolute', 'start')):
        if clock.get('offset') == offset and clock.get(name) is None:
            raise internal(f"missing '{name}' attribute for clock with offset='{offset}'",
                           domain=_DOMAIN)


def _check_sysinfo(source: Element) -> None:
    for entry in every(source, 'sysinfo/bios/entry'):
        if entry.get('name') == 'date' and not _DATE.fullmatch(entry.text or ''):
            raise xml_detail("Invalid BIOS 'date' format")
    for entry in every(source, 'sysinfo/system/entry'):
        if entry.get('name') == 'uuid':
            _check_uuid(entry.text or '', text_of(source, 'uuid'))
    for sysinfo in having(source, 'sysinfo', type='fwcfg'):
        for entry in sysinfo.findall('entry'):
            if not entry.get('name'):
                raise bad_xml("Firmware entry is missing 'name' attribute")
            if not entry.get('name', '').startswith('opt/'):
                raise unsupported('Invalid firmware name')


def _check_uuid(text: str, domain: str | None) -> None:
    try:
        number = uuids.UUID(text.strip())
        if domain and uuids.UUID(domain.strip()) != number:
            raise xml_detail('UUID mismatch between <uuid> and <sysinfo>')
    except ValueError:
        raise xml_detail('malformed <sysinfo> uuid element') from None


def _check_labels(source: Element) -> None:
    seen: set[str] = set()
    for label in source.findall('seclabel'):
        kind, model = label.get('type', 'dynamic'), label.get('model')
        if kind == 'static' and not text_of(label, 'label'):
            raise bad_xml('security label is missing')
        if kind == 'none' and label.get('relabel') == 'yes':
            raise unsupported("resource relabeling is not compatible with 'none' label type",
                              domain=_DOMAIN)
        if kind == 'dynamic' and label.get('relabel') == 'no':
            raise unsupported('dynamic label type must use resource relabeling', domain=_DOMAIN)
        if model is None and kind != 'none':
            raise bad_xml('missing security model in domain seclabel')
        if model is not None and model in seen:
            raise xml_detail(f'seclabel for model {model} is already provided')
        seen.add(model or '')


def _check_distances(source: Element) -> None:
    cells = every(source, 'cpu/numa/cell')
    for place, cell in enumerate(cells):
        number = cell.get('id', str(place))
        for sibling in every(cell, 'distances/sibling'):
            if (numbers.whole(sibling.get('id')) or 0) >= len(cells):
                raise bad_xml(f"'sibling_id {sibling.get('id')}' does not refer to a valid cell "
                              f"within NUMA 'cell id {number}'")
            value = numbers.whole(sibling.get('value'))
            same = sibling.get('id') == number
            if value is not None and (not 10 <= value <= 255 or same != (value == 10)):
                raise bad_xml(f"'value {value}' is invalid for 'sibling id {sibling.get('id')}' "
                              f"under NUMA 'cell id {number}'")


def check_driver(definition: Definition) -> None:
    """Refuse sections that QEMU does not support."""
    root = definition.root
    for feature in every(root, 'features'):
        for tag in _OTHER_ARCHITECTURES:
            if feature.find(tag) is not None:
                raise unsupported(f"The '{tag}' feature is not supported for architecture "
                                  f"'{definition.arch}' or machine type '{definition.machine}'")
    tseg = first(root, 'features/smm/tseg')
    if tseg is not None and numbers.kib(tseg, '.') % 1024:
        raise unsupported('SMM TSEG size must be divisible by 1 MiB')
    cache = first(root, 'features/tcg/tb-cache')
    if cache is not None and definition.virt_type != 'qemu':
        raise unsupported('TCG features are incompatible with domain type '
                          f"'{definition.virt_type}'")
    if cache is not None and int(cache.text or 0) % 1024:
        raise unsupported('tb-cache size must be an integer multiple of MiB')
    bios = first(root, 'os/bios')
    if bios is not None and bios.get('useserial') == 'yes' \
            and definition.devices.find('serial') is None:
        raise bad_xml('need at least one serial port to use BIOS serial output',
                      domain=libvirt.VIR_FROM_QEMU)
    if definition.virt_type != 'kvm' and (first(root, 'cputune/cachetune') is not None
                                          or first(root, 'cputune/memorytune') is not None):
        raise unsupported('cachetune is only supported for KVM domains')
    if root.find('bootloader') is not None:
        raise unsupported('bootloader is not supported by QEMU')
    if root.findtext('on_poweroff') == 'restart' and root.findtext('on_reboot') == 'destroy':
        raise unsupported("qemu driver doesn't support 'onReboot' set to 'destroy and "
                          "'onPoweroff' set to 'reboot'")
    _check_cache(root)
    for timer in every(root, 'clock/timer'):
        _check_timer(timer, definition)


def _check_cache(root: Element) -> None:
    cpu = root.find('cpu')
    if cpu is None:
        return
    cache, bits = cpu.find('cache'), cpu.find('maxphysaddr')
    whole = cpu.get('mode') in ('host-passthrough', 'maximum')
    if cache is not None and cache.get('mode') == 'passthrough' and not whole:
        raise unsupported("CPU cache mode 'passthrough' can only be used with 'host-passthrough' / "
                          "'maximum' CPUs")
    if cache is not None and cache.get('mode') == 'emulate' and cache.get('level') != '3':
        raise unsupported("CPU cache mode 'emulate' can only be used with level='3'")
    if bits is not None and bits.get('mode') == 'passthrough' and bits.get('bits') is not None:
        raise unsupported('CPU maximum physical address bits number specification cannot be used '
                          "with mode='passthrough'")
    if bits is not None and bits.get('mode') == 'emulate' and bits.get('bits') is None:
        raise unsupported("if using CPU maximum physical address mode='emulate', bits= must be "
                          'specified too')


def _check_timer(timer: Element, definition: Definition) -> None:
    name, policy = timer.get('name'), timer.get('tickpolicy')
    if name == 'platform':
        raise unsupported(f"unsupported timer type (name) '{name}'")
    if name == 'armvtimer':
        raise unsupported(f"Configuring the '{name}' timer is not supported for "
                          f'virtType={definition.virt_type} arch={definition.arch} '
                          f'machine={definition.machine} guests')
    if name == 'rtc' and policy not in (None, 'delay', 'catchup'):
        raise unsupported(f"unsupported rtc timer tickpolicy '{policy}'")
    if name == 'rtc' and timer.get('track') not in (None, 'guest', 'wall', 'realtime'):
        raise unsupported(f"unsupported rtc timer track '{timer.get('track')}'")
    if name == 'pit' and policy not in (None, 'delay', 'discard'):
        raise unsupported(f"unsupported pit tickpolicy '{policy}'")
