"""DIMMs: what a simulated machine is fitted with."""

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
    """One DIMM to fit.

    :param size: bytes, a multiple of 16 MiB; the label area comes on top
    :param numa_node: the node that its region belongs to
    :param labels: ``blank`` (a label area never written, as an NVDIMM comes from the factory),
        ``initialized`` (as after ``ndctl init-labels``) or ``none`` (no label area at all)
    :param label_area: bytes of the label area
    :param interleave: DIMMs in a row with the same word here make one interleaved region;
        without one a DIMM is a region of its own
    """

    size: int
    numa_node: int = 0
    labels: str = 'blank'
    label_area: int = 2 * sizes.MIB
    interleave: str | None = None

    def __post_init__(self) -> None:
        if self.size < sizes.REGION_ALIGN or self.size % sizes.REGION_ALIGN:
            raise exceptions.InvalidInputError(
                'size of a DIMM', expected='a multiple of 16 MiB', got=f'{self.size} bytes',
                remedy='round it up')
        if self.labels not in LABEL_STATES:
            raise exceptions.InvalidInputError(
                'labels of a DIMM', expected=f'one of {", ".join(LABEL_STATES)}',
                got=repr(self.labels), remedy='use blank for a factory-new one')
        if self.numa_node < 0:
            raise exceptions.InvalidInputError(
                'NUMA node of a DIMM', expected='0 or more', got=str(self.numa_node),
                remedy='count nodes from 0')
        if self.labels != 'none' and self.label_area < _MIN_LABEL_AREA:
            raise exceptions.InvalidInputError(
                'label area of a DIMM', expected='128 KiB or more',
                got=f'{self.label_area} bytes', remedy="use labels='none' for a DIMM without one")


class Dimm:
    """A fitted DIMM.

    ``labelling`` is what the kernel remembers until the next boot: that a valid label index was
    found once (kernel: NDD_LABELING). Identifiers are those of QEMU's NVDIMMs.
    """

    def __init__(self, number: int, spec: DimmSpec) -> None:
        self.number = number
        self.spec = spec
        self.area = labels.LabelArea(spec.label_area) if spec.labels != 'none' else None
        if self.area and spec.labels == 'initialized':
            self.area.initialize('1.1')
        self.labelling = False
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
        """``8680-56341200``: vendor and serial number, their bytes as they stand in memory."""
        vendor = labels.VENDOR.to_bytes(2, 'little').hex()
        return f'{vendor}-{self.serial.to_bytes(4, "little").hex()}'

    def probe(self) -> None:
        """The kernel reads the label area anew."""
        if self.area and self.area.current:
            self.labelling = True

    def boot(self) -> None:
        """The kernel sees the DIMM for the first time."""
        self.labelling = False
        self.probe()
