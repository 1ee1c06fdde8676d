"""Controllers: indexes, models, and the controllers that devices require."""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import bad_attribute, unsupported
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add, every, having

#: The highest index of a PCI controller; of the controllers that a device's address implies, so
#: that no definition asks for billions of them.
#: Source: libvirt 9.0.0, src/conf/domain_validate.c (virDomainControllerDefValidate).
MAX_INDEX = 255


def number(definition: Definition) -> None:
    """Assign the lowest free index of its type to each controller that has none.

    Consecutive USB 2 controllers of different models share an index.

    :raises LibvirtError: if the index of a PCI controller is too high.

    Source: libvirt 9.0.0, src/conf/domain_postparse.c (virDomainAssignControllerIndexes).
    """
    seen: dict[str, set[int]] = {}
    controllers = definition.devices.findall('controller')
    for controller in controllers:
        index = controller.get('index')
        if index is not None and index != '-1':
            if controller.get('type') == 'pci' and int(index) > MAX_INDEX:
                raise unsupported(f'PCI controller index {index} too high, maximum is '
                                  f'{MAX_INDEX}', domain=libvirt.VIR_FROM_DOMAIN)
            seen.setdefault(controller.get('type', ''), set()).add(int(index))
    before: Element | None = None       # the previous USB controller
    for controller in controllers:
        if controller.get('index') in (None, '-1') and not _join(controller, before, controllers):
            taken = seen.setdefault(controller.get('type', ''), set())
            free = next(number for number in range(len(taken) + 1) if number not in taken)
            taken.add(free)
            controller.set('index', str(free))
        if controller.get('type') == 'usb':
            before = controller


def _integer(text: str) -> int:
    """Return the whole number that ``text`` is, or -1."""
    number = numbers.whole(text)
    return -1 if number is None else number


def _join(controller: Element, before: Element | None, controllers: list[Element]) -> bool:
    """Give a USB 2 controller the index of the previous one if they form a group."""
    model = controller.get('model')
    if before is None or model not in _USB2 or before.get('model') not in _USB2:
        return False
    index = before.get('index', '')
    if any((other.get('model'), other.get('index')) == (model, index) for other in controllers):
        return False
    controller.set('index', index)
    return True


def find(definition: Definition, kind: str, index: int) -> Element | None:
    """Return the controller with a type and index, or None."""
    found = having(definition.devices, 'controller', type=kind, index=str(index))
    return found[0] if found else None


def ensure(definition: Definition, kind: str, index: int, model: str | None = None) -> None:
    """Add the controller with a type and index, and those with lower indexes, if missing."""
    if index > MAX_INDEX:
        raise unsupported(f'{kind} controller index {index} too high, maximum is {MAX_INDEX}',
                          domain=libvirt.VIR_FROM_DOMAIN)
    for below in range(index + 1):
        if find(definition, kind, below) is None:
            add(definition.devices, 'controller', type=kind, index=below, model=model)


def add_implicit(definition: Definition) -> None:
    """Add the controllers that devices require, and complete the models."""
    devices = definition.devices
    for bus in ('scsi', 'fdc', 'ide', 'sata'):
        for disk in devices.findall('disk'):
            address = disk.find('address')
            target = disk.find('target')
            if target is not None and target.get('bus') == bus \
                    and address is not None and address.get('type') == 'drive':
                ensure(definition, bus, int(address.get('controller', '0')))
    if any(target.get('type') == 'virtio'
           for target in every(devices, 'channel/target') + every(devices, 'console/target')):
        ensure(definition, 'virtio-serial', 0)
    if devices.find('smartcard') is not None:
        ensure(definition, 'ccid', 0)
    for hostdev in devices.findall('hostdev'):
        if hostdev.get('type') == 'scsi':
            ensure(definition, 'scsi', 0)
    for controller in devices.findall('controller'):
        _complete(controller, definition)


def _complete(controller: Element, definition: Definition) -> None:
    kind, model = controller.get('type'), controller.get('model')
    if kind == 'scsi' and model in (None, 'auto'):
        controller.set('model', 'lsilogic')
    elif kind == 'usb' and model in _MASTER_PORTS and controller.find('master') is None:
        add(controller, 'master', startport=_MASTER_PORTS[model])
    elif kind == 'usb' and model is None:
        controller.set('model', 'piix3-uhci')


#: The first port of each USB 2 companion controller.
_MASTER_PORTS = {'ich9-uhci1': 0, 'ich9-uhci2': 2, 'ich9-uhci3': 4}
_USB2 = frozenset(('ich9-ehci1', *_MASTER_PORTS))


def _leads(controller: Element) -> bool:
    """Whether a controller is the master of USB 2 companions."""
    return controller.get('model') == 'ich9-ehci1'


def check(controller: Element) -> None:
    """Refuse an index or a number of ports that is no integer.

    Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainControllerDefParseXML).
    """
    for name in ('index', 'ports'):
        text = controller.get(name, '-1')
        if text != '-1' and not 0 <= _integer(text) < 1 << 31:
            raise bad_attribute('controller', name, text, expected='integer value')


def sort(devices: Element) -> None:
    """Group controllers by type in the order of first appearance, and sort each type by index.

    :raises LibvirtError: an index or a number of ports is no integer.

    Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainControllerInsertPreAlloced).
    """
    ordered: list[Element] = []
    for controller in devices.findall('controller'):
        check(controller)
        same = [place for place, other in enumerate(ordered)
                if other.get('type') == controller.get('type')]
        index = int(controller.get('index', '0'))
        after = [place for place in same if int(ordered[place].get('index', '0')) <= index
                 and not (_leads(controller)
                          and int(ordered[place].get('index', '0')) == index)]
        if after:
            ordered.insert(after[-1] + 1, controller)
        elif same:
            ordered.insert(same[0], controller)
        else:
            ordered.append(controller)
    for controller in ordered:
        devices.remove(controller)
        devices.append(controller)
