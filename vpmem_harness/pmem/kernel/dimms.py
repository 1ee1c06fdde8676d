"""The DIMMs of a simulated machine."""

from __future__ import annotations

import dataclasses

from vpmem_harness import exceptions
from vpmem_harness.pmem.kernel import labels, sizes

#: The label states that a DIMM can start with.
LABEL_STATES = ('blank', 'initialized', 'none')

_SERIAL_BASE = 0x123456
_MIN_LABEL_AREA = 128 * sizes.KIB


@dataclasses.dataclass(frozen=True)
class DimmSpec:
    """Description of one DIMM.

    :param size: bytes, a multiple of 16 MiB, without the label area
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
    """

    size: int
    numa_node: int = 0
    labels: str = 'blank'
    label_area: int = 2 * sizes.MIB
    interleave: str | None = None
    target_node: int | None = None
    firmware_commands: bool = False

    def __post_init__(self) -> None:
        if self.size < sizes.REGION_ALIGN or self.size % sizes.REGION_ALIGN:
            raise exceptions.InvalidInputError(
                'size of a DIMM', expected='a multiple of 16 MiB', got=f'{self.size} bytes',
                remedy='round it up')
        if self.labels not in LABEL_STATES:
            raise exceptions.InvalidInputError(
                'labels of a DIMM', expected=f'one of {", ".join(LABEL_STATES)}',
                got=repr(self.labels), remedy='use blank for a factory-new one')
        for what, node in (('NUMA node', self.numa_node), ('target node', self.target_node)):
            if node is not None and node < 0:
                raise exceptions.InvalidInputError(
                    f'{what} of a DIMM', expected='0 or more', got=str(node),
                    remedy='count nodes from 0')
        if self.labels != 'none' and self.label_area < _MIN_LABEL_AREA:
            raise exceptions.InvalidInputError(
                'label area of a DIMM', expected='128 KiB or more',
                got=f'{self.label_area} bytes', remedy="use labels='none' for a DIMM without one")


class Dimm:
    """A DIMM of a machine, with the identifiers of QEMU's NVDIMMs.

    ``enabled`` is whether the kernel's driver is bound. ``labelling`` stays set from the moment
    when a valid label index was found until the next boot (kernel: NDD_LABELING).
    ``allocations`` are the extents of the DIMM that namespaces take, by UUID: what the labels say
    when the driver is bound, and from then on what is done through sysfs (kernel: ``ndd->dpa``).
    """

    def __init__(self, number: int, spec: DimmSpec) -> None:
        self.number = number
        self.spec = spec
        self.area = labels.LabelArea(spec.label_area) if spec.labels != 'none' else None
        if self.area and spec.labels == 'initialized':
            self.area.initialize('1.1')
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
        return self.number + 1

    @property
    def serial(self) -> int:
        """The serial number."""
        return _SERIAL_BASE + self.number

    @property
    def identifier(self) -> str:
        """``8680-56341200``: the bytes of vendor and serial number in the order of memory."""
        vendor = labels.VENDOR.to_bytes(2, 'little').hex()
        return f'{vendor}-{self.serial.to_bytes(4, "little").hex()}'

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
