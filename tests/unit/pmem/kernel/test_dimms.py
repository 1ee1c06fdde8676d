from __future__ import annotations

import json

import testtools

from vpmem_harness import exceptions
from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.kernel.sizes import GIB


class TargetNodeTest(testtools.TestCase):
    """A DIMM whose memory is a NUMA node of its own."""

    def test_it_is_the_node_of_the_dimm(self) -> None:
        """Unless another one is given."""
        memory = PersistentMemory([DimmSpec(GIB, numa_node=1)])
        self.assertEqual((1, 1), (memory.regions[0].numa_node, memory.regions[0].target_node))

    def test_listings_show_both(self) -> None:
        """Of the dax device there is the target node alone."""
        memory = PersistentMemory([DimmSpec(GIB, target_node=2, labels='initialized')])
        memory.create_namespace()
        listed = json.loads(memory.run(['ndctl', 'list', '-Xv']).stdout)[0]
        self.assertEqual(
            (0, 2, 2), (listed['numa_node'], listed['target_node'],
                        listed['daxregion']['devices'][0]['target_node']))

    def test_it_is_checked(self) -> None:
        """A negative number is refused by name."""
        error = self.assertRaises(exceptions.InvalidInputError, DimmSpec, GIB, target_node=-1)
        self.assertIn('target node of a DIMM', str(error))


class DisabledDimmTest(testtools.TestCase):
    """A DIMM without its driver."""

    def test_a_region_needs_the_labels(self) -> None:
        """It cannot be enabled before the DIMM is."""
        memory = PersistentMemory([DimmSpec(GIB, labels='initialized')])
        memory.create_namespace(name='kept')
        for command in ('disable-region all', 'disable-dimm all', 'enable-region all'):
            memory.run(['ndctl', *command.split()])
        self.assertFalse(memory.regions[0].enabled)
        for command in ('enable-dimm all', 'enable-region all'):
            memory.run(['ndctl', *command.split()])
        self.assertEqual(['kept'], [namespace.name for namespace in memory.namespaces])

    def test_a_reboot_enables_it(self) -> None:
        """The kernel binds the driver again."""
        memory = PersistentMemory([DimmSpec(GIB, labels='initialized')])
        for command in ('disable-region all', 'disable-dimm all'):
            memory.run(['ndctl', *command.split()])
        memory.reboot()
        self.assertTrue(memory.dimms[0].enabled and memory.regions[0].enabled)
