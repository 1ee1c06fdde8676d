"""Hardware of simulated hosts from the descriptions of Nova's tests.

Nova's tests describe a host with ``HostInfo``, ``HostPCIDevicesInfo``, ``HostMdevDevicesInfo`` and
``HostVDPADevicesInfo`` of ``nova.tests.fixtures.libvirt``, and with class attributes of its fake
connection, which they patch: TPM, AMD SEV, Intel TDX. The functions here only read them.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from vpmem_harness import releases
from vpmem_harness.fixtures.host import HostFixture
from vpmem_harness.hardware import (
    Cell,
    Cpu,
    Firmware,
    Hardware,
    Mdev,
    MdevType,
    PciAddress,
    PciDevice,
    Sev,
    Tpm,
    Vpd,
    VpdFields,
)
from vpmem_harness.novatests import workarounds

#: The class codes of the devices of Nova's fake: an Ethernet controller, a 3D controller.
_ETHERNET, _DISPLAY = 0x020000, 0x030200

#: Virtual functions that the card of Nova's fake can have at most (Intel X540).
_MAX_VFS = 63

#: Sizes of huge pages on x86, in KiB.
_HUGE = (2048, 1048576)

#: The firmware of the package ovmf, in Debian's order.
FIRMWARE = (
    Firmware('/usr/share/OVMF/OVMF_CODE_4M.secboot.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd',
             machines=('pc-q35-*',), features=('acpi-s3', 'requires-smm', 'secure-boot')),
    Firmware('/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd',
             features=('acpi-s3', 'amd-sev', 'amd-sev-es')),
)

#: Fields of vital product data that have a name; the others are vendor and system fields.
_VPD_FIELDS = ('change_level', 'manufacture_id', 'part_number', 'serial_number', 'asset_tag')


@dataclass(frozen=True)
class Description:
    """A test's description of a host, in Nova's own objects.

    :param libvirt_version: the version of libvirt as a number, ``MAJOR * 1000000 + ...``; the
        host's own if None. The host presents the number, and behaves as its own version.
    :param qemu_version: the same for QEMU.
    """

    host_info: Any = None
    pci_info: Any = None
    mdev_info: Any = None
    vdpa_info: Any = None
    libvirt_version: int | None = None
    qemu_version: int | None = None

    def host_options(self) -> dict[str, Any]:
        """Return parameters of a HostFixture."""
        if self.libvirt_version is None and self.qemu_version is None:
            release = releases.DEBIAN_13    # libvirt 9.0 refuses Nova's UEFI guests
        else:
            release = releases.nearest(self.libvirt_version, self.qemu_version)
        return {'hardware': self.hardware(), 'release': release}

    def update(self, host: HostFixture) -> None:
        """Give a running host the hardware that the test currently describes; its guests stay.

        No client must rely on what libvirt has said before: this is for a compute that restarts.
        """
        hardware = self.hardware()
        if hardware != host.hypervisor.hardware:
            host.hypervisor.change_hardware(hardware)

    def hardware(self) -> Hardware:
        """Return the host's hardware."""
        info = self.host_info
        if info is None:
            # Source: ServersTestBase._get_connection.
            info = workarounds.fake_libvirt().HostInfo(
                cpu_nodes=2, cpu_sockets=1, cpu_cores=2, cpu_threads=2)
        vdpa = {} if self.vdpa_info is None else {
            _address(device.parent): name.removeprefix('vdpa_')
            for name, device in self.vdpa_info.devices.items()}
        devices = [] if self.pci_info is None else list(self.pci_info.devices.values())
        numbers = [cell.id for cell in info.numa_topology.cells]
        pci = tuple(pci_devices(devices, vdpa, numbers))
        return dataclasses.replace(
            Hardware(tuple(_cells(info.numa_topology.cells)), mhz=info.cpu_mhz),
            pci=pci, mdevs=tuple(_mdevs(self.mdev_info, pci)), iommu=True, **_platform())


def listing(text: str) -> str:
    """Return a listing of Nova's tests in ndctl's order, with the fields that they leave out."""
    entries = json.loads(text)
    for entry in entries:
        entry.setdefault('align', entry['daxregion']['align'])
        for device in entry['daxregion']['devices']:
            device.setdefault('align', entry['align'])
            device.setdefault('mode', 'devdax')
            device.setdefault('target_node', entry['numa_node'])
    number = re.compile(r'\d+')
    return json.dumps(sorted(entries, reverse=True, key=lambda entry: [
        int(part) for part in number.findall(entry['dev'])]))


def _address(device: Any) -> PciAddress:
    return PciAddress(0, device.bus, device.slot, device.function)


def _cells(cells: Iterable[Any]) -> Iterable[Cell]:
    for cell in cells:
        pages = {page.size: page.total for page in cell.mempages if page.size in _HUGE}
        yield Cell(
            cell.id, cell.memory * 1024 // 4096 * 4096,
            tuple(Cpu(cpu.id, cpu.socket_id or 0, 0, cpu.core_id or 0,
                      tuple(sorted(cpu.siblings)))
                  for cpu in cell.cpus),
            tuple((size, pages.get(size, 0)) for size in _HUGE))


def pci_devices(devices: list[Any], vdpa: dict[PciAddress, str],
                nodes: list[int]) -> Iterable[PciDevice]:
    """Yield the PCI devices of a host from Nova's ``FakePCIDevice``.

    Their capabilities come from the XML, because a test can remove SR-IOV from the XML of a
    device whose ``dev_type`` remains ``PF``.

    :param vdpa: the names of vDPA devices by the addresses of their virtual functions.
    :param nodes: the host's NUMA nodes; a device on another one has none.
    """
    for device in devices:
        tree = _document(device)
        capability = tree.find('capability')
        identity: dict[str, Any] = {
            name: (int(capability.find(name).get('id'), 16), capability.findtext(name))
            for name in ('vendor', 'product')}
        address = _address(device)
        functions = capability.find("capability[@type='virt_functions']")
        enabled = sum(other.dev_type == 'VF' and other.parent == address[1:] for other in devices)
        yield PciDevice(
            address, **identity,
            klass=_DISPLAY if device.dev_type == 'MDEV_TYPES' else _ETHERNET,
            numa_node=device.numa_node if device.numa_node in nodes else -1,
            driver=tree.findtext('driver/name'),
            physical=_physical(device, capability, devices),
            mdev_types=tuple(
                MdevType(kind.get('id'), kind.findtext('name'),
                         int(kind.findtext('availableInstances')),
                         kind.findtext('deviceAPI'))
                for kind in capability.findall("capability[@type='mdev_types']/type")),
            max_vfs=None if functions is None else max(_MAX_VFS, enabled),
            # Not the group of the fake: there a card shares it with a function of another, and
            # libvirt gives devices of one group to one guest alone.
            vpd=_vpd(device.vpd_fields), vdpa=vdpa.get(address))


def _physical(device: Any, capability: Any, devices: list[Any]) -> PciAddress | None:
    """Return the address of the physical function of a virtual one.

    Some tests give its bus in decimal; then the XML of the fake has the right one.
    """
    if device.dev_type != 'VF':
        return None
    given = PciAddress(0, *device.parent)
    written = capability.find("capability[@type='phys_function']/address")
    if written is None or any(_address(other) == given for other in devices):
        return given
    return PciAddress(*(int(written.get(part), 16)
                        for part in ('domain', 'bus', 'slot', 'function')))


def _mdevs(described: Any, pci: tuple[PciDevice, ...]) -> Iterable[Mdev]:
    """Yield the mediated devices that a host has from the start.

    Some tests describe devices without their parent, which libvirt does not report either.
    """
    parents = {device.name: device for device in pci}
    for name, device in ({} if described is None else described.devices).items():
        tree = _document(device)
        parent = parents.get(tree.findtext('parent'))
        if parent is not None:
            yield Mdev(tree.find('capability/type').get('id'), parent.address,
                       mdev_uuid(name))


def mdev_uuid(name: str) -> str:
    """Return the UUID in libvirt's name of a mediated device."""
    return name.removeprefix('mdev_')[:36].replace('_', '-')


def _document(device: Any) -> Any:
    # Nova's fake formats a number as 0x0 within quotes, which is well-formed.
    return etree.fromstring(device.XMLDesc(0).encode())


def _vpd(fields: dict[str, Any] | None) -> Vpd | None:
    if not fields:
        return None
    return Vpd(fields.get('name') or '-', read_only=_vpd_fields(fields.get('readonly')),
               writable=_vpd_fields(fields.get('readwrite')))


def _vpd_fields(given: dict[str, str] | None) -> VpdFields | None:
    if not given:
        return None
    named: dict[str, Any] = {name: value for name, value in given.items() if name in _VPD_FIELDS}
    return VpdFields(**named)


def _platform() -> dict[str, Any]:
    """Return TPM, SEV, TDX and firmware, from the attributes of the fake that tests patch."""
    # Of an instance, because some tests replace them with properties.
    fake = workarounds.fake_libvirt().Connection()
    # In Nova 33 the TPM is one of the devices.
    devices = getattr(fake, '_domain_capability_tpm', '') or fake._domain_capability_devices
    tpm = etree.fromstring(f'<devices>{devices}</devices>').find('tpm')
    features = etree.fromstring(fake._domain_capability_features)
    tdx = features.find('tdx')
    return {
        'tpm': _tpm(tpm), 'sev': _sev(features.find('sev')), 'firmware': FIRMWARE,
        'tdx': tdx is not None and tdx.get('supported') == 'yes'}


def _tpm(document: Any) -> Tpm | None:
    if document is None:
        # As libvirt before 8.0, which Nova 33 accepts.
        return Tpm(announced=False)
    if 'emulator' not in {value.text for value in document.iter('value')}:
        return None
    versions = tuple(value.text for value in
                     document.findall("enum[@name='backendVersion']/value"))
    return Tpm(versions) if versions else Tpm()


def _sev(document: Any) -> Sev | None:
    if document is None or document.get('supported') != 'yes':
        return None
    return Sev(*(int(document.findtext(name, '0')) for name in (
        'cbitpos', 'reducedPhysBits', 'maxGuests', 'maxESGuests')))
