"""Random arguments of the right types for each procedure; seeded.

They decode, so that the hypervisor sees them: numbers at limits, contradicting flags, strings with
and without meaning, documents with odd values.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.wire import shapes
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, Procedure
from vpmem_harness.randomness import Randomness

#: Numbers around limits and overflows.
_NUMBERS: Final = (0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256,
                   1000, 1023, 1024, 1025, 4095, 4096, 16384, 16385, 65535, 65536, 131072, 1048576,
                   (1 << 22) + 1, (1 << 23) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
                   (1 << 53) - 1, 1 << 53, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_RANGES: Final = {'int': (-(1 << 31), (1 << 31) - 1), 'uint': (0, (1 << 32) - 1),
                  'hyper': (-(1 << 63), (1 << 63) - 1), 'uhyper': (0, (1 << 64) - 1),
                  'uchar': (0, 255), 'ushort': (0, (1 << 16) - 1), 'char': (-128, 127)}

_TEXTS: Final = ('', '\0', ' ', '\n', '-', '-1', '0', '1', 'x', 'x' * 300, '/', '../..', '%s%n',
                 '<', '\udcff\udcfe', '\U0001f4a9', 'vda', 'hda', 'vdb', 'vnet0', 'eth0', 'default',
                 'virtio-disk0', 'dimm0', 'nvdimm0', 'x86_64', 'i686', 'pc', 'q35', 'qemu', 'kvm',
                 'QEMU', 'computer', 'mdev', 'pci', '/images/disk', '/srv/pmem/ns_0',
                 '/var/lib/libvirt/images', 'one', 'two', 'qemu+tcp://nowhere/system', '^', '0-1',
                 '0-99999', 'emulator', 'urn:x')

DOMAIN: Final = """<domain type='qemu'><name>{name}</name><memory>131072</memory>
<maxMemory slots='4'>1048576</maxMemory><vcpu current='1'>2</vcpu><iothreads>1</iothreads>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<cpu><numa><cell id='0' cpus='0-1' memory='131072'/></numa></cpu>
<cputune><shares>2</shares></cputune><devices>
<disk type='file' device='disk'><source file='/images/disk'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>
<interface type='network'><source network='default'/></interface><serial type='pty'/>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<graphics type='vnc' port='-1'/><memballoon model='virtio'/></devices></domain>"""

_DOCUMENTS: Final = (
    DOMAIN.format(name='one'), DOMAIN.format(name='two'), DOMAIN.format(name='three'),
    "<domain type='qemu'><name>four</name><memory>65536</memory><os><type>hvm</type></os></domain>",
    "<disk type='file' device='disk'><source file='/images/other'/>"
    "<target dev='vdb' bus='virtio'/></disk>",
    "<disk type='file' device='cdrom'><source file='/images/cd'/>"
    "<target dev='hda' bus='ide'/></disk>",
    "<disk type='file'><source file='/images/disk'/><target dev='vda'/></disk>",
    "<interface type='network'><source network='default'/><model type='virtio'/></interface>",
    "<memory model='nvdimm'><source><path>/srv/pmem/ns_0</path></source>"
    "<target><size unit='KiB'>131072</size><node>0</node></target></memory>",
    "<memory model='dimm'><target><size unit='KiB'>131072</size><node>0</node></target></memory>",
    "<graphics type='vnc' port='5901' passwd='x'/>", "<serial type='pty'/>",
    "<rng model='virtio'/>",
    "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='59' slot='0' "
    "function='0'/></source></hostdev>", "<iothread id='2'/>", "<watchdog model='i6300esb'/>",
    "<domainsnapshot><name>s</name><disks><disk name='vda' snapshot='external'/></disks>"
    '</domainsnapshot>', '<domainsnapshot/>',
    "<secret ephemeral='no' private='no'><usage type='ceph'><name>x</name></usage></secret>",
    "<cpu><model>Nehalem</model><feature name='vmx'/></cpu>", '<cpu/>',
    '<device><parent>pci_0000_3b_00_0</parent><capability type="mdev"><type id="t"/></capability>'
    '</device>', '<device><parent>computer</parent></device>',
    '<network><name>net</name></network>',
    "<network><name>nat</name><forward mode='nat'/><ip address='198.51.100.1' prefix='24'><dhcp>"
    "<range start='198.51.100.2' end='198.51.100.9'/></dhcp></ip></network>",
    "<network><name>direct</name><forward mode='bridge'><interface dev='eth0'/></forward>"
    "<portgroup name='g'/></network>",
    "<host name='h' ip='198.51.100.5'/>", "<portgroup name='p' default='yes'/>",
    "<txt name='n' value='v'/>", "<host ip='192.0.2.9'><hostname>n</hostname></host>",
    "<pool type='dir'><name>p</name><target><path>/pools/p</path><permissions><mode>0711</mode>"
    '<owner>0</owner></permissions></target></pool>',
    "<pool type='fs'><name>q</name><source><device path='/srv/pmem/ns_1'/></source><target>"
    '<path>/pools/q</path></target></pool>',
    "<pool type='netfs'><name>r</name><source><host name='h' port='1'/><dir path='/x'/></source>"
    '<target><path>/pools/r</path></target></pool>',
    "<pool type='logical'><name>s</name><source><device path='/srv/pmem/ns_0'/></source></pool>",
    '<volume><name>v</name><capacity>65536</capacity><allocation>4096</allocation></volume>',
    "<volume><name>w</name><capacity unit='MiB'>64</capacity><target><format type='qcow2'/>"
    '<clusterSize>65536</clusterSize></target></volume>',
    "<volume><name>x</name><target><format type='qcow2'/></target><backingStore><path>"
    "/pools/p/w</path><format type='qcow2'/></backingStore></volume>",
    "<volume><name>d</name><capacity>0</capacity><target><format type='dir'/></target></volume>",
    '<x/>', '<domain/>', '', 'no document')

#: The root elements that a procedure expects, by a pattern of its name.
_ROOTS: Final = (
    (re.compile(r'snapshot'), ('domainsnapshot',)), (re.compile(r'secret'), ('secret',)),
    (re.compile(r'cpu'), ('cpu',)), (re.compile(r'node_device'), ('device',)),
    (re.compile(r'network_update'), ('host', 'portgroup', 'txt')),
    (re.compile(r'network'), ('network',)), (re.compile(r'pool'), ('pool',)),
    (re.compile(r'vol'), ('volume',)), (re.compile(r'block_copy'), ('disk',)),
    (re.compile(r'device'), ('disk', 'interface', 'memory', 'graphics', 'serial', 'rng', 'hostdev',
                             'watchdog')),
    (re.compile(r'domain'), ('domain',)))

#: A pattern of the typed parameters of a procedure, by a pattern of its name.
_WORDS: Final = (
    (re.compile(r'scheduler'), r'cpu_|vcpu|emulator|global'), (re.compile(r'blkio'), r'.*weight'),
    (re.compile(r'memory_par'), r'.*limit|shm'), (re.compile(r'numa'), r'numa'),
    (re.compile(r'io_tune'), r'total|read|write|group'), (re.compile(r'interface'), r'\w+bound'),
    (re.compile(r'migrate'), r'bandwidth|destination|migrate'),
    (re.compile(r'copy'), r'bandwidth|granularity'))

#: Names of typed parameters, each with its type.
_PARAMETERS: Final = {
    'weight': values.UINT, 'device_weight': values.STRING, 'hard_limit': values.ULLONG,
    'soft_limit': values.ULLONG, 'swap_hard_limit': values.ULLONG, 'numa_mode': values.INT,
    'numa_nodeset': values.STRING, 'cpu_shares': values.ULLONG, 'vcpu_period': values.ULLONG,
    'vcpu_quota': values.LLONG, 'emulator_period': values.ULLONG, 'global_quota': values.LLONG,
    'total_bytes_sec': values.ULLONG, 'read_iops_sec': values.ULLONG, 'group_name': values.STRING,
    'write_bytes_sec_max': values.ULLONG, 'total_iops_sec_max_length': values.ULLONG,
    'inbound.average': values.UINT, 'inbound.floor': values.UINT, 'outbound.burst': values.UINT,
    'bandwidth': values.ULLONG, 'destination_xml': values.STRING,
    'destination_name': values.STRING, 'migrate_disks': values.STRING, 'granularity': values.UINT,
    'shm_pages_to_scan': values.UINT, 'x' * 79: values.INT, 'x' * 80: values.INT}

#: Handles other than those of domains, and those with a UUID.
_HANDLES: Final = {'network': values.NetworkHandle, 'storage_pool': values.StoragePoolHandle,
                   'storage_vol': values.StorageVolHandle, 'secret': values.SecretHandle,
                   'snapshot': values.SnapshotHandle, 'node_device': values.NodeDeviceHandle}
_KINDS: Final = frozenset(_HANDLES.values())
_IDENTIFIED: Final = (values.NetworkHandle, values.StoragePoolHandle, values.SecretHandle)

_DOCUMENT_FIELD: Final = re.compile(r'xml|document|config', re.IGNORECASE)
_VALUE: Final = re.compile(r"(?<==')[^']*(?=')|(?<=>)[^<>\n]+(?=<)")

#: Procedures of the session itself.
_LEFT_OUT: Final = frozenset({'connect_open', 'connect_close', 'auth_list', 'auth_sasl_init',
                              'auth_sasl_start', 'auth_sasl_step', 'auth_polkit'})


def procedures() -> list[Procedure]:
    """Return the procedures that a client can call, except those of the session."""
    return [procedure for procedure in BY_NAME.values()
            if procedure.callable and procedure.shaped and procedure.method not in _LEFT_OUT]


class Arguments:
    """Draws arguments of procedures.

    :ivar domains: handles of the existing domains.
    """

    def __init__(self, randomness: Randomness) -> None:
        self._random = randomness
        self.domains: list[values.DomainHandle] = []
        self._procedure = ''
        self._seen: dict[type, list[Any]] = {}
        self._handles: dict[str, Callable[[], Any]] = {
            'domain': self._domain,
            'snapshot': lambda: values.SnapshotHandle(self._name(), self._domain()),
            'checkpoint': lambda: values.CheckpointHandle(self._name(), self._domain()),
            'network': lambda: values.NetworkHandle(self._name(), self._uuid()),
            'network_port': lambda: values.NetworkPortHandle(
                values.NetworkHandle(self._name(), self._uuid()), self._uuid()),
            'nwfilter': lambda: values.NWFilterHandle(self._name(), self._uuid()),
            'nwfilter_binding': lambda: values.NWFilterBindingHandle(self._name(), self._name()),
            'interface': lambda: values.InterfaceHandle(self._name(), self._name()),
            'storage_pool': lambda: values.StoragePoolHandle(self._name(), self._uuid()),
            'storage_vol': lambda: values.StorageVolHandle(
                self._name(), self._name(), self._name()),
            'node_device': lambda: values.NodeDeviceHandle(self._name()),
            'secret': lambda: values.SecretHandle(self._uuid(), self._number('int'),
                                                  self._name()),
        }

    def draw(self, procedure: Procedure) -> tuple[Any, ...]:
        """Draw the arguments of one call."""
        self._procedure = procedure.method
        return tuple(self._value(field.name, field.type) for field in procedure.arguments.fields)

    def remember(self, results: object) -> None:
        """Remember the handles in the results of a call, to draw them as arguments."""
        if type(results) in _KINDS:
            known = self._seen.setdefault(type(results), [])
            if results not in known:
                known.append(results)
                del known[:-20]
        elif isinstance(results, list | tuple):
            for each in results:
                self.remember(each)

    def _value(self, name: str, shape: shapes.Type) -> Any:
        match shape:
            case shapes.Scalar('double'):
                return self._random.choice((0.0, -1.5, 1e300))
            case shapes.Scalar(kind):
                return self._flags(kind) if name == 'flags' else self._number(kind)
            case shapes.String():
                return self._document() if _DOCUMENT_FIELD.search(name) else self._name()
            case shapes.UUID():
                return self._uuid()
            case shapes.Opaque(limit):
                return self._random.bytes(min(limit, self._random.choice((0, 1, 1, 2, 8, 300))))
            case shapes.Optional(of):
                return None if self._random.chance(0.25) else self._value(name, of)
            case shapes.ListOf(shapes.TypedParam(), limit):
                return [self._parameter() for _ in range(min(limit, self._count()))]
            case shapes.ListOf(of, limit):
                return [self._value(name, of) for _ in range(min(limit, self._count()))]
            case shapes.Struct(_, kind) if kind in self._handles:
                return self._handle(kind)
            case shapes.Struct(fields, _):
                return tuple(self._value(field.name, field.type) for field in fields)
        return ''

    def _handle(self, kind: str) -> Any:
        known = self._seen.get(_HANDLES[kind]) if kind in _HANDLES else None
        if known and self._random.chance(0.7):
            return self._random.choice(known)
        return self._handles[kind]()

    def _count(self) -> int:
        return self._random.choice((0, 1, 1, 1, 2, 3, 16))

    def _number(self, kind: str) -> int:
        low, high = _RANGES[kind]
        if self._random.chance(0.5):
            return self._random.below(4)
        number = self._random.choice(_NUMBERS)
        if low < 0 and self._random.chance(0.3):
            number = -number
        return min(max(number, low), high)

    def _flags(self, kind: str) -> int:
        if self._random.chance(0.5):
            return 0
        if self._random.chance(0.05):
            return self._number(kind)
        flags = 0
        for _ in range(self._random.between(1, 3)):
            flags |= 1 << self._random.below(14)
        return flags

    def _name(self) -> str:
        if self.domains and self._random.chance(0.2):
            return self._random.choice(self.domains).name
        devices = self._seen.get(values.NodeDeviceHandle)
        if devices and self._random.chance(0.6 if 'device' in self._procedure else 0.05):
            return str(self._random.choice(devices).name)
        if re.search('block|disk|io_tune', self._procedure) and self._random.chance(0.6):
            return self._random.choice(('vda', 'hda', '/images/disk'))
        return self._random.choice(_TEXTS)

    def _uuid(self) -> bytes:
        known = [handle for kind in _IDENTIFIED if kind.__name__.lower().startswith(
                 self._procedure.partition('_')[0]) for handle in self._seen.get(kind, ())]
        if known and self._random.chance(0.6):
            return bytes(self._random.choice(known).uuid)
        if self.domains and self._random.chance(0.3):
            return self._random.choice(self.domains).uuid
        return uuid.UUID(self._random.uuid()).bytes

    def _domain(self) -> values.DomainHandle:
        if self.domains and self._random.chance(0.9):
            return self._random.choice(self.domains)
        return values.DomainHandle(self._name(), self._uuid(), self._number('int'))

    def _document(self) -> str:
        """Return a document, in two of three cases with some values replaced."""
        text = self._random.choice(self._fitting(_DOCUMENTS, _ROOTS, '<({})[ >]'))
        places = list(_VALUE.finditer(text))
        if not places or self._random.chance(0.3):
            return text
        for place in sorted({self._random.below(len(places))
                             for _ in range(self._random.choice((1, 1, 1, 3)))}, reverse=True):
            start, end = places[place].span()
            value = (str(self._number('hyper')) if self._random.chance(0.6)
                     else re.sub('[<&\0\'\udc80-\udcff]', '', self._random.choice(_TEXTS)))
            text = text[:start] + value + text[end:]
        return text

    def _fitting(self, texts: Sequence[str],
                 patterns: Iterable[tuple[re.Pattern[str], str | tuple[str, ...]]],
                 form: str) -> Sequence[str]:
        """Return those of ``texts`` that suit the procedure or, in one of five cases, all."""
        if self._random.chance(0.2):
            return texts
        for pattern, wanted in patterns:
            if pattern.search(self._procedure):
                fits = form.format(wanted if isinstance(wanted, str) else '|'.join(wanted))
                return [text for text in texts if re.match(fits, text)]
        return texts

    def _parameter(self) -> values.TypedParameter:
        name = self._random.choice(self._fitting(tuple(_PARAMETERS), _WORDS, '{}'))
        kind = _PARAMETERS[name] if self._random.chance(0.85) else self._random.between(1, 7)
        value: int | float | str
        match kind:
            case values.STRING:
                value = self._document() if 'xml' in name else self._name()
            case values.DOUBLE:
                value = 1e300
            case values.BOOLEAN:
                value = self._random.below(2)
            case _:
                value = self._number({values.INT: 'int', values.UINT: 'uint',
                                      values.LLONG: 'hyper'}.get(kind, 'uhyper'))
        return values.TypedParameter(name, kind, value)
