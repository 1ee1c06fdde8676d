"""The domain XML that Nova writes for a server with persistent memory.

Tests compare it with the output of Nova 34's driver for an instance that boots from a raw image,
has no network and runs with ``virt_type = qemu``: nova/virt/libvirt/{driver,config}.py.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from vpmem_harness.cloud.api import VPMEMDevice
from vpmem_harness.cloud.flavors import Flavor

#: Nova's version in the guest's firmware tables and metadata.
NOVA_VERSION = '34.0.0'

NOVA_NAMESPACE = 'http://openstack.org/xmlns/libvirt/nova/1.1'

KIB = 1024

#: Nova's default of ``[vnc] server_listen``.
VNC_LISTEN = str(ipaddress.IPv4Address(socket.INADDR_LOOPBACK))

#: Size of the label area of a virtual NVDIMM in KiB.
#: Source: LibvirtConfigGuestVPMEM.
LABEL_SIZE = 2048


@dataclass(frozen=True)
class Owner:
    """The owner of a server; the default names are those that Nova shows for unknown ones."""

    user_id: str
    project_id: str
    user_name: str = 'N/A'
    project_name: str = 'N/A'


@dataclass(frozen=True)
class HostCell:
    """The host's NUMA cell for a guest's only cell."""

    id: int
    cpus: tuple[int, ...]


@dataclass(frozen=True)
class Guest:
    """The values that determine the domain of a server."""

    uuid: str
    name: str
    display_name: str
    created: datetime.datetime
    flavor: Flavor
    image_id: str
    owner: Owner
    instance_path: str
    cell: HostCell | None
    vpmems: Sequence[VPMEMDevice] = ()
    rescue: bool = False


def domain_xml(guest: Guest) -> str:
    """Return the domain XML of a guest."""
    domain = etree.Element('domain', type='qemu')
    _basics(domain, guest)
    _metadata(domain, guest)
    _sysinfo(domain, guest)
    system = etree.SubElement(domain, 'os')
    _text(system, 'type', 'hvm', arch='x86_64', machine='pc')
    if not guest.rescue:
        etree.SubElement(system, 'boot', dev='hd')
    etree.SubElement(system, 'smbios', mode='sysinfo')
    features = etree.SubElement(domain, 'features')
    for feature in ('acpi', 'apic', 'vmcoreinfo'):
        etree.SubElement(features, feature)
    _text(domain, 'iothreads', 1)
    if guest.cell is not None and guest.vpmems:
        cpuset = cpu_spec(guest.cell.cpus)
        tune = etree.SubElement(domain, 'cputune')
        etree.SubElement(tune, 'emulatorpin', cpuset=cpuset)
        etree.SubElement(tune, 'iothreadpin', cpuset=cpuset, iothread='1')
        for vcpu in range(guest.flavor.vcpus):
            etree.SubElement(tune, 'vcpupin', vcpu=str(vcpu), cpuset=cpuset)
    etree.SubElement(domain, 'clock', offset='utc')
    _cpu(domain, guest)
    _devices(domain, guest)
    return etree.tostring(domain, pretty_print=True, encoding='unicode')


def cpu_spec(cpus: Iterable[int]) -> str:
    """Format a CPU set as libvirt does: ``0-3,8``."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ','.join(str(a) if a == b else f'{a}-{b}' for a, b in ranges)


def _text(parent: etree._Element, tag: str, text: object, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, tag, attributes)
    element.text = str(text)
    return element


def _basics(domain: etree._Element, guest: Guest) -> None:
    memory = guest.flavor.ram * KIB
    _text(domain, 'uuid', guest.uuid)
    _text(domain, 'name', guest.name)
    _text(domain, 'memory', memory)
    if guest.vpmems:
        most = memory + sum(device.size // KIB for device in guest.vpmems)
        _text(domain, 'maxMemory', most, slots=str(len(guest.vpmems)))
        if guest.cell is not None:
            numatune = etree.SubElement(domain, 'numatune')
            nodeset = str(guest.cell.id)
            etree.SubElement(numatune, 'memory', mode='strict', nodeset=nodeset)
            etree.SubElement(numatune, 'memnode', cellid='0', mode='strict', nodeset=nodeset)
    _text(domain, 'vcpu', guest.flavor.vcpus)


def _metadata(domain: etree._Element, guest: Guest) -> None:
    def nova(parent: etree._Element, tag: str, text: object = None, **attributes: str,
             ) -> etree._Element:
        element = etree.SubElement(parent, f'{{{NOVA_NAMESPACE}}}{tag}', attributes)
        if text is not None:
            element.text = str(text)
        return element

    instance = etree.SubElement(
        etree.SubElement(domain, 'metadata'), f'{{{NOVA_NAMESPACE}}}instance',
        nsmap={'nova': NOVA_NAMESPACE})
    nova(instance, 'package', version=NOVA_VERSION)
    nova(instance, 'name', guest.display_name)
    nova(instance, 'creationTime', guest.created.strftime('%Y-%m-%d %H:%M:%S'))
    flavor = nova(instance, 'flavor', name=guest.flavor.name, id=guest.flavor.flavorid)
    nova(flavor, 'memory', guest.flavor.ram)
    nova(flavor, 'disk', guest.flavor.disk)
    nova(flavor, 'swap', guest.flavor.swap)
    nova(flavor, 'ephemeral', guest.flavor.ephemeral)
    nova(flavor, 'vcpus', guest.flavor.vcpus)
    specs = nova(flavor, 'extraSpecs')
    for name, value in guest.flavor.extra_specs.items():
        nova(specs, 'extraSpec', value, name=name)
    image = nova(instance, 'image', uuid=guest.image_id)
    nova(image, 'diskFormat', 'raw')
    nova(image, 'properties')
    owner = nova(instance, 'owner')
    nova(owner, 'user', guest.owner.user_name, uuid=guest.owner.user_id)
    nova(owner, 'project', guest.owner.project_name, uuid=guest.owner.project_id)
    nova(instance, 'root', type='image', uuid=guest.image_id)
    nova(instance, 'ports')


def _sysinfo(domain: etree._Element, guest: Guest) -> None:
    system = etree.SubElement(etree.SubElement(domain, 'sysinfo', type='smbios'), 'system')
    for name, value in (
        ('manufacturer', 'OpenStack Foundation'),
        ('product', 'OpenStack Nova'),
        ('version', NOVA_VERSION),
        ('serial', guest.uuid),
        ('uuid', guest.uuid),
        ('family', 'Virtual Machine'),
    ):
        _text(system, 'entry', value, name=name)


def _cpu(domain: etree._Element, guest: Guest) -> None:
    """Add the CPU; with persistent memory the guest has one NUMA cell for ``<node>0</node>``."""
    cpu = etree.SubElement(domain, 'cpu', mode='host-model', match='exact')
    vcpus = guest.flavor.vcpus
    etree.SubElement(cpu, 'topology', sockets=str(vcpus), cores='1', threads='1')
    if guest.vpmems:
        numa = etree.SubElement(cpu, 'numa')
        etree.SubElement(
            numa, 'cell', id='0', cpus=cpu_spec(range(vcpus)), memory=str(guest.flavor.ram * KIB))


def _devices(domain: etree._Element, guest: Guest) -> None:
    devices = etree.SubElement(domain, 'devices')
    disks = ['disk.rescue', 'disk'] if guest.rescue else ['disk']
    for file, device in zip(disks, ('vda', 'vdb'), strict=False):
        disk = etree.SubElement(devices, 'disk', type='file', device='disk')
        etree.SubElement(disk, 'driver', name='qemu', type='raw', cache='none')
        etree.SubElement(disk, 'source', file=f'{guest.instance_path}/{file}')
        etree.SubElement(disk, 'target', dev=device, bus='virtio')
    serial = etree.SubElement(devices, 'serial', type='pty')
    etree.SubElement(serial, 'log', file=f'{guest.instance_path}/console.log', append='off')
    etree.SubElement(devices, 'graphics', type='vnc', autoport='yes', listen=VNC_LISTEN)
    etree.SubElement(etree.SubElement(devices, 'video'), 'model', type='virtio')
    etree.SubElement(devices, 'input', type='tablet', bus='usb')
    rng = etree.SubElement(devices, 'rng', model='virtio')
    _text(rng, 'backend', '/dev/urandom', model='random')
    etree.SubElement(devices, 'controller', type='usb', index='0')
    balloon = etree.SubElement(
        devices, 'memballoon', model='virtio', autodeflate='on', freePageReporting='on')
    etree.SubElement(balloon, 'stats', period='10')
    for vpmem in guest.vpmems:
        _vpmem(devices, vpmem)


def _vpmem(devices: etree._Element, vpmem: VPMEMDevice) -> None:
    """Add an NVDIMM; sizes are in KiB, rounded down, without alignment."""
    memory = etree.SubElement(devices, 'memory', model='nvdimm', access='shared')
    source = etree.SubElement(memory, 'source')
    _text(source, 'path', vpmem.devpath)
    _text(source, 'alignsize', vpmem.align // KIB)
    etree.SubElement(source, 'pmem')
    target = etree.SubElement(memory, 'target')
    _text(target, 'size', vpmem.size // KIB)
    _text(target, 'node', 0)
    _text(etree.SubElement(target, 'label'), 'size', LABEL_SIZE)


def with_paths(xml: str, paths: list[str]) -> str:
    """Replace the device paths of the NVDIMMs in domain XML, in their order."""
    domain = etree.fromstring(xml)
    sources = domain.findall("./devices/memory[@model='nvdimm']/source/path")
    for source, path in zip(sources, paths, strict=True):
        source.text = path
    return etree.tostring(domain, encoding='unicode')
