"""Objects of the harness as JSON."""

from __future__ import annotations

import datetime
import json
from xml.etree import ElementTree

import testtools

from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState
from vpmem_harness.fleet.graph import GraphError, decode, encode
from vpmem_harness.pmem import PersistentMemory
from vpmem_harness.pmem.inventory import inventory
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEBIAN_13

NAMES = 'vpmem_harness.cloud.flavors:Flavor'


def again(value):
    return decode(json.loads(json.dumps(encode(value))))


class GraphTest(testtools.TestCase):

    def test_values(self):
        """Numbers, texts, containers, bytes and times are the same afterwards."""
        value = [None, True, 1, 1 << 100, 1.5, 'a', (1, (2,)), {1: 'a', ('b',): {2}}, b'\x00\xff',
                 bytearray(b'a'), frozenset('ab'), datetime.datetime.now(datetime.UTC),
                 PowerState.RUNNING, Flavor('a', '1', extra_specs={'hw:pmem': 'SMALL'})]
        self.assertEqual(value, again(value))

    def test_one_object_stays_one(self):
        """Two references to an object, also from itself, are one afterwards."""
        inner = []
        outer = [inner, inner]
        outer.append(outer)
        found = again(outer)
        self.assertIs(found[0], found[1])
        self.assertIs(found, found[2])

    def test_a_release(self):
        """A release is the known one of its name."""
        self.assertIs(DEBIAN_13, again(DEBIAN_13))

    def test_xml(self):
        """An element is the same document afterwards, with the prefixes of names."""
        element = ElementTree.Element('a:b', {'xmlns:a': 'urn:a'})
        element.text = ' <x> '
        ElementTree.SubElement(element, 'c').tail = 'y'
        self.assertEqual(ElementTree.tostring(element), ElementTree.tostring(again(element)))

    def test_memory(self):
        """Persistent memory prints the same listing afterwards."""
        def make():
            memory = inventory.of_labels('SMALL:2x4GiB').build(Randomness(1))
            assert isinstance(memory, PersistentMemory)
            return memory
        memory, other = make(), make()
        memory.run(['ndctl', 'destroy-namespace', '-f', 'namespace0.0'])
        other.restore(again(memory.save()))
        words = ['ndctl', 'list', '-NRD']
        self.assertEqual(memory.run(words).stdout, other.run(words).stdout)

    def test_texts_are_changed(self):
        """A function is applied to each text."""
        self.assertEqual({'b': ['b']}, decode(encode({'a': ['a']}), lambda text: 'b'))

    def test_what_cannot_be_written(self):
        """An object of a foreign class is refused."""
        for value in (self, lambda: 1, object()):
            self.assertRaises(GraphError, encode, value)

    def test_classes_that_are_not_allowed(self):
        """A file cannot create objects of other packages, functions or unknown classes."""
        for name in ('subprocess:Popen', 'os:system', 'vpmem_harness.cloud.flavors:os',
                     'vpmem_harness.cloud.flavors:pmem_resources', 'vpmem_harness.cloud.none:A',
                     'vpmem_harness.fleet.graph:GraphError', 'vpmem_harness.cloudy:A'):
            graph = {'nodes': [{'kind': 'object', 'of': [name, {}]}], 'root': {'node': 0}}
            self.assertRaises(GraphError, decode, graph)

    def test_graphs_that_are_damaged(self):
        """The error says that the object cannot be read."""
        for node in ({'kind': 'odd', 'of': 1}, {'kind': 'list', 'of': 1},
                     {'kind': 'list', 'of': [{'node': 7}]}, {'kind': 'object', 'of': [NAMES, {}]},
                     {'kind': 'enum', 'of': [NAMES, 1]}, {'kind': 'named', 'of': [NAMES, []]},
                     {'kind': 'bytes', 'of': '?'}, {'kind': 'element', 'of': ['a']},
                     {'kind': 'release', 'of': 'debian0'}):
            self.assertRaises((GraphError, ValueError), decode,
                              {'nodes': [node], 'root': {'node': 0}})
