"""Format definitions as live, inactive or migratable XML.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDefFormatInternalSetRootName),
src/qemu/qemu_domain.c (qemuDomainDefFormatBufInternal).
"""

from __future__ import annotations

from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import controllers, graphics
from vpmem_harness.libvirtd.xml.devices.aliases import USER_PREFIX
from vpmem_harness.libvirtd.xml.domain import postparse
from vpmem_harness.libvirtd.xml.domain.layout import DOMAIN
from vpmem_harness.libvirtd.xml.etree import Element, drop, every, having, unset


def domain(definition: Definition, *, inactive: bool = False, secure: bool = False,
           migratable: bool = False, asked_cpu: Element | None = None) -> str:
    """Format a definition.

    :param inactive: omit what only a running domain has.
    :param secure: include passwords.
    :param migratable: omit what older versions of libvirt do not understand.
    :param asked_cpu: with ``migratable``, the CPU of the definition before the start.
    """
    shown = definition.copy()
    root = shown.root
    if not secure and not migratable:
        hide_passwords(root)
    if inactive or migratable:
        stop(shown, migratable=migratable)
    else:
        for listen in every(root, 'devices/graphics/listen'):
            unset(listen, 'fromConfig')
    if migratable:
        if not inactive:
            _keep_cpu(root, asked_cpu, keep_mode=definition.release.keeps_cpu_fallback)
        _drop_defaults(shown)
    return DOMAIN.serialize(root)


def hide_passwords(root: Element) -> None:
    """Remove the passwords from a domain's document."""
    for device in every(root, 'devices/graphics'):
        unset(device, 'passwd', 'passwdValidTo')


def stop(definition: Definition, *, migratable: bool = False) -> None:
    """Remove from a live definition what only a running domain has."""
    root = definition.root
    unset(root, 'id')
    for label in having(root, 'seclabel', type='dynamic'):
        drop(label, 'label')
        drop(label, 'imagelabel')
        if label.get('model') == 'dac' and not len(label):
            root.remove(label)
    for device in definition.devices:
        for alias in device.findall('alias'):
            if not alias.get('name', '').startswith(USER_PREFIX):
                device.remove(alias)
        _STOP.get(str(device.tag), _nothing)(device)
        if device.tag == 'graphics':
            graphics.stop(device, migratable=migratable)


def _nothing(device: Element) -> None:
    """Do nothing: most devices are the same in live and inactive XML."""


def _disk(device: Element) -> None:
    source = device.find('source')
    if source is not None:
        unset(source, 'index')
    drop(device, 'mirror')
    driver = device.find('driver')
    if driver is not None and driver.get('type') is None and device.get('type') != 'volume':
        driver.set('type', 'raw')


def _interface(device: Element) -> None:
    source = device.find('source')
    if source is not None and device.get('type') == 'network':
        unset(source, 'portid', 'bridge')
    target = device.find('target')
    if target is not None and target.get('dev', '').startswith('vnet'):
        device.remove(target)


def _character(device: Element) -> None:
    unset(device, 'tty')
    if device.get('type') == 'pty':
        drop(device, 'source')
    for found in device.findall('source'):
        unset(found, 'tls')
    target = device.find('target')
    if target is not None:
        unset(target, 'state')
    source = device.find('source')
    if device.tag == 'channel' and source is not None \
            and source.get('path', '').startswith('/var/lib/libvirt/qemu/channel/target/domain-'):
        unset(source, 'path', 'mode')
        device.remove(source)


def _memory(device: Element) -> None:
    drop(device, 'target/current')


_STOP = {'disk': _disk, 'interface': _interface, 'serial': _character, 'parallel': _character,
         'console': _character, 'channel': _character, 'memory': _memory}


def _keep_cpu(root: Element, asked: Element | None, *, keep_mode: bool) -> None:
    """Replace the CPU that the guest sees by the requested one."""
    cpu = root.find('cpu')
    if asked is None or cpu is None or (asked.get('mode') == 'host-model' and not keep_mode):
        return
    numa = cpu.find('numa')
    kept = etree.copy(asked)
    drop(kept, 'numa')
    if numa is not None:
        kept.append(etree.copy(numa))
    model = kept.find('model')
    if model is not None and kept.get('mode') == 'custom' and not keep_mode:
        model.set('fallback', 'forbid')
    etree.replace(root, cpu, kept)


def _drop_defaults(definition: Definition) -> None:
    """Remove the devices that every libvirt adds by default."""
    devices = definition.devices
    controllers.sort(devices)
    usb = having(devices, 'controller', type='usb')
    if definition.is_i440fx and len(usb) == 1 and not usb[0].get('ports') \
            and (usb[0].get('index'), usb[0].get('model')) == ('0', 'piix3-uhci'):
        devices.remove(usb[0])
    for bus in having(devices, 'controller', type='pci', index='0', model='pci-root')[:1]:
        if bus.find('target') is None:
            devices.remove(bus)
    for device in having(devices, 'input', type='keyboard', bus='ps2'):
        devices.remove(device)
    for device in having(devices, 'watchdog', model='itco', action='reset'):
        if not len(device):
            devices.remove(device)
    audio = devices.findall('audio')
    if len(audio) == 1 and not len(audio[0]) and audio[0].attrib == {
            'id': '1', 'type': postparse.default_audio(definition)}:
        devices.remove(audio[0])
