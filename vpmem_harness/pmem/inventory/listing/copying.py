"""A copy of a host: the inventory that prints a listing again."""

from __future__ import annotations

import dataclasses
from typing import Any

from vpmem_harness.pmem.inventory import optane
from vpmem_harness.pmem.inventory.inventory import Inventory, dimm_size
from vpmem_harness.pmem.inventory.listing import fields
from vpmem_harness.pmem.inventory.listing.amounts import Amount, exact
from vpmem_harness.pmem.inventory.listing.capacities import Shape
from vpmem_harness.pmem.inventory.listing.comparison import differences
from vpmem_harness.pmem.inventory.listing.documents import split
from vpmem_harness.pmem.inventory.listing.facts import Thing, is_idle
from vpmem_harness.pmem.inventory.listing.layout import lay_out
from vpmem_harness.pmem.inventory.listing.memory_blocks import block_size
from vpmem_harness.pmem.inventory.listing.modules import Members, Modules
from vpmem_harness.pmem.inventory.listing.nodes import Nodes
from vpmem_harness.pmem.inventory.listing.ordering import uses_old_names
from vpmem_harness.pmem.inventory.listing.reader import Reader
from vpmem_harness.pmem.inventory.listing.refusal import refusal
from vpmem_harness.pmem.inventory.listing.spaces import Layout, Space, Wanted, reserved_bytes
from vpmem_harness.pmem.inventory.listing.states import States
from vpmem_harness.pmem.inventory.operations import Create, Step
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.buses import BusSpec
from vpmem_harness.pmem.kernel.dimms import WITHOUT_DIMMS, DimmSpec
from vpmem_harness.pmem.kernel.errors import NdctlError
from vpmem_harness.pmem.kernel.media_errors import BLOCK
from vpmem_harness.pmem.kernel.topology import Numbering
from vpmem_harness.pmem.machine import FIRST_ADDRESS
from vpmem_harness.releases import RELEASES

_KINDS = {'devdax': 'dax', 'fsdax': 'pfn', 'sector': 'btt', 'raw': ''}


def copy(text: str) -> Inventory:
    """Return the inventory of a host that prints a listing; raises InvalidInputError.

    :param text: the output of ``ndctl list`` or ``daxctl list`` with any options, or several
        outputs, one after another
    """
    documents = split(text)
    reader = Reader()
    for document in documents.found:
        reader.read(document)
    found = _Copy(reader, documents.ndctl).inventory()
    if documents.long_reals:
        found = dataclasses.replace(found, lacks=found.lacks | {'short_reals'})
    try:
        notes = differences(found, reader.facts)
    except NdctlError as error:
        raise refusal('namespaces', 'a layout that the kernel accepts', str(error)) from error
    return dataclasses.replace(found, notes=(*found.notes, *notes))


class _Copy:
    """A copy under construction."""

    def __init__(self, reader: Reader, ndctl: str | None) -> None:
        self._facts = reader.facts
        self._evidence = reader.evidence
        self._ndctl = ndctl
        self._notes: list[str] = []
        self._modules = Modules(self._facts, self._notes)
        self._nodes = Nodes(self._facts, self._notes)
        self._steps: list[Step] = []
        self._dimms: list[tuple[int | None, int | None, DimmSpec]] = []
        self._address = FIRST_ADDRESS

    def inventory(self) -> Inventory:
        """Put everything together."""
        facts = self._facts
        self._check_uuids()
        self._evidence.settle()
        old_names = uses_old_names(facts)
        numbers = sorted({*facts.regions, *(region for region, _ in facts.namespaces),
                          *(region for region, _ in facts.devices)})
        self._add_devices()
        if not (numbers or facts.dimms):
            self._notes.append('nothing is listed, so the copy has no persistent memory')
        states = States(facts, self._notes, self._steps,
                        hides_memory=self._evidence.hides_memory)
        for index, number in enumerate(numbers):
            self._region(index, number, states)
        for number, spec in self._modules.others():
            self._dimms.append((number, None, spec))
        states.finish(numbers)
        version, lacks = self._versions()
        dimms, order = self._in_order(numbers)
        states.disable_dimms([number for number, _, spec in self._sorted() if spec.has_module])
        return Inventory(
            dimms, tuple(self._steps), first_region=numbers[0] if numbers else None,
            region_order=order, numbers=self._numbers(numbers), memory_block=block_size(facts),
            ndctl=version, lacks=lacks, old_name_hash=old_names,
            notes=tuple(dict.fromkeys(self._notes)))

    def _numbers(self, regions: list[int]) -> Numbering:
        """Return the numbers of DIMMs, regions and buses."""
        dimms: list[int] = []
        for number, _, spec in self._sorted():
            if spec.has_module:
                dimms.append(max(dimms, default=-1) + 1 if number is None else number)
        buses = tuple(BusSpec(number, bus.get('provider'), 'scrub_state' in bus)
                      for number, bus in sorted(self._facts.buses.items()))
        consecutive = dimms == list(range(len(dimms)))
        distances = tuple(one - regions[0] for one in regions)
        return Numbering(
            dimms=() if consecutive else tuple(dimms), buses=buses,
            regions=() if distances == tuple(range(len(regions))) else distances)

    def _add_devices(self) -> None:
        """Add the namespaces of dax devices that only daxctl has listed."""
        for numbers, device in self._facts.devices.items():
            if numbers in self._facts.namespaces:
                continue
            name = 'namespace{}.{}'.format(*numbers)
            self._notes.append(f'{name}: only its dax device is listed; assumed a label without a '
                               'name (list with ndctl to know)')
            self._facts.namespaces[numbers] = Thing(name, {
                'dev': numbers, 'mode': 'devdax', 'size': device.get('size'),
                'align': device.get('align', sizes.DEFAULT_ALIGN)})

    def _check_uuids(self) -> None:
        seen: dict[str, str] = {}
        for thing in self._facts.namespaces.values():
            for uuid in {thing.get('uuid'), thing.get('raw_uuid')} - {None, fields.NIL}:
                other = seen.setdefault(uuid, thing.name)
                if other != thing.name:
                    raise refusal('uuid', 'another one for each namespace',
                                  f'{uuid} twice, in {other} and {thing.name}')

    # Regions

    def _region(self, index: int, number: int, states: States) -> None:
        thing = self._facts.regions.get(number)
        inside = {numbers[1]: one for numbers, one in sorted(self._facts.namespaces.items())
                  if numbers[0] == number}
        idle = {key for key, one in inside.items() if is_idle(one)}
        active = {key: one for key, one in inside.items() if key not in idle}
        labelled = self._is_labelled(number, thing, inside)
        space = self._space(number, thing, labelled)
        space.bad = tuple((first * BLOCK, count * BLOCK)
                          for first, count, _ in self._facts.bad_blocks(number) or ())
        wanted = [self._wanted(number, key, one) for key, one in active.items()
                  if self._has_size(one)]
        layout = lay_out(space, wanted)
        address = self._known_address(number, layout)
        if address is not None:
            space.start = address
            layout = lay_out(space, self._at_addresses(number, wanted, address))
        self._notes += layout.notes
        size = layout.size if thing is not None else self._assumed_size(number, layout, labelled)
        align = self._known_align(thing)
        members = self._modules.members(number, size, align)
        self._describe(number, thing, members, size, align, labelled=labelled, layout=layout,
                       address=address)
        self._create(index, layout, active)
        states.region(index, number, layout, set(inside), [inside[key] for key in sorted(idle)],
                      labelled=labelled)
        self._address = (address or self._address) + size

    def _starts(self, region: int) -> dict[int, int]:
        """Return the physical addresses of the data of dax devices, by number."""
        return {number: dict(device.get('mappings')[0])['start']
                for (owner, number), device in self._facts.devices.items()
                if owner == region and device.get('mappings')}

    def _known_address(self, region: int, layout: Layout) -> int | None:
        """Return the physical address of a region, if it follows from that of a device."""
        starts = self._starts(region)
        found = [starts[one.wanted.number] - reserved_bytes(one.wanted.shape, one.size)
                 for one in layout.placed if one.wanted.number in starts]
        if not found or min(found) < 0:
            return None
        self._notes.append(f'region{region}: its address is assumed to be that of its first listed '
                           'dax device')
        return min(found)

    def _at_addresses(self, region: int, wanted: list[Wanted], address: int) -> list[Wanted]:
        starts = self._starts(region)
        return [one._replace(data=starts[one.number] - address) if one.number in starts else one
                for one in wanted]

    def _has_size(self, thing: Thing) -> bool:
        if 'size' not in thing:
            self._notes.append(f'{thing.name}: not copied, because its size is not listed')
        return 'size' in thing

    def _known_align(self, thing: Thing | None) -> int | None:
        amount = thing.get('align') if thing is not None else None
        return amount.nearest(sizes.MIB) if amount is not None else None

    def _space(self, number: int, thing: Thing | None, labelled: bool) -> Space:
        if thing is None:
            return Space(f'region{number}', self._address, self._step(number),
                         strict=self._evidence.is_recent)
        align = self._known_align(thing)
        size = thing.get('size')
        mapped = sum(length for _, _, length, _ in thing.get('mappings', ()))
        if mapped in size:
            size = exact(mapped)
        step = align or self._modules.region_align(number, size.nearest(sizes.REGION_ALIGN))
        recent = self._evidence.is_recent and step == sizes.REGION_ALIGN
        return Space(
            f'region{number}', self._address, step, strict=align is not None or recent, size=size,
            available=thing.get('available_size') if labelled else Amount(0, 0),
            extent=thing.get('max_available_extent') if labelled else None)

    def _step(self, number: int) -> int:
        """Return the unit of capacities in a region that is not listed."""
        return sizes.REGION_ALIGN

    def _is_labelled(self, number: int, thing: Thing | None, inside: dict[int, Thing]) -> bool:
        """Whether a region has labels, according to the listing."""
        if self._modules.provider(number) in WITHOUT_DIMMS:
            return False
        if thing is not None:
            # A region with labels shows the identity of its interleave set.
            return 'iset_id' in thing or thing.get('available_size').high > 0
        if set(inside) == {0} and not self._has_label(inside[0]):
            return False
        self._notes.append(f'region{number}: size, alignment, free space and interleave set are '
                           'not listed (list with -R to know)')
        return True

    def _has_label(self, thing: Thing) -> bool:
        """Whether the only listed namespace of a region has a label."""
        if 'name' in thing or 'raw_uuid' in thing or is_idle(thing):
            return True
        if 'uuid' not in thing:
            return thing.get('mode') not in ('raw', 'fsdax')
        # With -i, a region with labels has a seed.
        return not (self._facts.has_idle or _lacks_label_uuid(thing))

    def _wanted(self, region: int, number: int, thing: Thing) -> Wanted:
        mode = thing.get('mode')
        kind = _KINDS[mode]
        if mode == 'fsdax' and 'uuid' not in thing:
            kind = ''       # The kernel makes the page descriptors itself.
        if thing.get('state') == 'disabled' and mode != 'raw':
            self._notes.append(f'{thing.name}: the copy lists it as raw while it is disabled')
        device = self._facts.devices.get((region, number))
        align = thing.get('align') or (device.get('align') if device else None)
        if align is None and kind in ('pfn', 'dax'):
            self._notes.append(f'{thing.name}: its alignment is not listed; assumed 2 MiB, or '
                               '1 GiB if its size is only possible with 1 GiB')
        shape = Shape(
            kind, thing.get('map', 'dev'), align or sizes.DEFAULT_ALIGN,
            thing.get('sector_size') or (sizes.DEFAULT_SECTOR_SIZE if kind == 'btt' else 512))
        return Wanted(
            thing.name, number, shape, thing.get('size'),
            _data_start(self._facts.bad_blocks(region), thing),
            others=_other_shapes(shape, thing, align))

    def _assumed_size(self, number: int, layout: Layout, labelled: bool) -> int:
        """Return the size of a region that is not listed."""
        used = layout.size
        if not labelled and used:
            return used
        for ways in (6, 4, 8, 2, 3, 1):
            if any(used == ways * module for module in optane.MODULES):
                self._notes.append(f'region{number}: assumed to be full, because its namespaces '
                                   f'fill {ways} modules of a common size')
                return used
        size = dimm_size(used)
        self._notes.append(f'region{number}: assumed {size} bytes, of which {size - used} are '
                           'free')
        return size

    def _describe(self, number: int, thing: Thing | None, members: Members, size: int,
                  align: int | None, *, labelled: bool, layout: Layout,
                  address: int | None) -> None:
        numa_node, target_node = self._nodes.of(number)
        common: dict[str, Any] = {
            'numa_node': numa_node, 'target_node': target_node,
            'labels': 'initialized' if labelled else 'blank', 'address': address}
        if members.provider in WITHOUT_DIMMS:
            common['labels'] = 'none'
        if thing is not None:
            if 'iset_id' in thing:
                common['iset_id'] = thing.get('iset_id')
            if 'persistence_domain' in thing:
                common['persistence_domain'] = thing.get('persistence_domain')
            if align is not None and align != sizes.region_align(size, members.ways):
                common['region_align'] = align
        if any(one.info_offset == 0 for one in layout.placed if one.wanted.shape.kind == 'btt'):
            common['label_version'] = '1.2'
        for dimm, spec in self._modules.describe(number, members, common):
            self._dimms.append((dimm, number, spec))

    def _create(self, index: int, layout: Layout, active: dict[int, Thing]) -> None:
        for one in layout.placed:
            thing = active[one.wanted.number]
            mode = thing.get('mode') if one.wanted.shape.kind else 'raw'
            device = self._facts.devices.get(thing.get('dev'))
            uuid, raw_uuid = thing.get('uuid'), thing.get('raw_uuid')
            if mode == 'raw':
                uuid, raw_uuid = None, raw_uuid or uuid
            elif _lacks_label_uuid(thing):
                raw_uuid = fields.NIL
            self._steps.append(Create(
                region=index, size=one.size, offset=one.offset, mode=mode,
                map=one.wanted.shape.memmap, align=one.wanted.shape.align,
                sector_size=one.wanted.shape.sector_size, name=thing.get('name'), uuid=uuid,
                raw_uuid=raw_uuid, number=one.wanted.number,
                usable=one.usable if one.wanted.shape.kind else None,
                holder=device.get('holder') if device else None))

    # The whole

    def _sorted(self) -> list[tuple[int | None, int | None, DimmSpec]]:
        """Return the DIMMs in the order of their numbers; those without one come last."""
        last = max((number for number, _, _ in self._dimms if number is not None), default=-1) + 1
        found = sorted(self._dimms, key=lambda one: last if one[0] is None else one[0])
        listed = any(number is not None for number, _, _ in found)
        return [(number, region, dataclasses.replace(spec, handle=0x10000 + place)
                 if number is None and listed and spec.has_module else spec)
                for place, (number, region, spec) in enumerate(found)]

    def _in_order(self, numbers: list[int]) -> tuple[tuple[DimmSpec, ...], tuple[int, ...]]:
        """Return the DIMMs, and the order of the regions among the interleave sets."""
        found = self._sorted()
        groups = list(dict.fromkeys(region for _, region, spec in found
                                    if region is not None and spec.size))
        return (tuple(spec for _, _, spec in found),
                tuple(groups.index(number) for number in numbers))

    def _versions(self) -> tuple[str | None, frozenset[str]]:
        """Return the copy's version of ndctl, None for the host's, and the missing attributes."""
        evidence = self._evidence
        if self._ndctl is not None:
            return self._ndctl, evidence.lacks(int(self._ndctl.split('.')[0]))
        releases = [release.ndctl_major for release in RELEASES.values()]
        versions = [evidence.version(major) for major in releases]
        lacks = evidence.lacks(versions[0])
        if versions == releases and all(evidence.lacks(one) == lacks for one in releases):
            return None, lacks
        self._notes.append(f'ndctl: the listing has {evidence.described}; the copy has '
                           f'{versions[0]}')
        return str(versions[0]), lacks


def _other_shapes(shape: Shape, thing: Thing, align: int | None) -> tuple[Shape, ...]:
    """Return the other possible shapes of a namespace, if the listing does not determine it."""
    if shape.kind == 'btt' and 'sector_size' not in thing:
        return (shape._replace(sector_size=512),)
    if shape.kind not in ('pfn', 'dax'):
        return ()
    maps = ('dev', 'mem') if 'map' not in thing else (shape.memmap,)
    aligns = (shape.align, sizes.GIB) if align is None else (shape.align,)
    return tuple(shape._replace(memmap=memmap, align=unit) for unit in aligns for memmap in maps
                 if (memmap, unit) != (shape.memmap, shape.align))


def _lacks_label_uuid(thing: Thing) -> bool:
    """Whether a listing with -v shows that a namespace has no label, or one of zeroes."""
    return (thing.get('mode') != 'raw' and 'numa_node' in thing and 'uuid' in thing
            and 'raw_uuid' not in thing)


def _data_start(outer: tuple[tuple[int, int, tuple[str, ...]], ...] | None,
                namespace: Thing) -> int | None:
    """Return where the data of a namespace begin in its region, if bad blocks determine this.

    :param outer: the bad blocks of the region
    """
    inner = namespace.get('badblocks')
    if not inner or not outer or namespace.get('mode') == 'raw':
        return None
    starts = {begin - inner[0][0] for begin, length, _ in outer if length == inner[0][1]}
    whole = {(begin, length) for begin, length, _ in outer}
    # Data begin at a multiple of 2 MiB.
    fitting = [start for start in starts if start * BLOCK % sizes.SUBSECTION == 0
               and all((start + begin, length) in whole for begin, length, _ in inner)]
    return fitting[0] * BLOCK if len(fitting) == 1 and fitting[0] >= 0 else None
