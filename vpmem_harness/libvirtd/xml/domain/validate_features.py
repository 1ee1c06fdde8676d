"""Checks of a domain's vCPUs, features, clock and lifecycle actions.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainVcpuParse, virDomainFeaturesDefParse,
virDomainEventActionParseXML), src/conf/cpu_conf.c (virCPUDefParseXML).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import (
    bad_attribute,
    bad_xml,
    internal,
    unsupported,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, every, text_of

_DOMAIN = libvirt.VIR_FROM_DOMAIN
_UINT_MAX = 2**32 - 1

_FEATURES = ('acpi', 'apic', 'pae', 'hap', 'viridian', 'privnet', 'hyperv', 'kvm', 'pvspinlock',
             'capabilities', 'pmu', 'vmport', 'gic', 'smm', 'ioapic', 'hpt', 'vmcoreinfo', 'htm',
             'nested-hv', 'msrs', 'ccf-assist', 'xen', 'cfpc', 'sbbc', 'ibs', 'tcg')
_ACTIONS = ('destroy', 'restart', 'rename-restart', 'preserve')
_CRASH_ACTIONS = (*_ACTIONS, 'coredump-destroy', 'coredump-restart')
_CLOCKS = ('utc', 'localtime', 'variable', 'timezone', 'absolute')
_CPU_MODES = ('custom', 'host-model', 'host-passthrough', 'maximum')
_GRAPHICS = ('sdl', 'vnc', 'rdp', 'desktop', 'spice', 'egl-headless', 'dbus')


def check(source: Element) -> None:
    """Refuse invalid values."""
    _check_cpu_mode(source)
    _check_vcpus(source)
    for feature in source.findall('features/*'):
        if feature.tag not in _FEATURES:
            raise unsupported(f"unexpected feature '{feature.tag}'", domain=_DOMAIN)
    for tag, actions in (('on_reboot', _ACTIONS), ('on_poweroff', _ACTIONS),
                         ('on_crash', _CRASH_ACTIONS)):
        action = text_of(source, tag)
        if action and action not in actions:
            raise unsupported(f'unknown {tag} action: {action}', domain=_DOMAIN)
    clock = source.find('clock')
    offset = None if clock is None else clock.get('offset')
    if offset and offset not in _CLOCKS:
        raise unsupported(f"unknown clock offset '{offset}'", domain=_DOMAIN)
    for graphics in every(source, 'devices/graphics'):
        kind = graphics.get('type')
        if kind is not None and kind not in _GRAPHICS:
            raise bad_attribute('graphics', 'type', kind)


def _check_cpu_mode(source: Element) -> None:
    cpu = source.find('cpu')
    mode = None if cpu is None else cpu.get('mode')
    if mode is not None and mode not in _CPU_MODES:
        raise unsupported(f"Invalid mode attribute '{mode}'", domain=libvirt.VIR_FROM_CPU)


def _check_vcpus(source: Element) -> None:
    vcpu = source.find('vcpu')
    if vcpu is None:
        return
    maximum = numbers.whole(vcpu.text or '')
    if maximum is None or maximum > _UINT_MAX:
        raise bad_xml('maximum vcpus count must be an integer')
    current = vcpu.get('current')
    count = numbers.whole(current)
    if current is not None and (count is None or count > _UINT_MAX):
        raise bad_attribute('vcpu', 'current', current, expected='non-negative integer value')
    if count is not None and count > maximum:
        raise unsupported('maximum vCPU count must not be less than current vCPU count',
                          domain=_DOMAIN)
    if not maximum:
        # The highest CPU of an empty <numa> is 0 as well.
        raise internal('CPU IDs in <numa> exceed the <vcpu> count', domain=_DOMAIN)
