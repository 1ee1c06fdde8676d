"""PCI devices, and what they provide: virtual functions, mediated devices, network interfaces."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import NamedTuple

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import checks

_ADDRESS = re.compile(r'(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])', re.I | re.ASCII)
_MAC = re.compile(r'(?:[0-9a-f]{2}:){5}[0-9a-f]{2}', re.I | re.ASCII)

#: Class codes, the base class and the sub-class: an Ethernet controller, a PCI-to-PCI bridge.
ETHERNET, BRIDGE = 0x0200, 0x0604

#: The most functions of a PCI slot, and the most virtual functions of a physical one.
FUNCTIONS, VF_LIMIT = 8, 65535


class PciAddress(NamedTuple):
    """The address of a PCI device: domain, bus, slot and function."""

    domain: int
    bus: int
    slot: int
    function: int

    @classmethod
    def parse(cls, text: str) -> PciAddress:
        """Parse ``0000:81:00.0`` or ``81:00.0``; raises InvalidInputError."""
        match = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
        if match is None or int(match[3], 16) > 31:
            raise InvalidInputError('PCI address', expected='DOMAIN:BUS:SLOT.FUNCTION',
                                    got=repr(text), remedy='write it as in 0000:81:00.0')
        return cls(*(int(part or '0', 16) for part in match.groups()))

    def __str__(self) -> str:
        return f'{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}'

    @property
    def device_name(self) -> str:
        """libvirt's name of the device at this address: ``pci_0000_81_00_0``."""
        return f'pci_{self.domain:04x}_{self.bus:02x}_{self.slot:02x}_{self.function:x}'


@dataclass(frozen=True)
class MdevType:
    """A type of mediated devices of a PCI device.

    :param available: how many of them the device can provide.
    :param api: how a guest gets such a device.
    """

    id: str
    name: str
    available: int
    api: str = 'vfio-pci'

    def __post_init__(self) -> None:
        checks.text('id of an MdevType', self.id)
        checks.text(f'name of MdevType {self.id}', self.name)
        checks.number(f'available of MdevType {self.id}', self.available, 0)
        checks.one_of(f'api of MdevType {self.id}', self.api,
                      ('vfio-pci', 'vfio-ccw', 'vfio-ap'))


@dataclass(frozen=True)
class NetworkInterface:
    """The network interface of a PCI device.

    :param mac: its MAC address; a random one, drawn by the host, if None.
    :param speed: of the link, in Mbit/s; unknown if None, as when the link is down.
    :param features: the offloads that are on, in libvirt's words.
    """

    name: str
    mac: str | None = None
    speed: int | None = 25000
    up: bool = True
    features: tuple[str, ...] = ('rx', 'tx', 'sg', 'tso', 'gso', 'gro', 'rxvlan', 'txvlan',
                                 'rxhash')

    def __post_init__(self) -> None:
        checks.text('name of a NetworkInterface', self.name)
        if len(self.name) > 15 or '/' in self.name:
            raise InvalidInputError(
                'name of a NetworkInterface', expected='at most 15 characters without a slash',
                got=repr(self.name), remedy='shorten it')
        if self.mac is not None and not (isinstance(self.mac, str) and _MAC.fullmatch(self.mac)):
            raise InvalidInputError(
                f'mac of NetworkInterface {self.name}', expected='six bytes in hexadecimal',
                got=repr(self.mac), remedy='leave it out for a random one')
        if self.speed is not None:
            checks.number(f'speed of NetworkInterface {self.name}', self.speed, 1)
        checks.sequence(f'features of NetworkInterface {self.name}', self.features, str)


@dataclass(frozen=True)
class VpdFields:
    """One section of a device's vital product data.

    :param vendor: pairs of a digit or letter and a text: the fields V0 to VZ.
    :param system: the same for Y0 to YZ, which only the writable section has.
    """

    change_level: str | None = None
    manufacture_id: str | None = None
    part_number: str | None = None
    serial_number: str | None = None
    asset_tag: str | None = None
    vendor: tuple[tuple[str, str], ...] = ()
    system: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ('change_level', 'manufacture_id', 'part_number', 'serial_number',
                     'asset_tag'):
            checks.text(f'{name} of VpdFields', getattr(self, name), optional=True)
        for name in ('vendor', 'system'):
            pairs = getattr(self, name)
            checks.sequence(f'{name} of VpdFields', pairs, tuple)
            for pair in pairs:
                if len(pair) != 2 or not re.fullmatch('[0-9A-Z]', str(pair[0]), re.ASCII):
                    raise InvalidInputError(
                        f'{name} of VpdFields', expected='pairs of a digit or capital letter and '
                        'a text', got=repr(pair), remedy="write them as in (('0', 'a text'),)")


@dataclass(frozen=True)
class Vpd:
    """The vital product data of a PCI device: its name, read-only and writable fields."""

    name: str
    read_only: VpdFields | None = None
    writable: VpdFields | None = None

    def __post_init__(self) -> None:
        checks.text('name of a Vpd', self.name)
        for name in ('read_only', 'writable'):
            value = getattr(self, name)
            if value is not None and not isinstance(value, VpdFields):
                raise InvalidInputError(f'{name} of a Vpd', expected='VpdFields',
                                        got=repr(value), remedy='leave it out')


@dataclass(frozen=True)
class PciDevice:
    """A PCI device of the host.

    :param address: domain, bus, slot and function, as numbers or as in ``'0000:81:00.0'``.
    :param vendor: number and name; ``product`` likewise.
    :param klass: the class code, three bytes; 0x020000 is an Ethernet controller.
    :param numa_node: its NUMA node; -1 if the firmware names none.
    :param driver: the kernel driver that is bound to it.
    :param interface: its network interface, for a network card.
    :param physical: the address of its physical function, for a virtual function.
    :param mdev_types: the mediated devices that it can provide.
    :param parent: the address of the bridge above it; None for a device of a root bus. A virtual
        function has the parent of its physical function.
    :param max_vfs: how many virtual functions a physical function can have; the number of enabled
        ones if None. With 0, or with None and no enabled ones, it is not a physical function.
    :param iommu_group: the number of its IOMMU group; a separate group if None.
    :param vpd: its vital product data.
    :param vdpa: the name of its vDPA device, such as ``vdpa0``.
    """

    address: PciAddress
    vendor: tuple[int, str]
    product: tuple[int, str]
    klass: int = 0x020000
    numa_node: int = 0
    driver: str | None = None
    interface: NetworkInterface | None = None
    physical: PciAddress | None = None
    mdev_types: tuple[MdevType, ...] = ()
    parent: PciAddress | None = None
    max_vfs: int | None = None
    iommu_group: int | None = None
    vpd: Vpd | None = None
    vdpa: str | None = None

    def __post_init__(self) -> None:
        for name in ('address', 'physical', 'parent'):
            value = getattr(self, name)
            if value is not None or name == 'address':
                object.__setattr__(self, name, _address(f'{name} of a PciDevice', value))
        who = f'PciDevice {self.address}'
        for name in ('vendor', 'product'):
            _check_identity(f'{name} of {who}', getattr(self, name))
        checks.number(f'klass of {who}', self.klass, 0, 0xFFFFFF)
        checks.number(f'numa_node of {who}', self.numa_node, -1)
        for name in ('driver', 'vdpa'):
            checks.text(f'{name} of {who}', getattr(self, name), optional=True)
        checks.sequence(f'mdev_types of {who}', self.mdev_types, MdevType)
        checks.distinct(f'mdev_types of {who}', (kind.id for kind in self.mdev_types))
        if self.max_vfs is not None:
            checks.number(f'max_vfs of {who}', self.max_vfs, 0, VF_LIMIT)
        if self.iommu_group is not None:
            checks.number(f'iommu_group of {who}', self.iommu_group, 0)
        for name, kind in (('interface', NetworkInterface), ('vpd', Vpd)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise InvalidInputError(f'{name} of {who}', expected=f'a {kind.__name__}',
                                        got=repr(value), remedy='leave it out')
        if self.physical is not None and self.max_vfs:
            raise InvalidInputError(
                f'max_vfs of {who}', expected='none for a virtual function',
                got=str(self.max_vfs), remedy='leave out max_vfs or physical')

    @property
    def name(self) -> str:
        """libvirt's name of the device: ``pci_0000_02_00_0``."""
        return self.address.device_name

    @property
    def is_bridge(self) -> bool:
        """Whether it is a PCI-to-PCI bridge, such as a root port."""
        return self.klass >> 8 == BRIDGE

    def with_vfs(self, count: int, *, product: tuple[int, str] | None = None,
                 driver: str | None = None, max_vfs: int | None = None,
                 interfaces: bool = False) -> tuple[PciDevice, ...]:
        """Return this physical function and ``count`` enabled virtual functions of it.

        Their addresses follow that of this function, with eight functions in a slot. Each has its
        own IOMMU group.

        :param product: number and name of a virtual function; those of the card if None.
        :param driver: the driver of the virtual functions.
        :param max_vfs: how many virtual functions the card can have; ``count`` if None.
        :param interfaces: whether each has a network interface, named after the card's.
        """
        checks.number('count of virtual functions', count, 0, VF_LIMIT)
        card = dataclasses.replace(self, max_vfs=count if max_vfs is None else max_vfs)
        functions = []
        for number in range(count):
            interface = None
            if interfaces and self.interface is not None:
                interface = NetworkInterface(f'{self.interface.name}v{number}',
                                             speed=self.interface.speed)
            functions.append(dataclasses.replace(
                self, address=_following(self.address, number + 1), physical=self.address,
                product=product or self.product, driver=driver, interface=interface,
                mdev_types=(), max_vfs=None, iommu_group=None, vpd=None, vdpa=None))
        return (card, *functions)


@dataclass(frozen=True)
class Mdev:
    """A mediated device that exists when the host starts.

    :param type: the id of its MdevType.
    :param parent: the address of the PCI device that provides it.
    :param uuid: its UUID; a random one, drawn by the host, if None.
    """

    type: str
    parent: PciAddress
    uuid: str | None = None

    def __post_init__(self) -> None:
        checks.text('type of an Mdev', self.type)
        object.__setattr__(self, 'parent', _address('parent of an Mdev', self.parent))
        if self.uuid is not None and not (isinstance(self.uuid, str) and re.fullmatch(
                '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', self.uuid)):
            raise InvalidInputError('uuid of an Mdev', expected='a UUID in lower case',
                                    got=repr(self.uuid), remedy='leave it out for a random one')


def _address(what: str, value: object) -> PciAddress:
    if isinstance(value, str):
        return PciAddress.parse(value)
    if not isinstance(value, tuple) or len(value) != 4:
        raise InvalidInputError(what, expected="an address, as in '0000:81:00.0'",
                                got=repr(value), remedy='write it as a text')
    for part, limit in zip(value, (0xFFFFFFFF, 0xFF, 31, 7), strict=True):
        checks.number(what, part, 0, limit)
    return PciAddress(*value)


def _check_identity(what: str, value: object) -> None:
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], str):
        raise InvalidInputError(what, expected='a number and a name', got=repr(value),
                                remedy="write it as in (0x8086, 'Intel Corporation')")
    checks.number(what, value[0], 0, 0xFFFF)


def _following(address: PciAddress, offset: int) -> PciAddress:
    """Return the address ``offset`` functions after another."""
    number = (address.bus * 32 + address.slot) * FUNCTIONS + address.function + offset
    slot, function = divmod(number, FUNCTIONS)
    bus, slot = divmod(slot, 32)
    return PciAddress(address.domain, bus, slot, function)
