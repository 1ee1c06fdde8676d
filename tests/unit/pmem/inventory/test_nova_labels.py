"""The labels under which Nova offers namespaces."""

from __future__ import annotations

import testtools

from tests.unit.pmem import nova
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import nova_labels
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.inventory.operations import Create, Disable
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.pmem.machine import PersistentMemory
from vpmem_harness.randomness import Randomness

DIMM = DimmSpec(size=64 * GIB, labels='initialized')


def host(*steps: Create | Disable) -> PersistentMemory:
    """A host with one DIMM on which these steps were taken."""
    return Inventory((DIMM,), steps).build(Randomness(1))


class PmemNamespacesTest(testtools.TestCase):

    def line(self, memory: PersistentMemory, **labels: list[str]) -> str:
        """The line for these labels, after Nova has read it."""
        value = nova_labels.pmem_namespaces(labels, memory.namespaces)
        nova.offered(value, memory.run(['ndctl', 'list', '-X']).stdout)
        return value

    def test_labels_and_names_in_the_order_given(self):
        """The value is LABEL:NAME|NAME,LABEL:NAME."""
        memory = host(*(Create(size=GIB, name=name) for name in 'abc'))
        self.assertEqual('BIG:c|a,SMALL:b', self.line(memory, BIG=['c', 'a'], SMALL=['b']))

    def test_names_that_are_not_on_the_host(self):
        """What is not there is left out, and a label with nothing left too."""
        memory = host(Create(size=GIB, name='a'))
        self.assertEqual('X:a', self.line(memory, X=['a', 'gone'], Y=['gone']))

    def test_only_active_devdax(self):
        """Nova sees neither the other modes nor what is disabled."""
        memory = host(Create(size=GIB, name='fs', mode='fsdax'), Create(size=GIB, name='off'),
                      Create(size=GIB, name='on'), Disable(1))
        self.assertEqual('X:on', self.line(memory, X=['fs', 'off', 'on']))

    def test_name_that_two_namespaces_have(self):
        """Nova would take one of the two: neither is offered."""
        memory = host(Create(size=GIB, name='a'), Create(size=2 * GIB, name='a'),
                      Create(size=GIB, name='b'))
        self.assertEqual('X:b', self.line(memory, X=['a', 'b']))

    def test_name_that_the_syntax_cannot_hold(self):
        """Names with separators, spaces or a dollar sign cannot be configured."""
        names = ['a b', 'a,b', 'a|b', 'a:b', '$a', ' a']
        memory = host(*(Create(size=GIB, name=name) for name in names))
        self.assertEqual('', self.line(memory, X=names))

    def test_name_under_two_labels(self):
        """Nova refuses a name twice: the first label has it."""
        memory = host(Create(size=GIB, name='a'), Create(size=GIB, name='b'))
        self.assertEqual('X:a,Y:b', self.line(memory, X=['a', 'a'], Y=['a', 'b']))

    def test_named_namespace_of_no_size(self):
        """Nova fails on a host with a named namespace without a device: nothing is offered."""
        memory = host(Create(size=16 * MIB, name='a'),
                      Create(size=GIB, align=GIB, map='mem', name='empty'))
        self.assertEqual('', self.line(memory, X=['a']))

    def test_unnamed_namespace_of_no_size(self):
        """Nova skips what has no name."""
        memory = host(Create(size=16 * MIB, name='a'), Create(size=GIB, align=GIB, map='mem'))
        self.assertEqual('X:a', self.line(memory, X=['a']))

    def test_label_that_a_flavor_cannot_name(self):
        """A label is refused where it would be of no use."""
        memory = host(Create(size=GIB, name='a'))
        self.assertRaises(InvalidInputError, self.line, memory, **{'a-b': ['a']})

    def test_labels_by_size(self):
        """A host's sizes are labels when nobody has chosen others: the largest first."""
        memory = host(Create(size=128 * MIB, map='mem', name='a'),
                      Create(size=4 * GIB, map='mem', name='b'),
                      Create(size=4 * GIB, map='dev', name='c'),
                      Create(size=5 * GIB, align=GIB, name='d'),
                      Create(size=GIB, name='e'), Create(size=16 * MIB, name='f'))
        labels = nova_labels.labels_by_size(memory.namespaces)
        self.assertEqual(['4GiB', '1GiB', '128MiB', '16MiB'], list(labels))
        self.assertEqual({'b', 'c', 'd'}, set(labels['4GiB']))
        self.assertIn('16MiB:f', self.line(memory, **labels))
