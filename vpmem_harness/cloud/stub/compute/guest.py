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
    """Return the domain XML of a guest, with the layout of Nova's.

    With persistent memory, a guest has one NUMA cell, on which its devices are.
    """
    flavor, vpmems = guest.flavor, guest.vpmems
    cell = guest.cell if vpmems else None
    memory = flavor.ram * KIB
    boot = '' if guest.rescue else """
    <boot dev="hd"/>"""
    numa = '' if not vpmems else f"""
    <numa>
      <cell id="0" cpus="{cpu_spec(range(flavor.vcpus))}" memory="{memory}"/>
    </numa>"""
    return f"""\
<domain type="qemu">
  <uuid>{guest.uuid}</uuid>
  <name>{_text(guest.name)}</name>
  <memory>{memory}</memory>{_maximum(memory, vpmems)}{_numa_tuning(cell)}
  <vcpu>{flavor.vcpus}</vcpu>
{_metadata(guest)}
  <sysinfo type="smbios">
    <system>
      <entry name="manufacturer">OpenStack Foundation</entry>
      <entry name="product">OpenStack Nova</entry>
      <entry name="version">{NOVA_VERSION}</entry>
      <entry name="serial">{guest.uuid}</entry>
      <entry name="uuid">{guest.uuid}</entry>
      <entry name="family">Virtual Machine</entry>
    </system>
  </sysinfo>
  <os>
    <type arch="x86_64" machine="pc">hvm</type>{boot}
    <smbios mode="sysinfo"/>
  </os>
  <features>
    <acpi/>
    <apic/>
    <vmcoreinfo/>
  </features>
  <iothreads>1</iothreads>{_cpu_tuning(cell, flavor.vcpus)}
  <clock offset="utc"/>
  <cpu mode="host-model" match="exact">
    <topology sockets="{flavor.vcpus}" cores="1" threads="1"/>{numa}
  </cpu>
{_devices(guest)}
</domain>
"""


def cpu_spec(cpus: Iterable[int]) -> str:
    """Format a CPU set as libvirt does: ``0-3,8``."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ','.join(str(a) if a == b else f'{a}-{b}' for a, b in ranges)


def _text(text: str) -> str:
    """Escape the content of an element."""
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')


def _value(text: str) -> str:
    """Escape the value of an attribute."""
    return _text(text).replace('"', '&quot;')


def _maximum(memory: int, vpmems: Sequence[VPMEMDevice]) -> str:
    if not vpmems:
        return ''
    most = memory + sum(device.size // KIB for device in vpmems)
    return f"""
  <maxMemory slots="{len(vpmems)}">{most}</maxMemory>"""


def _numa_tuning(cell: HostCell | None) -> str:
    return '' if cell is None else f"""
  <numatune>
    <memory mode="strict" nodeset="{cell.id}"/>
    <memnode cellid="0" mode="strict" nodeset="{cell.id}"/>
  </numatune>"""


def _cpu_tuning(cell: HostCell | None, vcpus: int) -> str:
    if cell is None:
        return ''
    cpuset = cpu_spec(cell.cpus)
    pins = ''.join(f"""
    <vcpupin vcpu="{vcpu}" cpuset="{cpuset}"/>""" for vcpu in range(vcpus))
    return f"""
  <cputune>
    <emulatorpin cpuset="{cpuset}"/>
    <iothreadpin cpuset="{cpuset}" iothread="1"/>{pins}
  </cputune>"""


def _metadata(guest: Guest) -> str:
    flavor, owner = guest.flavor, guest.owner
    specs = ''.join(f"""
          <nova:extraSpec name="{_value(name)}">{_text(value)}</nova:extraSpec>"""
                    for name, value in flavor.extra_specs.items())
    specs = f"""<nova:extraSpecs>{specs}
        </nova:extraSpecs>""" if specs else '<nova:extraSpecs/>'
    return f"""\
  <metadata>
    <nova:instance xmlns:nova="{NOVA_NAMESPACE}">
      <nova:package version="{NOVA_VERSION}"/>
      <nova:name>{_text(guest.display_name)}</nova:name>
      <nova:creationTime>{guest.created:%Y-%m-%d %H:%M:%S}</nova:creationTime>
      <nova:flavor name="{_value(flavor.name)}" id="{_value(flavor.flavorid)}">
        <nova:memory>{flavor.ram}</nova:memory>
        <nova:disk>{flavor.disk}</nova:disk>
        <nova:swap>{flavor.swap}</nova:swap>
        <nova:ephemeral>{flavor.ephemeral}</nova:ephemeral>
        <nova:vcpus>{flavor.vcpus}</nova:vcpus>
        {specs}
      </nova:flavor>
      <nova:image uuid="{guest.image_id}">
        <nova:diskFormat>raw</nova:diskFormat>
        <nova:properties/>
      </nova:image>
      <nova:owner>
        <nova:user uuid="{_value(owner.user_id)}">{_text(owner.user_name)}</nova:user>
        <nova:project uuid="{_value(owner.project_id)}">{_text(owner.project_name)}</nova:project>
      </nova:owner>
      <nova:root type="image" uuid="{guest.image_id}"/>
      <nova:ports/>
    </nova:instance>
  </metadata>"""


def _devices(guest: Guest) -> str:
    path = _value(guest.instance_path)
    files = ('disk.rescue', 'disk') if guest.rescue else ('disk',)
    disks = ''.join(f"""
    <disk type="file" device="disk">
      <driver name="qemu" type="raw" cache="none"/>
      <source file="{path}/{file}"/>
      <target dev="{device}" bus="virtio"/>
    </disk>""" for file, device in zip(files, ('vda', 'vdb'), strict=False))
    return f"""\
  <devices>{disks}
    <serial type="pty">
      <log file="{path}/console.log" append="off"/>
    </serial>
    <graphics type="vnc" autoport="yes" listen="{VNC_LISTEN}"/>
    <video>
      <model type="virtio"/>
    </video>
    <input type="tablet" bus="usb"/>
    <rng model="virtio">
      <backend model="random">/dev/urandom</backend>
    </rng>
    <controller type="usb" index="0"/>
    <memballoon model="virtio" autodeflate="on" freePageReporting="on">
      <stats period="10"/>
    </memballoon>{''.join(map(_vpmem, guest.vpmems))}
  </devices>"""


def _vpmem(vpmem: VPMEMDevice) -> str:
    """Return an NVDIMM; sizes are in KiB, rounded down, without alignment."""
    return f"""
    <memory model="nvdimm" access="shared">
      <source>
        <path>{vpmem.devpath}</path>
        <alignsize>{vpmem.align // KIB}</alignsize>
        <pmem/>
      </source>
      <target>
        <size>{vpmem.size // KIB}</size>
        <node>0</node>
        <label>
          <size>{LABEL_SIZE}</size>
        </label>
      </target>
    </memory>"""


def with_paths(xml: str, paths: list[str]) -> str:
    """Replace the device paths of the NVDIMMs in domain XML, in their order."""
    domain = etree.fromstring(xml)
    sources = domain.findall("./devices/memory[@model='nvdimm']/source/path")
    for source, path in zip(sources, paths, strict=True):
        source.text = path
    return etree.tostring(domain, encoding='unicode')
