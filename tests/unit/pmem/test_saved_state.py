"""The whole state of a machine, saved and restored."""

from __future__ import annotations

import testtools

from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.kernel.sizes import GIB
from vpmem_harness.randomness import Randomness


class SavedStateTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.memory = PersistentMemory(
            [DimmSpec(32 * GIB, labels='initialized')], randomness=Randomness(1))
        self.first = self.memory.create_namespace(size=4 * GIB, name='first')
        self.second = self.memory.create_namespace(size=4 * GIB, name='second')
        self.saved = self.memory.save()

    def test_namespaces(self) -> None:
        """One that was destroyed is back, and one that was created is gone."""
        before = self.memory.namespaces
        self.memory.destroy_namespace(self.first.dev)
        self.memory.create_namespace(size=8 * GIB, name='third')
        self.memory.restore(self.saved)
        self.assertEqual(before, self.memory.namespaces)

    def test_contents(self) -> None:
        """What was written since is gone, and what stood there before is back."""
        self.memory.write(self.first.path, 'before')
        saved = self.memory.save()
        self.memory.write(self.first.path, 'since')
        self.memory.write(self.second.path, 'since')
        self.memory.restore(saved)
        self.assertEqual({'before'}, self.memory.contents(self.first.path).writers)
        self.assertTrue(self.memory.contents(self.second.path).is_zero)

    def test_it_can_be_restored_again(self) -> None:
        """What happens after a restore does not change the saved state."""
        for _ in range(2):
            self.memory.write(self.first.path, 'since')
            self.memory.mark_bad(self.first.address, self.first.address + self.first.raw_size)
            self.memory.restore(self.saved)
            self.assertTrue(self.memory.contents(self.first.path).is_zero)
            self.assertFalse(self.memory.is_bad(self.first))

    def test_listings_change(self) -> None:
        """Restoring a state calls the callbacks for changed listings."""
        told = []
        self.memory.on_listing_change(lambda: told.append(True))
        self.memory.restore(self.saved)
        self.assertEqual([True], told)
