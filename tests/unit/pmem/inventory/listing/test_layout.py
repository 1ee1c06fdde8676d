"""Regions whose listing allows several capacities of a namespace."""

from __future__ import annotations

import dataclasses
from typing import Any

import testtools

from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.inventory import recorded
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT


def machine(size: int, **options: Any) -> PersistentMemory:
    """A machine with one DIMM."""
    return PersistentMemory([DimmSpec(size, labels='initialized')], randomness=Randomness(3),
                            **options)


class AlignmentTest(testtools.TestCase):
    """With 1 GiB alignment, the usable size depends on the address."""

    def assertCopied(self, memory: PersistentMemory, options: str) -> None:
        """Assert that a copy prints the listing and has the same capacities and free space."""
        command = ['ndctl', 'list', *options.split()]
        text = memory.run(command).stdout
        made = recorded.from_listing(text).build(Randomness(9))
        self.assertEqual(text, made.run(command).stdout)
        self.assertEqual(memory.regions[0].available_size, made.regions[0].available_size)
        self.assertEqual({one.dev: one.raw_size for one in memory.namespaces},
                         {one.dev: one.raw_size for one in made.namespaces})

    def refilled(self, size: int) -> PersistentMemory:
        """A machine where a namespace with a high number is before one with a lower number."""
        memory = machine(size)
        memory.create_namespace('raw', size=GIB)
        memory.create_namespace('raw', size=33 * GIB)
        memory.create_namespace(size=528 * MIB)
        memory.destroy_namespace('namespace0.1')
        memory.create_namespace(size=33 * GIB, align='1G')
        return memory

    def test_free_extents(self) -> None:
        """A free extent before a namespace does not change its capacity."""
        memory = machine(64 * GIB)
        memory.create_namespace(size=16 * MIB)
        memory.create_namespace(size=33 * GIB, align='1G')
        memory.create_namespace(size=768 * MIB)
        memory.create_namespace(size=16 * MIB)
        memory.destroy_namespace('namespace0.2')
        self.assertCopied(memory, '-RN')

    def test_disabled(self) -> None:
        """A disabled namespace that is not listed does not overlap the others."""
        memory = machine(64 * GIB)
        memory.create_namespace(size=16 * MIB)
        memory.create_namespace(size=33 * GIB, align='1G')
        memory.create_namespace(size=768 * MIB)
        memory.create_namespace(size=GIB)
        memory.destroy_namespace('namespace0.2')
        memory.disable_namespace('namespace0.3')
        text = memory.run(['ndctl', 'list', '-RN']).stdout
        made = recorded.from_listing(text).build(Randomness(9))
        self.assertEqual(text, made.run(['ndctl', 'list', '-RN']).stdout)

    def test_size_of_the_region(self) -> None:
        """The capacities fit into the region, whatever the order of the namespaces is."""
        self.assertCopied(self.refilled(35 * GIB), '-RN')

    def test_available_size(self) -> None:
        """The capacities leave the free space of the listing, exact or rounded."""
        self.assertCopied(self.refilled(64 * GIB), '-RN')
        self.assertCopied(self.refilled(64 * GIB), '-RNu')

    def test_alignment_not_listed(self) -> None:
        """A rounded size is possible with several alignments; the free space decides."""
        memory = machine(64 * GIB, release=dataclasses.replace(DEFAULT, ndctl='61.2'))
        memory.create_namespace('raw', size=16 * MIB)
        memory.create_namespace(size=4 * GIB, align='1G', map='mem')
        self.assertCopied(memory, '-RNiu')

    def test_interleave_set(self) -> None:
        """Capacities are multiples of the region's alignment, whether it is listed or not."""
        memory = PersistentMemory(
            [DimmSpec(126 * GIB, interleave='a', labels='initialized')] * 6,
            randomness=Randomness(3), release=dataclasses.replace(DEFAULT, ndctl='62'))
        memory.create_namespace(size=12 * GIB, map='mem')
        memory.create_namespace(size=12 * GIB, map='mem', align='1G')
        self.assertCopied(memory, '-DRNiu')

    def test_many_namespaces(self) -> None:
        """Rounded sizes of many namespaces take no search through all combinations."""
        memory = machine(512 * GIB, release=dataclasses.replace(DEFAULT, ndctl='61.2'))
        for number in range(60):
            memory.create_namespace(size=(528 * MIB, 3 * GIB)[number % 2], map='mem',
                                    align=('2M', '1G')[number % 2])
        self.assertCopied(memory, '-RNiu')

    def test_order(self) -> None:
        """Namespaces are placed where alignment leaves their size, in another order if needed."""
        text = self.refilled(64 * GIB).run(['ndctl', 'list', '-RN']).stdout
        notes = recorded.from_listing(text).notes
        self.assertFalse([note for note in notes if 'address of the copy' in note])
