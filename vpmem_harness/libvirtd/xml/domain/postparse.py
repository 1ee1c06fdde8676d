"""Defaults that libvirt adds to a definition.

Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainDefAddDefaultDevices and what follows),
src/conf/domain_postparse.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import bad_xml
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import controllers
from vpmem_harness.libvirtd.xml.domain import firmware, validate, vcpus
from vpmem_harness.libvirtd.xml.etree import (
    Element,
    add,
    copy,
    drop,
    element,
    every,
    first,
    having,
    unset,
)

#: Default video memory in KiB by model.
_VIDEO_MEMORY = {
    'qxl': {'ram': '65536', 'vram': '65536', 'vgamem': '16384', 'heads': '1'},
    'vga': {'vram': '16384', 'heads': '1'}, 'cirrus': {'vram': '16384', 'heads': '1'},
    'vmvga': {'vram': '16384', 'heads': '1'}, 'bochs': {'vram': '16384', 'heads': '1'},
    'virtio': {'heads': '1'}, 'ramfb': {'heads': '1'},
}


def complete_os(definition: Definition) -> None:
    """Complete the machine type, and boot from the hard disk by default."""
    root = definition.root
    kind = first(root, 'os/type')
    os = root.find('os')
    if kind is None or os is None:
        return
    machine = kind.get('machine') or 'pc'
    kind.set('machine', definition.release.tables.machine_aliases.get(machine, machine))
    validate.boot_order(definition.devices, definition)
    if not every(root, 'os/boot') and all(
            device.find('boot') is None for device in definition.devices):
        add(os, 'boot', dev='hd')
    menu = os.find('bootmenu')
    if menu is not None and menu.get('enable') == 'no':
        unset(menu, 'timeout')
    firmware.complete(definition)
    vcpu = root.find('vcpu')
    if vcpu is None:
        vcpu = add(root, 'vcpu', 1)
    if not (vcpu.text or '').strip():
        vcpu.text = '1'
    if vcpu.get('placement') is None:
        automatic = any(tune.get('placement') == 'auto'
                        for tune in every(root, 'numatune/memory'))
        vcpu.set('placement', 'auto' if automatic and not vcpu.get('cpuset') else 'static')
    if vcpu.get('current') == vcpu.text:
        del vcpu.attrib['current']
    vcpus.complete(definition)


def complete_memory_placement(definition: Definition) -> None:
    """Format CPU sets, node sets and page sizes as libvirt does."""
    root = definition.root
    for path, name in _SETS:
        for found in every(root, path):
            numbered = numbers.bitmap(found.get(name) or '')
            if numbered:
                found.set(name, numbers.format_bitmap(numbered))
    _complete_numatune(root)
    _complete_iothreads(definition)
    _complete_cputune(definition)
    _complete_labels(root)
    for page in every(root, 'memoryBacking/hugepages/page'):
        page.set('size', str(numbers.kib_attribute(page, 'size', 'unit')))
        page.set('unit', 'KiB')
    for tag in ('hap', 'pvspinlock', 'pmu', 'vmport'):
        feature = first(root, f'features/{tag}')
        if feature is not None and feature.get('state') is None:
            feature.set('state', 'on')
    smm = first(root, 'features/smm')
    if smm is not None and smm.get('state') == 'off':
        drop(smm, 'tseg')
    if smm is not None and smm.get('state') is None:
        smm.set('state', 'on')
    tseg = first(root, 'features/smm/tseg')
    if tseg is not None and tseg.get('unit') is None:
        tseg.set('unit', 'MiB')


def _complete_numatune(root: Element) -> None:
    """Complete where the guest's memory is; vCPUs that are placed automatically decide it, too."""
    tune, vcpu = first(root, 'numatune/memory'), root.find('vcpu')
    if vcpu is not None and vcpu.get('placement') == 'auto' and (
            tune is None or tune.get('nodeset') is None):
        group = root.find('numatune')
        if group is None:
            group = add(root, 'numatune')
        if tune is None:
            tune = element('memory')
            group.insert(0, tune)
        tune.set('placement', 'auto')
    if tune is None:
        return
    if not tune.attrib:
        drop(root, 'numatune/memory')
    elif tune.get('mode') is None:
        tune.set('mode', 'strict')


def _complete_iothreads(definition: Definition) -> None:
    """List all I/O threads if some are listed; none need no list."""
    root, ids = definition.root, definition.iothread_ids
    listed = root.find('iothreadids')
    count = root.find('iothreads')
    if not ids:
        drop(root, 'iothreads')
        return
    if count is None:
        count = add(root, 'iothreads')
    count.text = str(len(ids))
    if listed is not None and len(listed):
        for number in ids[len(listed):]:
            add(listed, 'iothread', id=number)


def _complete_cputune(definition: Definition) -> None:
    """Ignore the pinning of vCPUs that the domain lacks, and name the scheduler of each vCPU."""
    tune = definition.root.find('cputune')
    if tune is None:
        return
    for pin in tune.findall('vcpupin'):
        if int(pin.get('vcpu', '0')) >= definition.max_vcpus:
            tune.remove(pin)
    schedulers = tune.findall('vcpusched')
    for found in schedulers:
        tune.remove(found)
    of_vcpu = {number: found for found in schedulers
               for number in numbers.bitmap(found.get('vcpus') or '') or ()}
    for number, found in sorted(of_vcpu.items(), key=lambda item: item[0]):
        each = copy(found)
        each.set('vcpus', str(number))
        tune.append(each)


def _complete_labels(root: Element) -> None:
    """Complete the security labels; one without a type says nothing."""
    for label in root.findall('seclabel'):
        kind = label.get('type')
        if kind is None:
            root.remove(label)
        elif kind == 'none' and label.get('model') is None:
            label.set('model', 'none')
        elif kind != 'none' and label.get('relabel') is None:
            label.set('relabel', 'yes' if kind == 'dynamic' else 'no')


#: Attributes and elements that contain CPU or node sets.
_SETS = (('vcpu', 'cpuset'), ('cputune/vcpupin', 'cpuset'), ('cputune/emulatorpin', 'cpuset'),
         ('cputune/iothreadpin', 'cpuset'), ('numatune/memory', 'nodeset'),
         ('numatune/memnode', 'nodeset'), ('memoryBacking/hugepages/page', 'nodeset'))


def complete_lifecycle(definition: Definition) -> None:
    """Complete the clock and the lifecycle actions."""
    root = definition.root
    hyperv = first(root, 'features/hyperv')
    if hyperv is not None and hyperv.get('mode') is None:
        hyperv.set('mode', 'custom')
    coreinfo = first(root, 'features/vmcoreinfo')
    if coreinfo is not None and coreinfo.get('state') is None:
        coreinfo.set('state', 'on')
    _complete_clock(root)
    for tag, action in (('on_poweroff', 'destroy'), ('on_reboot', 'restart'),
                        ('on_crash', 'destroy')):
        if root.find(tag) is None:
            add(root, tag, action)


def _complete_clock(root: Element) -> None:
    """Complete the offset of the clock: a number of seconds makes it variable."""
    clock = root.find('clock')
    if clock is None:
        clock = add(root, 'clock', offset='utc')
    if clock.get('offset') is None:
        clock.set('offset', 'utc')
    adjustment = clock.get('adjustment')
    if clock.get('offset') in ('utc', 'localtime') and adjustment not in (None, 'reset'):
        clock.set('basis', clock.get('offset', ''))
        clock.set('offset', 'variable')
    if clock.get('offset') == 'variable':
        for name, value in (('adjustment', '0'), ('basis', 'utc')):
            if clock.get(name) is None:
                clock.set(name, value)


#: Audio backends by graphics type; the backends that SDL uses are not offered here.
_SOUND = {'vnc': 'none', 'spice': 'spice', 'sdl': None}


def add_devices(definition: Definition) -> None:
    """Add the default devices of the machine type."""
    devices = definition.devices
    if definition.has_pci or definition.machine == 'isapc':
        for kind in ('mouse', 'keyboard'):
            if not having(devices, 'input', type=kind, bus='ps2'):
                add(devices, 'input', type=kind, bus='ps2')
    if definition.has_pci and controllers.find(definition, 'usb', 0) is None:
        model = 'qemu-xhci' if definition.is_q35 else None
        add(devices, 'controller', type='usb', index=0, model=model)
    if definition.is_q35 and controllers.find(definition, 'sata', 0) is None:
        add(devices, 'controller', type='sata', index=0)
    if definition.has_pci:
        _add_root_bus(definition)
    if devices.find('memballoon') is None:
        add(devices, 'memballoon', model='virtio')
    if definition.is_q35 and definition.release.shows_chipset_watchdog:
        _add_chipset_watchdog(devices)
    if definition.is_q35 and definition.release.adds_iommu \
            and definition.max_vcpus > validate.VCPUS_WITHOUT_IOMMU:
        _add_iommu(definition)
    if devices.find('audio') is None:
        _add_audio(definition)


def _add_iommu(definition: Definition) -> None:
    """Add the interrupt remapping that more than 255 vCPUs need.

    Recording: ``q35 300 vcpus`` of golden/libvirt/debian13/libvirt-11.3-addresses.txt.
    """
    iommu = definition.devices.find('iommu')
    if iommu is None:
        iommu = add(definition.devices, 'iommu', model='intel')
    driver = iommu.find('driver')
    if driver is None:
        driver = add(iommu, 'driver')
    for name in ('intremap', 'eim'):
        if driver.get(name) is None:
            driver.set(name, 'on')
    features = definition.root.find('features')
    if features is None:
        features = add(definition.root, 'features')
    if features.find('ioapic') is None:
        add(features, 'ioapic', driver='qemu')


def _add_chipset_watchdog(devices: Element) -> None:
    """Add the watchdog that every Q35 chipset has, with the action of the others.

    Recording: golden/libvirt/debian13/libvirt-11.3-calls-qemu.json, ``a server``.
    """
    others = devices.findall('watchdog')
    if not having(devices, 'watchdog', model='itco'):
        action = others[0].get('action') if others else None
        add(devices, 'watchdog', model='itco', action=action or 'reset')


def _add_root_bus(definition: Definition) -> None:
    model = 'pcie-root' if definition.is_q35 else 'pci-root'
    bus = controllers.find(definition, 'pci', 0)
    if bus is None:
        add(definition.devices, 'controller', type='pci', index=0, model=model)
    elif bus.get('model') != model:
        raise bad_xml(f"The PCI controller with index='0' must be model='{model}' for this "
                      f"machine type, but model='{bus.get('model') or '(null)'}' was found "
                      'instead',
                      domain=libvirt.VIR_FROM_QEMU)


def _add_audio(definition: Definition) -> None:
    kind = default_audio(definition)
    if kind is not None:
        add(definition.devices, 'audio', id=1, type=kind)


def default_audio(definition: Definition) -> str | None:
    """Return the default audio backend; the last graphics device decides.

    Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainDefSuggestDefaultAudioBackend).
    """
    kinds = [graphics.get('type') for graphics in definition.devices.findall('graphics')]
    wanted = [kind for kind in kinds if kind in _SOUND]
    if kinds and not wanted:
        return None
    return _SOUND[str(wanted[-1])] if wanted else 'none'


def complete_video(definition: Definition) -> None:
    """Complete the memory of video devices, and add one if there are graphics."""
    devices = definition.devices
    if devices.find('graphics') is not None and devices.find('video') is None:
        add(devices, 'video')
    for video in devices.findall('video'):
        model = video.find('model')
        if model is not None and model.get('primary') == 'yes':
            devices.remove(video)
            first = devices.find('video')
            devices.insert(len(devices) if first is None else list(devices).index(first), video)
            break
    for number, video in enumerate(devices.findall('video')):
        model = video.find('model')
        if model is None:
            model = add(video, 'model')
        if model.get('type') in (None, 'default'):
            model.set('type', 'cirrus')
        if model.get('type') == 'none':
            drop(video, 'address')
            continue
        for key, value in _VIDEO_MEMORY.get(model.get('type', ''), {}).items():
            if model.get(key) is None:
                model.set(key, value)
        if model.get('heads') == '0':
            del model.attrib['heads']
        if number == 0:
            model.set('primary', 'yes')
        else:
            unset(model, 'primary')
