"""Attributes of devices that have only certain values.

Source: libvirt 9.0.0 and 11.3.0, src/conf/domain_conf.c; each error was compared with both.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import (
    bad_attribute,
    bad_xml,
    internal,
    missing_attribute,
    unknown_value,
    unsupported,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element

_DOMAIN = libvirt.VIR_FROM_DOMAIN

_ACTIONS = ('reset', 'shutdown', 'poweroff', 'pause', 'none', 'dump', 'inject-nmi')
_VIDEO = ('default', 'vga', 'cirrus', 'vmvga', 'xen', 'vbox', 'qxl', 'parallels', 'virtio', 'gop',
          'none', 'bochs', 'ramfb')
_HOSTDEVS = {
    'subsystem': ('usb', 'pci', 'scsi', 'scsi_host', 'mdev'),
    'capabilities': ('storage', 'misc', 'net')}


def check(device: Element) -> None:
    """Refuse a device without a required attribute, or with an unknown value of one."""
    checker = _CHECKERS.get(str(device.tag))
    if checker is not None:
        checker(device)


def _rng(device: Element) -> None:
    model = device.get('model')
    if model is None:
        raise bad_xml('missing RNG device model')
    if model not in ('virtio', 'virtio-transitional', 'virtio-non-transitional'):
        raise unknown_value(unsupported(
            f"unknown RNG model '{model}'", domain=libvirt.VIR_FROM_DOMAIN), 'rng', 'model', model)
    backends = device.findall('backend')
    if len(backends) != 1:
        raise bad_xml('only one RNG backend is supported')
    backend = backends[0].get('model')
    if backend is None:
        raise bad_xml('missing RNG device backend model').renewed(
            'names_attributes', missing_attribute('backend', 'model'))
    if backend not in ('random', 'egd', 'builtin'):
        raise unknown_value(unsupported(
            f"unknown RNG backend model '{backend}'", domain=libvirt.VIR_FROM_DOMAIN),
            'backend', 'model', backend)
    if backend == 'egd' and backends[0].get('type') is None:
        raise bad_xml('missing EGD backend type')


def _watchdog(device: Element) -> None:
    if device.get('model') is None:
        raise internal('watchdog must contain model name', domain=_DOMAIN).renewed(
            'names_attributes', missing_attribute('watchdog', 'model'))
    action = device.get('action')
    if action is not None and action not in _ACTIONS:
        raise unknown_value(unsupported(f"unknown watchdog action '{action}'", domain=_DOMAIN),
                            'watchdog', 'action', action)


def _video(device: Element) -> None:
    model = device.find('model')
    if model is None:
        return
    kind = model.get('type')
    if kind is not None and kind not in _VIDEO:
        raise unknown_value(unsupported(f"unknown video model '{kind}'", domain=_DOMAIN),
                            'model', 'type', kind)
    for name in ('ram', 'vram', 'vgamem', 'heads'):
        text = model.get(name)
        if text is not None and numbers.whole(text) is None:
            what = f"cannot parse video {name} '{text}'"
            error = internal(what, domain=_DOMAIN) if name == 'heads' else bad_xml(what)
            raise error.renewed('names_attributes', bad_attribute(
                'model', name, text, expected='non-negative integer value'))


def _hostdev(device: Element) -> None:
    mode = device.get('mode') or 'subsystem'
    if mode not in _HOSTDEVS:
        raise unknown_value(unsupported(f"unknown hostdev mode '{mode}'", domain=_DOMAIN),
                            'hostdev', 'mode', mode)
    kind = device.get('type')
    if kind is not None and kind not in _HOSTDEVS[mode]:
        raise unknown_value(
            unsupported(f"unknown host device source address type '{kind}'", domain=_DOMAIN),
            'hostdev', 'type', kind)


_CHECKERS = {'rng': _rng, 'watchdog': _watchdog, 'video': _video, 'hostdev': _hostdev}
