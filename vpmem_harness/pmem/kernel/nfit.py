"""The order in which firmware describes NVDIMMs, which decides the numbers of regions.

This module follows the machine that QEMU emulates. QEMU describes its NVDIMMs in the order of a
hash table of their names, and Linux numbers regions in the order of the descriptions (QEMU:
hw/acpi/nvdimm.c; Linux: drivers/acpi/nfit/core.c). The table is GLib's, so the order looks
arbitrary and is always the same. Addresses, nmem numbers and handles follow the slots.
"""

from __future__ import annotations

from collections.abc import Sequence

#: The names of the DIMMs of the recorded machines.
_NAME = 'nv{}'

#: The moduli of hashes in a table of 2**n slots (GLib: ghash.c, ``prime_mod``).
_MODULI = (1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749)

_LEAST_SHIFT = 3
_MULTIPLIER = 11
#: Lower hashes mark free slots.
_LEAST_HASH = 2


def described_order(count: int) -> list[int]:
    """The slots of ``count`` DIMMs in the order in which the firmware describes them.

    Of four these are 0, 2, 1, 3. Source: recordings with 2, 4 and 8 DIMMs, and the NFIT of
    QEMU 7.2.22 for up to 64.
    """
    return _Table([_NAME.format(number) for number in range(count)]).walk()


def _hash(name: str) -> int:
    """GLib's ``g_str_hash``."""
    value = 5381
    for byte in name.encode():
        value = (value * 33 + byte) & 0xFFFFFFFF
    return max(value, _LEAST_HASH)


class _Table:
    """GLib's hash table (2.74: ghash.c) after ``names`` were inserted in order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._hashes = [_hash(name) for name in names]
        self._shift = _LEAST_SHIFT
        self._slots: list[int | None] = [None] * (1 << _LEAST_SHIFT)
        for number in range(len(names)):
            self._slots[self._probe(number, {
                slot for slot, taken in enumerate(self._slots) if taken is not None})] = number
            filled = number + 1
            if len(self._slots) <= filled + filled // 16:
                self._grow(filled)

    def walk(self) -> list[int]:
        """The indexes of the names, in the order of their slots."""
        return [number for number in self._slots if number is not None]

    def _probe(self, number: int, taken: set[int]) -> int:
        """The first free slot for a name."""
        slot = (self._hashes[number] * _MULTIPLIER & 0xFFFFFFFF) % _MODULI[self._shift]
        step = 0
        while slot in taken:
            step += 1
            slot = (slot + step) % len(self._slots)
        return slot

    def _grow(self, filled: int) -> None:
        """Enlarges the table in place: a name that moves displaces the one at its new slot."""
        self._shift = max(int(filled * 1.333).bit_length(), _LEAST_SHIFT)
        before = len(self._slots)
        self._slots += [None] * ((1 << self._shift) - before)
        settled: set[int] = set()
        for slot in range(before):
            if slot in settled:
                continue
            moving, self._slots[slot] = self._slots[slot], None
            while moving is not None:
                target = self._probe(moving, settled)
                settled.add(target)
                moving, self._slots[target] = self._slots[target], moving
