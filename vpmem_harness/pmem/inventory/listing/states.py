"""The states in a copied host: disabled, idle, bad, or in use as memory."""

from __future__ import annotations

import itertools

from vpmem_harness.pmem.inventory.listing import fields
from vpmem_harness.pmem.inventory.listing.facts import Facts, Thing
from vpmem_harness.pmem.inventory.listing.spaces import Layout, Placed, reserved_bytes
from vpmem_harness.pmem.inventory.operations import (
    BadBlocks,
    Create,
    Disable,
    DisableDimm,
    DisableRegion,
    IdleDevice,
    KeepIdle,
    Step,
    UnbindDevice,
    UseAsMemory,
)
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.media_errors import BLOCK


class States:
    """Appends the steps that bring a copy into the listed state to ``steps``."""

    def __init__(self, facts: Facts, notes: list[str], steps: list[Step], *,
                 hides_memory: bool) -> None:
        self._facts = facts
        self._notes = notes
        self._steps = steps
        self._hides_memory = hides_memory
        self._later: list[Step] = []

    def region(self, index: int, number: int, layout: Layout, numbers: set[int],
               idle: list[Thing], *, labelled: bool) -> None:
        """Add the states of a region whose namespaces are the last steps."""
        creations = sum(isinstance(step, Create) for step in self._steps)
        first = creations - len(layout.placed)
        for place, one in enumerate(layout.placed):
            thing = self._facts.namespaces[number, one.wanted.number]
            device = self._facts.devices.get((number, one.wanted.number))
            if thing.get('state') == 'disabled':
                self._later.append(Disable(first + place))
            elif device is not None:
                self._device(first + place, device, one)
        free = (one for one in itertools.count() if one not in numbers)
        for place, (size, offset) in enumerate(layout.hidden):
            self._steps.append(Create(region=index, size=size, offset=offset, mode='raw',
                                      number=next(free), sector_size=512))
            self._later.append(Disable(creations + place))
        if idle or (labelled and self._facts.has_idle):
            self._later.append(KeepIdle(index, tuple(IdleDevice(
                one.get('dev')[1], one.get('name', ''),
                None if one.get('uuid') in (None, fields.NIL) else one.get('uuid'),
                one.get('sector_size', 0)) for one in idle)))
        self._bad_blocks(index, number, layout)

    def finish(self, numbers: list[int]) -> None:
        """Append the states to the steps, those of whole regions last."""
        self._steps += self._later
        for index, number in enumerate(numbers):
            thing = self._facts.regions.get(number)
            if thing is not None and thing.get('state') == 'disabled':
                self._steps.append(DisableRegion(index))

    def disable_dimms(self, order: list[int | None]) -> None:
        """Disable the DIMMs that are listed as disabled; ``order`` has their numbers."""
        for place, number in enumerate(order):
            thing = self._facts.dimms.get(number) if number is not None else None
            if thing is not None and thing.get('state') == 'disabled':
                self._steps.append(DisableDimm(place))

    def _device(self, creation: int, device: Thing, one: Placed) -> None:
        if device.get('mode') == 'system-ram':
            total, online = device.get('total_memblocks'), device.get('online_memblocks')
            if online is None:
                # Only blocks that are online have a zone.
                online = None if 'movable' in device or self._hides_memory else 0
                state = 'online' if online is None else 'offline'
                self._notes.append(f'{one.wanted.name}: its memory blocks are not listed; assumed '
                                   f'all {state} (list as root with ndctl 72 or later to know)')
            self._later.append(UseAsMemory(
                creation=creation, total=total, online=online,
                movable=device.get('movable', True)))
        elif device.get('state') == 'disabled' and one.usable:
            self._later.append(UnbindDevice(creation))

    def _bad_blocks(self, index: int, number: int, layout: Layout) -> None:
        """Add the bad blocks of a region, from its own list or those of its namespaces."""
        shown = [(one, self._facts.namespaces[number, one.wanted.number]) for one in layout.placed]
        # A namespace without an info block shows those of the whole region.
        wholes = [thing for one, thing in shown if not one.wanted.shape.kind]
        region = self._facts.regions.get(number)
        known = self._facts.bad_blocks(number)
        if known is not None:
            self._later += [BadBlocks(index, first, count, dimms) for first, count, dimms in known]
            return
        total = next((thing.get('badblock_count') for thing in
                      [*([region] if region else []), *wholes] if 'badblock_count' in thing), None)
        counted = 0
        for one, thing in shown:
            if one.wanted.shape.kind:
                counted += self._of_namespace(index, one, thing)
        if total is not None and total > counted:
            self._notes.append(f'region{number}: the places of {total - counted} of its bad blocks '
                               'are not listed (list with -M to know)')
            self._outside(index, layout, total - counted)

    def _of_namespace(self, index: int, one: Placed, thing: Thing) -> int:
        """Add the bad blocks that a namespace shows, and return their number."""
        start = _data_offset(one) // BLOCK
        count: int = thing.get('badblock_count', 0)
        blocks = thing.get('badblocks')
        if blocks is None and count:
            blocks = ((0, count, None),)
            self._notes.append(f'{thing.name}: the places of its bad blocks are not listed (list '
                               'with -M to know)')
        self._later += [BadBlocks(index, start + first, length, dimms)
                        for first, length, dimms in blocks or ()]
        return count or sum(length for _, length, _ in blocks or ())

    def _outside(self, index: int, layout: Layout, count: int) -> None:
        """Add bad blocks where no namespace with an info block shows them."""
        taken = sorted((one.offset if one.wanted.shape.kind == 'btt' else _data_offset(one),
                        one.offset + one.size)
                       for one in layout.placed if one.wanted.shape.kind)
        begin = 0
        for start, end in [*taken, (layout.size, layout.size)]:
            # The first blocks behind a namespace would join its own.
            first = begin + sizes.INFO_BLOCK
            room = max((start - sizes.PAGE - first) // BLOCK, 0)
            if room and count:
                self._later.append(BadBlocks(index, first // BLOCK, min(room, count), None))
                count -= min(room, count)
            begin = max(begin, end)


def _data_offset(one: Placed) -> int:
    """Return where the data of a namespace begin in the region."""
    return one.offset + min(reserved_bytes(one.wanted.shape, one.size), one.size - one.usable)
