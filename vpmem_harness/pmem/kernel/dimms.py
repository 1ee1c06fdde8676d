"""The DIMMs of a simulated machine."""

from __future__ import annotations

import dataclasses
import re

from vpmem_harness import exceptions
from vpmem_harness.pmem.kernel import labels, sizes
from vpmem_harness.pmem.kernel.health import Firmware, Health
from vpmem_harness.pmem.kernel.interleave import VENDOR, Identity

#: The label states that a DIMM can start with.
LABEL_STATES = ('blank', 'initialized', 'none')
#: The states of the security features (kernel: ``nvdimm_security_flags``).
SECURITY_STATES = ('disabled', 'unlocked', 'locked', 'frozen', 'overwrite')
#: The problems that the NFIT reports of a DIMM, in ndctl's order.
FLAGS = ('failed_map', 'failed_save', 'failed_arm', 'failed_restore', 'failed_flush', 'smart_event')
#: Up to where the platform flushes stores, as far as the kernel knows.
PERSISTENCE_DOMAINS = ('memory_controller', 'cpu_cache', 'none', 'unknown')

#: The bus that the ACPI table NFIT describes.
NFIT = 'ACPI.NFIT'
#: Buses whose memory has no DIMMs that the kernel knows: reserved with ``memmap=``, or of a guest.
WITHOUT_DIMMS = ('e820', 'virtio-pmem')

_SERIAL_BASE = 0x123456
_MIN_LABEL_AREA = 128 * sizes.KIB
_UNIQUE_ID = re.compile('([0-9a-f]{4})(?:-([0-9a-f]{2})-([0-9a-f]{4}))?-([0-9a-f]{8})')


@dataclasses.dataclass(frozen=True)
class DimmSpec:
    """Description of one DIMM. What is left out is as on QEMU's NVDIMMs.

    :param size: bytes, a multiple of 4 KiB, without the label area; namespaces have units of 16
        MiB. 0 is a module without persistent capacity, which is part of no region
    :param numa_node: the NUMA node of its region; of the nearest CPUs where the memory is a node
        of its own
    :param labels: ``blank`` (a label area never written, as on an NVDIMM from the factory),
        ``initialized`` (as after ``ndctl init-labels``) or ``none`` (no label area)
    :param label_area: bytes of the label area
    :param interleave: consecutive DIMMs with the same word form one interleaved region; without
        one a DIMM is a region of its own
    :param target_node: the NUMA node that its memory becomes when it is onlined; ``numa_node``
        when None. On Optane hosts the two usually differ
    :param firmware_commands: whether its firmware answers the commands for health, error
        injection and address range scrub. QEMU's NVDIMMs do not
    :param id: its identity, ``8089-a2-1837-00000b5d``: vendor, place and date of manufacture, and
        serial number, or vendor and serial number alone
    :param handle: its NFIT device handle, which has bits for socket, controller, channel and slot
    :param phys_id: the handle of its entry in the SMBIOS
    :param offset: where its part of the region starts, in bytes of its own addresses; 256 MiB on
        Optane modules
    :param position: its place in the interleave set; that in the order of slots when None
    :param iset_id: the identity of its interleave set, computed like the kernel's when None
    :param security: the state of its security features, None for a DIMM without any
    :param security_frozen: whether that state is frozen until the next power cycle
    :param health: what its firmware reports of its health, with the count of dirty shutdowns; a
        good one when None and it has ``firmware_commands``
    :param firmware: what it reports of its firmware, nothing when None
    :param flags: problems that the platform reports of it, of :data:`FLAGS`
    :param provider: its bus: DIMMs with the same word are on one. Memory on the bus ``e820``
        (kernel option ``memmap=``) or ``virtio-pmem`` has neither DIMMs nor labels
    :param persistence_domain: up to where the platform flushes stores when power fails, of
        :data:`PERSISTENCE_DOMAINS`; ``memory_controller`` for DIMMs when None
    :param mapping: its place in the firmware's description of the region; by slots when None
    :param region_align: the alignment of its region in bytes, if it was changed through sysfs
    :param label_version: the version of initialized labels, ``1.1`` or ``1.2``
    :param address: the physical address of its region; behind that of the one before when None
    """

    size: int
    numa_node: int = 0
    labels: str = 'blank'
    label_area: int = 2 * sizes.MIB
    interleave: str | None = None
    target_node: int | None = None
    firmware_commands: bool = False
    id: str | None = None
    handle: int | None = None
    phys_id: int = 0
    offset: int = 0
    position: int | None = None
    iset_id: int | None = None
    security: str | None = None
    security_frozen: bool = False
    health: Health | None = None
    firmware: Firmware | None = None
    flags: tuple[str, ...] = ()
    provider: str = NFIT
    persistence_domain: str | None = None
    mapping: int | None = None
    region_align: int | None = None
    label_version: str = '1.1'
    address: int | None = None

    def __post_init__(self) -> None:
        if self.size < 0 or self.size % sizes.PAGE:
            raise exceptions.InvalidInputError(
                'size of a DIMM', expected='a multiple of 4 KiB', got=f'{self.size} bytes',
                remedy='round it up')
        self._check_word('labels', self.labels, LABEL_STATES, 'use blank for a factory-new one')
        for what, node in (('NUMA node', self.numa_node), ('target node', self.target_node)):
            if node is not None and node < 0:
                raise exceptions.InvalidInputError(
                    f'{what} of a DIMM', expected='0 or more', got=str(node),
                    remedy='count nodes from 0')
        if self.labels != 'none' and self.label_area < _MIN_LABEL_AREA:
            raise exceptions.InvalidInputError(
                'label area of a DIMM', expected='128 KiB or more',
                got=f'{self.label_area} bytes', remedy="use labels='none' for a DIMM without one")
        self._check_identity()
        if self.security is not None:
            self._check_word('security', self.security, SECURITY_STATES, 'leave it out')
        if self.persistence_domain is not None:
            self._check_word('persistence domain', self.persistence_domain, PERSISTENCE_DOMAINS,
                             'leave it out')
        for flag in self.flags:
            self._check_word('flags', flag, FLAGS, 'leave it out')
        if self.provider == 'CXL':
            raise exceptions.InvalidInputError(
                'provider of a DIMM', expected='a bus of NVDIMMs, such as ACPI.NFIT or e820',
                got='CXL', remedy='describe it as ACPI.NFIT: the label format of CXL is not '
                'simulated')
        if not self.provider or '\0' in self.provider:
            raise exceptions.InvalidInputError(
                'provider of a DIMM', expected='a name, such as ACPI.NFIT or e820',
                got=repr(self.provider), remedy='leave it out')

    def _check_identity(self) -> None:
        if self.id is not None and not _UNIQUE_ID.fullmatch(self.id):
            raise exceptions.InvalidInputError(
                'id of a DIMM',
                expected='hexadecimal digits, 4-2-4-8 or 4-8 of them with dashes',
                got=repr(self.id), remedy='write it as `ndctl list -D` prints it')
        self._check_word('label version', self.label_version, ('1.1', '1.2'), 'leave it out')
        limits = {'handle': 2**32 - 1, 'phys_id': 2**16 - 1, 'offset': 2**63, 'position': 2**15,
                  'iset_id': 2**64, 'mapping': 2**15, 'region_align': 2**63,
                  'address': 2**63}
        for name, limit in limits.items():
            value = getattr(self, name)
            if value is not None and not 0 <= value < limit:
                raise exceptions.InvalidInputError(
                    f'{name} of a DIMM', expected=f'a number from 0 to {limit - 1}',
                    got=str(value), remedy='leave it out')
        if self.offset % sizes.PAGE:
            raise exceptions.InvalidInputError(
                'offset of a DIMM', expected='a multiple of 4 KiB', got=f'{self.offset} bytes',
                remedy='Optane modules have 256 MiB')

    @staticmethod
    def _check_word(what: str, word: str, words: tuple[str, ...], remedy: str) -> None:
        if word not in words:
            raise exceptions.InvalidInputError(
                f'{what} of a DIMM', expected=f'one of {", ".join(words)}', got=repr(word),
                remedy=remedy)

    @property
    def has_module(self) -> bool:
        """Whether the kernel has a DIMM for it, and not just a range of addresses."""
        return self.provider not in WITHOUT_DIMMS

    @property
    def flushed_domain(self) -> str:
        """The persistence domain that listings show."""
        return self.persistence_domain or ('memory_controller' if self.has_module else 'unknown')


class Dimm:
    """A DIMM of a machine.

    ``enabled`` is whether the kernel's driver is bound. ``labelling`` stays set from the moment
    when a valid label index was found until the next boot (kernel: NDD_LABELING).
    ``allocations`` are the extents of the DIMM that namespaces take, by UUID: what the labels say
    when the driver is bound, and from then on what is done through sysfs (kernel: ``ndd->dpa``).
    ``position`` is its place in the interleave set.
    """

    def __init__(self, number: int, spec: DimmSpec) -> None:
        self.number = number
        self.spec = spec
        self.position = spec.position or 0
        self.area = labels.LabelArea(spec.label_area) \
            if spec.labels != 'none' and spec.has_module else None
        if self.area and spec.labels == 'initialized':
            self.area.initialize(spec.label_version)
        self.labelling = False
        self.enabled = True
        self.allocations: dict[str, list[tuple[int, int]]] = {}
        self.probe()

    @property
    def dev(self) -> str:
        """``nmem0``."""
        return f'nmem{self.number}'

    @property
    def handle(self) -> int:
        """The NFIT device handle."""
        return self.number + 1 if self.spec.handle is None else self.spec.handle

    @property
    def identity(self) -> Identity:
        """What its interleave set's cookie is made of."""
        found = _UNIQUE_ID.fullmatch(self.spec.id or '')
        if not found:
            return Identity(_SERIAL_BASE + self.number)
        vendor, place, date, serial = (
            int.from_bytes(bytes.fromhex(digits or ''), 'little') for digits in found.groups())
        return Identity(serial, vendor, place, date)

    @property
    def identifier(self) -> str:
        """``8680-56341200``: the bytes of vendor and serial number in the order of memory."""
        if self.spec.id is not None:
            return self.spec.id
        vendor = VENDOR.to_bytes(2, 'little').hex()
        return f'{vendor}-{self.identity.serial.to_bytes(4, "little").hex()}'

    @property
    def health(self) -> Health | None:
        """What its firmware reports of its health."""
        return self.spec.health or (Health() if self.spec.firmware_commands else None)

    @property
    def version(self) -> str | None:
        """The version of its labels, None without any."""
        return self.area.version if self.area else None

    @property
    def target_node(self) -> int:
        """The NUMA node that its memory becomes."""
        target = self.spec.target_node
        return self.spec.numa_node if target is None else target

    def probe(self) -> None:
        """Reads the label area anew if the driver is bound."""
        self.allocations = {}
        if self.enabled and self.area and self.area.current:
            self.labelling = True
            for label in self.area.active():
                self.allocations.setdefault(label.uuid, []).append((label.dpa, label.size))

    def enable(self) -> None:
        """Binds the driver."""
        if not self.enabled:
            self.enabled = True
            self.probe()

    def disable(self) -> None:
        """Unbinds the driver; the caller has checked that no region is active."""
        self.enabled = False
        self.probe()

    def boot(self) -> None:
        """Starts as after a reboot."""
        self.labelling = False
        self.enabled = True
        self.probe()
