"""Refuse devices that libvirt or QEMU cannot provide, apart from disks and interfaces.

Source: libvirt 9.0.0, src/conf/domain_validate.c (virDomainDeviceDefValidateInternal),
src/qemu/qemu_validate.c (qemuValidateDomainDeviceDef); each refusal was compared with
libvirt 9.0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import bad_xml, internal, unsupported
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import (
    character,
    character_validate,
    disk_validate,
    interface_validate,
    usb,
)
from vpmem_harness.libvirtd.xml.etree import Element, every, serialize

_DOMAIN: Final[int] = libvirt.VIR_FROM_DOMAIN


def check(device: Element, definition: Definition) -> None:
    """Refuse a device that libvirt or QEMU does not support."""
    checker = _CHECKERS.get(str(device.tag))
    if checker is not None:
        checker(device, definition)


def _interface(device: Element, definition: Definition) -> None:
    interface_validate.check(device)


def _controller(device: Element, definition: Definition) -> None:
    kind, index = device.get('type'), device.get('index', '')
    if kind == 'ide' and definition.is_q35:
        raise unsupported('IDE controllers are unsupported for this QEMU binary or machine type')
    if kind == 'ide' and definition.is_i440fx and index != '0':
        raise unsupported('Only a single IDE controller is supported for this machine type')
    if kind == 'pci' and device.get('model') in ('pci-root', 'pcie-root') and index != '0':
        raise bad_xml('pci-root and pcie-root controllers should have index 0',
                      domain=libvirt.VIR_FROM_QEMU)
    driver = device.find('driver')
    iothread = None if driver is None else driver.get('iothread')
    if iothread is not None and int(iothread) not in definition.iothread_ids:
        raise unsupported(f"controller iothread '{iothread}' not defined in iothreadid")


def _hostdev(device: Element, definition: Definition) -> None:
    if device.get('mode') == 'capabilities':
        raise unsupported("hostdev mode 'capabilities' is not supported in qemu")
    if device.get('sgio') == 'unfiltered':
        raise unsupported('unfiltered sgio is no longer supported', domain=_DOMAIN)
    if device.get('display') == 'on' and definition.devices.find('graphics') is None:
        raise unsupported("graphics device is needed for attribute value 'display=on' in <hostdev>")


def _filesystem(device: Element, definition: Definition) -> None:
    driver = device.find('driver')
    if device.get('type') != 'mount':
        raise unsupported('only supports mount filesystem type')
    if driver is not None and driver.get('type') == 'virtiofs':
        if device.find('readonly') is not None:
            raise unsupported('virtiofs does not yet support read-only mode')
        if not definition.shares_memory:
            raise unsupported("'virtiofs' requires shared memory")
    elif device.get('accessmode') != 'mapped' and (device.get('fmode') or device.get('dmode')):
        raise unsupported('fmode and dmode must be used with accessmode=mapped')


def _tpm(device: Element, definition: Definition) -> None:
    model = device.get('model')
    if model in ('tpm-spapr', 'spapr-tpm-proxy'):
        emulator = definition.devices.findtext('emulator')
        raise unsupported(f'The QEMU executable {emulator} does not support TPM model {model}')


def _iommu(device: Element, definition: Definition) -> None:
    model = device.get('model')
    if model == 'intel' and not definition.is_q35:
        raise unsupported("IOMMU device: 'intel' is only supported with Q35 machines")
    if model == 'smmuv3':
        raise unsupported("IOMMU device: 'smmuv3' is only supported with ARM Virt machines")


def _vsock(device: Element, definition: Definition) -> None:
    cid = device.find('cid')
    number = None if cid is None else numbers.whole(cid.get('address'))
    if number is not None and number < 3:
        raise unsupported('guest CIDs must be >= 3', domain=_DOMAIN)


def _panic(device: Element, definition: Definition) -> None:
    for model, machine in (('s390', 'S390'), ('pseries', 'pSeries')):
        if device.get('model') == model:
            raise unsupported(f"only {machine} guests support panic device of model '{model}'")


def _watchdog(device: Element, definition: Definition) -> None:
    if device.get('model') == 'diag288':
        raise unsupported('diag288 model of watchdog is allowed for s390 and s390x only')


def _nvram(device: Element, definition: Definition) -> None:
    raise unsupported('nvram device is only supported for PPC64')


def _shmem(device: Element, definition: Definition) -> None:
    name, model = device.get('name', ''), device.find('model')
    kind = '' if model is None else model.get('type', '')
    if '/' in name:
        raise unsupported("shmem name cannot include '/' character", domain=_DOMAIN)
    if name in ('.', '..'):
        raise unsupported(f"shmem name cannot be equal to '{name}'", domain=_DOMAIN)
    if kind == 'ivshmem':
        raise unsupported('ivshmem device is not supported with this QEMU binary')
    served = device.find('server') is not None
    if served != (kind == 'ivshmem-doorbell'):
        raise unsupported(f"shmem model '{kind}' is supported only with server option "
                          f"{'disabled' if served else 'enabled'}")


def _input(device: Element, definition: Definition) -> None:
    kind, bus = device.get('type'), device.get('bus')
    if kind == 'passthrough' and bus != 'virtio':
        raise unsupported("only bus 'virtio' is supported for 'passthrough' input devices",
                          domain=_DOMAIN)
    if bus == 'ps2' and kind not in ('mouse', 'keyboard'):
        raise internal(f'ps2 bus does not support {kind} input device', domain=_DOMAIN)
    if bus in ('xen', 'parallels'):
        raise internal(f'unsupported input bus {bus}', domain=_DOMAIN)
    if device.get('model') not in (None, 'virtio') and kind != 'passthrough':
        raise unsupported('virtio (non-)transitional models are not supported for input '
                          f'type={kind}')


def _audio(device: Element, definition: Definition) -> None:
    if device.get('type') == 'spice' \
            and definition.devices.find("graphics[@type='spice']") is None:
        raise unsupported('Spice audio is not supported without spice graphics')


def _video(device: Element, definition: Definition) -> None:
    model = device.find('model')
    if model is None:
        return
    kind, acceleration = model.get('type'), model.find('acceleration')
    if kind not in ('vga', 'cirrus', 'vmvga', 'qxl', 'virtio', 'none', 'bochs', 'ramfb'):
        raise unsupported(f"domain configuration does not support video model '{kind}'")
    if kind != 'qxl' and model.get('ram') is not None:
        raise unsupported('ram attribute only supported for video type qxl', domain=_DOMAIN)
    if acceleration is not None:
        if acceleration.get('accel2d') == 'yes':
            raise unsupported('qemu does not support the accel2d setting')
        if acceleration.get('accel3d') == 'yes' and kind != 'virtio':
            raise unsupported("3d acceleration is supported only with 'virtio' video device")
    memory = numbers.whole(model.get('vgamem'))
    if kind in ('qxl', 'vga', 'vmvga') and memory is not None and memory < 1024:
        raise unsupported("value for 'vgamem' must be at least 1 MiB (1024 KiB)")


def _graphics(device: Element, definition: Definition) -> None:
    kind, password = device.get('type'), device.get('passwd', '')
    if kind in ('rdp', 'desktop'):
        raise unsupported(f'{kind} graphics are not supported with this QEMU')
    if kind == 'vnc' and len(password) > 8:
        raise unsupported(f'VNC password is {len(password)} characters long, only 8 permitted')
    if kind == 'spice' and (numbers.whole(device.get('tlsPort')) or 0) > 0:
        raise unsupported('spice TLS port set in XML configuration, but TLS is disabled in '
                          'qemu.conf')


_CHECKERS: Final[dict[str, Callable[[Element, Definition], None]]] = {
    'disk': disk_validate.check, 'interface': _interface, 'controller': _controller,
    'hostdev': _hostdev, 'filesystem': _filesystem, 'tpm': _tpm, 'iommu': _iommu, 'vsock': _vsock,
    'panic': _panic, 'watchdog': _watchdog, 'nvram': _nvram, 'shmem': _shmem, 'input': _input,
    'audio': _audio, 'video': _video, 'graphics': _graphics,
    **dict.fromkeys((*character.TAGS, 'redirdev', 'smartcard'), character_validate.check),
}


def check_numbers(devices: Element) -> None:
    """Refuse several devices where only one is possible."""
    if len(devices.findall('memballoon')) > 1:
        raise internal('only a single memory balloon device is supported', domain=_DOMAIN)
    for tag, name in (('iommu', 'IOMMU'), ('vsock', 'vsock')):
        if len(devices.findall(tag)) > 1:
            raise bad_xml(f'only a single {name} device is supported')


def check_together(definition: Definition) -> None:
    """Refuse devices that conflict with each other."""
    devices = definition.devices
    if len(devices.findall('tpm')) > 1:
        raise unsupported('only a single TPM non-proxy device is supported')
    if len(devices.findall('smartcard')) > 1:
        raise unsupported('this QEMU binary lacks multiple smartcard support')
    usb.check_disabled(devices)
    _check_audio(devices)
    _check_boot_order(devices)
    _check_videos(devices)
    hosts: set[str] = set()
    for device in devices.findall('hostdev'):
        source = ''.join(map(serialize, device.findall('source')))
        if source in hosts:
            raise bad_xml('Hostdev already exists in the domain configuration')
        hosts.add(source)
    seen: set[tuple[str | None, str | None]] = set()
    for controller in devices.findall('controller'):
        key = controller.get('type'), controller.get('index')
        if key in seen and key[0] != 'usb':
            raise bad_xml(f"Multiple '{key[0]}' controllers with index '{key[1]}'")
        seen.add(key)


def _check_videos(devices: Element) -> None:
    kinds = [model.get('type') for model in every(devices, 'video/model')]
    if 'none' in kinds and len(kinds) > 1:
        raise unsupported("a 'none' video type must be the only video device defined for the "
                          'domain', domain=_DOMAIN)


def _check_audio(devices: Element) -> None:
    ids: set[str | None] = set()
    for audio in devices.findall('audio'):
        if audio.get('id') in ids:
            raise bad_xml(f"audio ID {audio.get('id')} is used multiple times")
        ids.add(audio.get('id'))
    for sound in devices.findall('sound/audio') + devices.findall('graphics/audio'):
        if sound.get('id') not in ids:
            raise bad_xml(f"no audio device with ID {sound.get('id')}")


def _check_boot_order(devices: Element) -> None:
    orders: set[str | None] = set()
    for device in devices:
        boot = device.find('boot')
        if boot is not None:
            if boot.get('order') in orders:
                raise unsupported(f"boot order '{boot.get('order')}' used for more than one "
                                  'device', domain=_DOMAIN)
            orders.add(boot.get('order'))
