"""Definitions with memory devices that no recording has, and devices to attach to them.

``{directory}`` stands for the directory of the backing files: :data:`FILES`.
"""

from __future__ import annotations

import libvirt

LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG

#: The backing files, with their sizes in MiB.
FILES = {'ns_0': 128, 'ns_1': 126, 'small': 8}

_TOPOLOGY = "<topology sockets='1' cores='1' threads='1'/>"
_NUMA = "<numa><cell id='0' cpus='0' memory='65536'/></numa>"


def domain(devices: str = '', *, maximum: str = "<maxMemory slots='4'>1048576</maxMemory>",
           machine: str = 'pc', numa: str = _NUMA, topology: str = _TOPOLOGY, vcpus: int = 1,
           memory: int = 65536, cpu: str | None = None, acpi: str = '<acpi/>') -> str:
    """Return a domain, without its UUID."""
    cpu = f'<cpu>{topology}{numa}</cpu>' if cpu is None else cpu
    return (f"<domain type='qemu'><name>v</name>{{uuid}}<memory>{memory}</memory>{maximum}"
            f"<vcpu>{vcpus}</vcpu><os><type machine='{machine}'>hvm</type></os>"
            f'<features>{acpi}<apic/></features>{cpu}<devices>{devices}'
            "<memballoon model='virtio'/></devices></domain>")


def nvdimm(file: str = 'ns_0', size: int = 131072, *, node: str = '<node>0</node>',
           label: str = '<label><size>2048</size></label>', address: str = '') -> str:
    """Return an NVDIMM."""
    return (f"<memory model='nvdimm' access='shared'><source><path>{{directory}}/{file}</path>"
            f'<alignsize>2048</alignsize></source><target><size>{size}</size>{node}{label}'
            f'</target>{address}</memory>')


def pmem(file: str = 'ns_1', size: int = 129024, *, target: str = '', address: str = '') -> str:
    """Return a virtio-pmem device."""
    return (f"<memory model='virtio-pmem' access='shared'><source><path>{{directory}}/{file}"
            f'</path></source><target><size>{size}</size>{target}</target>{address}</memory>')


def slot(number: int, base: int = 0) -> str:
    """Return the address of a DIMM."""
    return f"<address type='dimm' slot='{number}'" + (f" base='0x{base:x}'/>" if base else '/>')


def base(number: int) -> str:
    """Return the address of a virtio memory device."""
    return f"<address base='0x{number:x}'/>"


_GIB = 1 << 30
_OTHER = nvdimm('ns_1', 129024)
_NO_SLOTS = '<maxMemory>1048576</maxMemory>'
_ITCO = "<watchdog model='itco' action='{}'/>"
_I6300 = "<watchdog model='i6300esb' action='{}'/>"
_DIMM = "<memory model='dimm'><target><size>131072</size><node>0</node></target></memory>"
_MEM = ("<memory model='virtio-mem'><target><size>131072</size><node>0</node><block>2048</block>"
        '<requested>0</requested></target></memory>')

#: Definitions by name.
DEFINITIONS: dict[str, str] = {
    'plain': domain(nvdimm()),
    'two': domain(nvdimm() + _OTHER),
    'q35': domain(nvdimm(), machine='q35'),
    'old machine': domain(nvdimm(), machine='pc-i440fx-7.2'),
    'removed machine': domain(nvdimm(), machine='pc-i440fx-2.3'),
    'no ACPI': domain(nvdimm(), acpi=''),
    'overlap': domain(nvdimm(address=slot(0, 4 * _GIB))
                      + nvdimm('ns_1', 129024, address=slot(1, 4 * _GIB + (64 << 20)))),
    'overlap, reversed': domain(nvdimm(address=slot(1, 4 * _GIB + (64 << 20)))
                                + nvdimm('ns_1', 129024, address=slot(0, 4 * _GIB))),
    'same base': domain(nvdimm(address=slot(0, 4 * _GIB))
                        + nvdimm('ns_1', 129024, address=slot(1, 4 * _GIB))),
    'adjacent': domain(nvdimm(label='', address=slot(0, 4 * _GIB))
                       + nvdimm('ns_1', 129024, label='', address=slot(1, 4 * _GIB + (128 << 20)))),
    'unaligned base': domain(nvdimm(address=slot(0, 4 * _GIB + 4096))),
    'low base': domain(nvdimm(address=slot(0, 4096))),
    'same slot': domain(nvdimm(address=slot(0)) + nvdimm('ns_1', 129024, address=slot(0))),
    'slot out of range': domain(nvdimm(address=slot(9))),
    'more devices than slots': domain(
        nvdimm() + _OTHER, maximum="<maxMemory slots='1'>1048576</maxMemory>"),
    'second slot of one': domain(
        nvdimm(address=slot(0)) + nvdimm('ns_1', 129024, address=slot(1)),
        maximum="<maxMemory slots='1'>1048576</maxMemory>"),
    'no slots': domain(nvdimm(), maximum=_NO_SLOTS),
    'no slots, no devices': domain(maximum=_NO_SLOTS),
    'slots alone': domain(maximum="<maxMemory slots='2'>0</maxMemory>"),
    'no maximum': domain(nvdimm(), maximum=''),
    'virtio-pmem': domain(pmem()),
    'virtio-pmem without slots': domain(pmem(), maximum=_NO_SLOTS),
    'virtio-pmem without maximum': domain(pmem(), maximum=''),
    'virtio-pmem at an address': domain(pmem(target=base(5 * _GIB))),
    'virtio-pmem, bad address': domain(pmem(target="<address base='x'/>")),
    'virtio-pmem, unaligned': domain(pmem(target=base(5 * _GIB + 1))),
    'virtio-pmem, too low': domain(pmem(target=base(4096))),
    'virtio-pmem over an NVDIMM': domain(nvdimm(address=slot(0, 4 * _GIB))
                                         + pmem(target=base(4 * _GIB + (64 << 20)))),
    'virtio-pmem on a node': domain(pmem(target='<node>0</node>')),
    'virtio-mem': domain(_MEM),
    'no cells': domain(nvdimm(node=''), numa='', memory=262144),
    'no cells, a node': domain(nvdimm(), numa='', memory=262144),
    'no cells, little memory': domain(nvdimm(node=''), numa=''),
    'no cells, no devices': domain(numa='', memory=262144),
    'small file': domain(nvdimm('small')),
    'address without a type': domain(nvdimm(address="<address slot='1'/>")),
    'address of an unknown type': domain(nvdimm(address="<address type='x'/>")),
    'clusters': domain(nvdimm(), vcpus=2, topology=(
        "<topology sockets='1' dies='1' clusters='2' cores='1' threads='1'/>")),
    'no clusters': domain(nvdimm(), topology=(
        "<topology sockets='1' dies='1' clusters='0' cores='1' threads='1'/>")),
    'two dies': domain(nvdimm(), vcpus=2, topology=(
        "<topology sockets='1' dies='2' cores='1' threads='1'/>")),
    'two cores': domain(nvdimm(), vcpus=2, topology=(
        "<topology sockets='1' cores='2' threads='1'/>")),
    'no cores': domain(nvdimm(), topology="<topology sockets='1'/>"),
    'zero sockets': domain(nvdimm(), topology="<topology sockets='0' cores='1' threads='1'/>"),
    'a model': domain(maximum='', cpu='<cpu><model>Nehalem</model></cpu>'),
    'host-model': domain(maximum='', cpu="<cpu mode='host-model'/>"),
    'a watchdog': domain(_I6300.format('reset'), machine='q35'),
    'a watchdog of the chipset': domain(_ITCO.format('poweroff'), machine='q35'),
    'a chipset without it': domain(_ITCO.format('reset')),
    'two watchdogs': domain(_I6300.format('pause') * 2),
    'two actions': domain(_ITCO.format('reset') + _I6300.format('pause'), machine='q35'),
}

_PLAIN = DEFINITIONS['plain']
_OVERLAP = nvdimm('small', 8192, address=slot(2, 4 * _GIB + (64 << 20)))

#: By name: a definition, and devices to attach one after the other, each with its flags.
ATTACHMENTS: dict[str, tuple[str, tuple[tuple[str, int], ...]]] = {
    'an NVDIMM': (_PLAIN, ((_OTHER, LIVE), (_OTHER, CONFIG), (_OTHER, LIVE | CONFIG))),
    'an overlap': (_PLAIN, tuple((_OVERLAP, flags) for flags in (LIVE, CONFIG, LIVE | CONFIG))),
    'a slot in use': (_PLAIN, tuple((nvdimm('small', 8192, address=slot(0)), flags)
                                    for flags in (LIVE, CONFIG))),
    'a slot out of range': (_PLAIN, tuple((nvdimm('small', 8192, address=slot(7)), flags)
                                          for flags in (LIVE, CONFIG))),
    'a small file': (_PLAIN, ((nvdimm('small'), LIVE), (nvdimm('small'), CONFIG))),
    'no node': (_PLAIN, ((nvdimm('ns_1', 129024, node=''), LIVE),
                         (nvdimm('ns_1', 129024, node=''), CONFIG))),
    'a DIMM': (_PLAIN, ((_DIMM, LIVE), (_DIMM, CONFIG))),
    'virtio-pmem': (_PLAIN, ((pmem(), LIVE), (pmem(target=base(5 * _GIB)), LIVE | CONFIG))),
    'no slots': (DEFINITIONS['virtio-pmem without slots'], ((_OTHER, LIVE), (_OTHER, CONFIG))),
    'a watchdog': (DEFINITIONS['q35'], ((_I6300.format('reset'), CONFIG),)),
}
