"""Regions: the capacity of DIMMs, and the namespaces in it.

Follows the kernel's nvdimm/region_devs.c, namespace_devs.c and dimm_devs.c (Linux 6.1). The
methods do what writes to sysfs do; the checks of the tools are in ``commands.provision``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno

from vpmem_harness.pmem.kernel import extents, labels, sizes
from vpmem_harness.pmem.kernel.dimms import Dimm, DimmSpec
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.mappings import Mappings
from vpmem_harness.pmem.kernel.media import InfoBlock, Media
from vpmem_harness.pmem.kernel.media_errors import MediaErrors
from vpmem_harness.pmem.kernel.namespaces import Claim, NamespaceDevice
from vpmem_harness.pmem.kernel.numbering import Holders, Numbers


class Region:
    """One region: a DIMM, or several interleaved ones.

    :param number: its number in the system
    :param start: its physical address
    :param minors: the minor numbers of dax devices

    ``namespaces`` are the kernel's devices, with the idle ones; none while it is disabled.
    """

    def __init__(self, number: int, start: int, dimms: list[Dimm], minors: Numbers) -> None:
        self.number = number
        self.start = start
        self.mappings = Mappings(dimms)
        self.size = sum(dimm.spec.size for dimm in dimms)
        self.align = self.spec.region_align or sizes.region_align(self.size, self.ways)
        self.media = Media(self.size)
        self.errors = MediaErrors()
        self._has_split = False
        self.kept_memory: list[tuple[int, int]] = []
        self.enabled = False
        self.namespaces: list[NamespaceDevice] = []
        self.seed: NamespaceDevice | None = None
        self.labelled = False
        self._minors = minors
        self.numbers = Numbers()
        self.holders = {kind: Holders() for kind in ('btt', 'pfn', 'dax')}

    @property
    def dev(self) -> str:
        """``region0``."""
        return f'region{self.number}'

    @property
    def dimms(self) -> list[Dimm]:
        """Its DIMMs, in the order in which the firmware describes them."""
        return self.mappings.dimms

    @property
    def ways(self) -> int:
        """The number of its DIMMs."""
        return self.mappings.ways

    @property
    def spec(self) -> DimmSpec:
        """The description of its first DIMM, for what all of them have in common."""
        return self.dimms[0].spec

    @property
    def numa_node(self) -> int:
        """Its NUMA node."""
        return self.spec.numa_node

    @property
    def target_node(self) -> int:
        """The NUMA node that its memory becomes when it is onlined."""
        return self.dimms[0].target_node

    @property
    def has_labels(self) -> bool:
        """Whether it has labels; without them the whole region is one namespace."""
        return any(dimm.labelling for dimm in self.dimms)

    @property
    def cookie(self) -> int:
        """The interleave set's cookie as the region shows it (kernel: ``set_cookie_show``)."""
        return self.mappings.cookie(self.dimms[0].version if self.dimms[0].enabled else '1.1')

    # Capacity

    def free_extents(self) -> list[tuple[int, int]]:
        """The free extents, by address: offset and size in bytes.

        A disabled region still has those that its labels leave.
        """
        first = self.dimms[0]
        if first.area is None or not first.enabled \
                or not (self.labelled if self.enabled else self.has_labels):
            return []
        return extents.free(self.mappings.used(), self.size, self.align)

    def extents(self, device: NamespaceDevice) -> list[tuple[int, int]]:
        """Offset and size of each extent that a namespace takes, by address.

        There is one, the range that it covers, or two (see :meth:`set_size`).
        """
        if not device.labelled:
            return [(device.offset, device.size)]
        return self.mappings.extents(device.uuid)

    @property
    def available_size(self) -> int:
        """The number of free bytes."""
        return sum(size for _, size in self.free_extents())

    @property
    def max_available_extent(self) -> int:
        """The size of the largest free extent, and so of the largest namespace that fits."""
        return max((size for _, size in self.free_extents()), default=0)

    # The region itself

    def enable(self, *, at_boot: bool = False) -> None:
        """Finds the namespaces, numbers them and enables each as its info block says.

        The kernel makes the seeds while it probes the namespaces, in a race. In the recordings the
        seeds come first, except when a region with one or two namespaces is enabled after boot.

        :raises KernelError: ENXIO, when the labels of a disabled DIMM are needed
        """
        if self.enabled:
            return
        if any(dimm.labelling and not dimm.enabled for dimm in self.dimms):
            raise KernelError(errno.ENXIO)
        self.enabled, self.labelled = True, self.has_labels
        self.kept_memory = [] if at_boot else self.kept_memory
        self.numbers = Numbers()
        found = self._scan_labels() if self.labelled else [
            NamespaceDevice(self.number, 0, size=self.size, labelled=False,
                            has_pages=not self.spec.has_module)]
        for device in found or [NamespaceDevice(self.number, 0)]:
            device.number = self.numbers.take()
            self.namespaces.append(device)
        self.seed = self.namespaces[0]
        seeds_first = at_boot or len(found) not in (1, 2) or not self.labelled
        self.holders = {kind: Holders(seeds_first) for kind in ('btt', 'pfn', 'dax')}
        for device in list(self.namespaces):
            if device.size:
                with contextlib.suppress(KernelError):
                    self.enable_namespace(device)
        for holders in self.holders.values():
            holders.make_seed()

    def disable(self) -> None:
        """Removes the namespace devices; labels and contents stay."""
        for device in self.namespaces:
            self.release(device)
        self.namespaces, self.seed, self.enabled = [], None, False

    def _scan_labels(self) -> list[NamespaceDevice]:
        areas = [(dimm.position, dimm.area) for dimm in self.dimms if dimm.area]
        if len(areas) < self.ways:
            return []
        known = [{label.uuid: label for label in area.active()
                  if label.cookie == self.mappings.cookie(area.version)
                  and label.position == position} for position, area in areas]
        found = [NamespaceDevice(
            self.number, 0, offset=self.mappings.offset(self.dimms[0], label.dpa),
            size=label.size * self.ways, uuid=uuid, name=label.name,
            sector_size=label.sector_size, claim_class=label.claim)
            for uuid, label in known[0].items() if all(uuid in labelled for labelled in known)]
        # The kernel compares the bytes of addresses, the lowest first.
        return sorted(found, key=lambda device: (self.start + device.offset).to_bytes(8, 'little'))

    # Namespaces

    def enable_namespace(self, device: NamespaceDevice, raw: bool = False) -> None:
        """Binds the driver that the info block asks for, or that of raw namespaces.

        :raises KernelError: ENXIO, when it has no capacity
        """
        if device.enabled:
            return
        if device.claim or not device.size or (device.labelled and device.uuid is None):
            raise KernelError(errno.ENXIO)
        block = None if raw else self._valid_info_block(device)
        if self._is_overlapped(device, block):
            raise KernelError(errno.ENXIO)
        if block:
            self._claim(device, block, self.holders[block.kind].add())
        else:
            device.active = True
        self._advance_seed(device)

    def _is_overlapped(self, device: NamespaceDevice, block: InfoBlock | None) -> bool:
        """Whether another driver holds some of its range, so that its own cannot be bound.

        Ranges are disjoint until a namespace takes a second extent (see :meth:`set_size`). Memory
        that the kernel keeps leaves room for the driver of dax, which takes the info block alone.
        """
        held = [] if block and block.kind == 'dax' else [*self.kept_memory]
        if self._has_split:
            held += [(other.offset, other.size) for other in self.namespaces
                     if other is not device and other.enabled]
        return extents.overlaps((device.offset, device.size), held)

    def data_range(self, device: NamespaceDevice) -> tuple[int, int]:
        """The range of a namespace's data: offset in the region, and bytes.

        For a disabled namespace it is the range that it has when it is enabled.
        """
        block = None if device.claim else self._valid_info_block(device)
        return (device.offset + block.data_offset, block.size) if block else device.data

    def _valid_info_block(self, device: NamespaceDevice) -> InfoBlock | None:
        block = self.media.info_block(device.offset)
        if block is None or block.parent != device.uuid \
                or device.claim_class not in block.claim_classes:
            return None
        if block.kind != 'btt' and block.data_offset + block.size > device.size:
            # The namespace has shrunk since (kernel: nvdimm/pfn_devs.c, "pfns truncated").
            block = dataclasses.replace(block, size=max(device.size - block.data_offset, 0))
        return block

    def _claim(self, device: NamespaceDevice, block: InfoBlock, number: int) -> None:
        device.claim = Claim(block.kind, number, block)
        if block.kind == 'dax' and block.size:
            device.minor = self._minors.take()
            device.dax_bound = not extents.overlaps(device.data, self.kept_memory)

    def idle_device(self, number: int | None = None) -> NamespaceDevice | None:
        """The device that becomes the next namespace, None when there is none.

        It is namespaceX.0 when that is idle, else the seed. With ``number`` it is the device of
        that number, as on a host whose lower numbers were taken and became free.
        """
        if number is None:
            zeroth = next((device for device in self.namespaces
                           if device.number == 0 and device.idle), None)
            return zeroth or (self.seed if self.seed and self.seed.idle else None)
        for device in self.namespaces:
            if device.number == number:
                return device if device.idle else None
        device = NamespaceDevice(self.number, self.numbers.reserve(number))
        self.namespaces.append(device)
        if self.seed and self.seed.number == 0:
            # Number 0 was the first one taken, so it cannot be the seed any more.
            self._advance_seed(self.seed)
        return device

    def _advance_seed(self, device: NamespaceDevice) -> None:
        if device is self.seed and self.labelled:
            self.seed = NamespaceDevice(self.number, self.numbers.take())
            self.namespaces.append(self.seed)

    def attach(self, device: NamespaceDevice, block: InfoBlock | None, kind: str,
               wanted: InfoBlock, number: int | None = None) -> None:
        """Makes ``device`` a btt, pfn or dax with the region's seed of that kind.

        :param block: the info block to write, None when the capacity is too small for one
        :param wanted: what the tool asked for; a btt that cannot be enabled keeps it
        :param number: use this number in place of the seed's
        :raises KernelError: ENXIO, when it cannot be enabled: a btt keeps its hold then
        """
        holders = self.holders[kind]
        for other in self.namespaces:
            # Another namespace holds the seed; the settings were written before that is noticed.
            if other.claim and not other.claim.enabled and other.claim.kind == kind:
                other.claim.block = dataclasses.replace(wanted, parent=other.uuid)
                raise KernelError(errno.EBUSY)
        if block is None or self._is_overlapped(device, block):
            if kind == 'btt':
                device.claim = Claim(kind, holders.seed, wanted, enabled=False)
            raise KernelError(errno.ENXIO)
        self.media.put_info_block(device.offset, block)
        self._claim(device, block, holders.use_seed(number))
        self._advance_seed(device)

    def release(self, device: NamespaceDevice) -> None:
        """Unbinds its driver and its claim, which disables it; label and contents stay."""
        if device.claim:
            self.holders[device.claim.kind].release(device.claim.number)
        if device.minor is not None:
            self._minors.release(device.minor)
        self.unbind_dax(device)
        device.claim, device.minor, device.active, device.dax_bound = None, None, False, True

    def unbind_dax(self, device: NamespaceDevice) -> None:
        """Unbinds the driver of its dax device; memory that is online stays until a reboot.

        Kernel: dax/kmem.c, ``dev_dax_kmem_remove``.
        """
        if device.memory and device.memory.online:
            self.kept_memory.append(device.memory.extent)
        device.memory, device.dax_bound = None, False

    # Labels: each method is one write to sysfs and writes labels as often as the kernel does

    def set_uuid(self, device: NamespaceDevice, uuid: str) -> None:
        """Gives the namespace a UUID, which nobody else has.

        :raises KernelError: EBUSY, when it is claimed, or has a UUID in a region without labels
            (kernel: ``namespace_update_uuid``)
        """
        self._check_unclaimed(device)
        if device.uuid and any(dimm.area and not dimm.area.active() for dimm in self.dimms):
            raise KernelError(errno.EBUSY)
        old, device.uuid = device.uuid, uuid
        if old:
            self.mappings.rename(old, uuid)
        self.update_labels(device, replaces=[old] if old else [])

    def set_name(self, device: NamespaceDevice, name: str) -> None:
        """Sets the name; the kernel strips blanks around it.

        :raises KernelError: EBUSY, when it is claimed
        """
        self._check_unclaimed(device)
        device.name = name.strip(' \t\n\v\f\r')
        self.update_labels(device)

    def set_sector_size(self, device: NamespaceDevice, size: int) -> None:
        """:raises KernelError: EBUSY, when it is claimed."""
        self._check_unclaimed(device)
        device.sector_size = size
        self.update_labels(device)

    def set_claim_class(self, device: NamespaceDevice, claim: str) -> None:
        """Sets the claim class unless the namespace is active.

        A full label area is no error, because ndctl ignores the result.
        """
        if device.claim or device.active:
            return
        if claim == 'btt' and self.dimms[0].area and self.dimms[0].version != '1.1':
            claim = 'btt2'
        device.claim_class = claim
        with contextlib.suppress(KernelError):
            self.update_labels(device)

    def set_size(self, device: NamespaceDevice, size: int) -> None:
        """Takes capacity from the region or gives it back.

        Capacity stays taken when its label cannot be written. A namespace grows in place. Without
        room beside it, it gets an extent at the start of the region if that is free; it then
        covers its whole size from there on, and its label records that extent alone.

        :raises KernelError: ENOSPC, when no extent is large enough; ENXIO, when it cannot grow or
            the label area is full; EBUSY, when it is claimed
        """
        self._check_unclaimed(device)
        if device.uuid is None:
            raise KernelError(errno.ENXIO)
        before = sum(length for _, length in self.extents(device))
        if size > self.max_available_extent + before:
            raise KernelError(errno.ENOSPC)
        if size != before:
            taken = extents.grown(self.extents(device), self.free_extents(), size - before) \
                if size > before else extents.shrunk(self.extents(device), before - size)
            if taken is None:
                raise KernelError(errno.ENXIO)
            device.size = size
            device.offset = taken[0][0] if taken else device.offset
            self._has_split = self._has_split or len(taken) > 1
            self.mappings.allocate(device.uuid, taken)
        self.update_labels(device)
        if not size:
            device.uuid = None
            if before and device.number and device is not self.seed:
                self.namespaces.remove(device)
                self.numbers.release(device.number)

    def _check_unclaimed(self, device: NamespaceDevice) -> None:
        if device.claim or device.active:
            raise KernelError(errno.EBUSY)

    def update_labels(self, device: NamespaceDevice, replaces: list[str] | None = None) -> None:
        """Writes the namespace's labels, or removes them when it has no capacity."""
        if device.uuid is None or not self.labelled:
            return
        areas = [(dimm, dimm.area) for dimm in self.dimms if dimm.area]
        if not device.size:
            for _, area in areas:
                area.remove(device.uuid)
            return
        for _, area in areas:
            if area.current is None:
                area.initialize_by_kernel()
        labels.put(((area, self._label(device, dimm, area)) for dimm, area in areas),
                   replaces or ())

    def _label(self, device: NamespaceDevice, dimm: Dimm, area: labels.LabelArea) -> labels.Label:
        return labels.Label(
            uuid=device.uuid or '', name=device.name, position=dimm.position, ways=self.ways,
            cookie=self.mappings.cookie(area.version), sector_size=device.sector_size,
            dpa=self.mappings.address(dimm, device.offset),
            size=self.extents(device)[0][1] // self.ways,
            claim=device.claim_class if area.version == '1.2' else '')
