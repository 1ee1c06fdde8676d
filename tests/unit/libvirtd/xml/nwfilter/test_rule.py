"""Rules of network filters: values, variables and negations."""

from __future__ import annotations

import testtools
from lxml import etree

from vpmem_harness.libvirtd.xml import reading, schema
from vpmem_harness.libvirtd.xml.nwfilter import attributes, definition, parameters, rule, values
from vpmem_harness.randomness import Randomness


def lines(details: str) -> list[str]:
    """Return the lines of a rule's protocol in canonical form."""
    found = reading.read(f"<rule action='drop' direction='in'>{details}</rule>", 'rule')
    return [line.strip() for line in rule.read(found).lines()[1:-1]]


class TestAttributes(testtools.TestCase):

    def test_every_type_exists(self):
        """Each attribute of each protocol has a type, and each type is used."""
        used = {kind for kinds in attributes.ATTRIBUTES.values() for kind in kinds.values()}
        self.assertEqual(set(values.TYPES), used)

    def test_negations_are_of_attributes(self):
        """Each attribute that follows another one is an attribute of its protocol."""
        for protocol, followers in attributes.NEGATED_WITH.items():
            known = set(attributes.ATTRIBUTES[protocol])
            self.assertEqual(set(), {*followers, *followers.values()} - known, protocol)


class TestRules(testtools.TestCase):

    def test_negated_and_not(self):
        """Attributes that match and attributes that must not match are separate elements."""
        self.assertEqual(
            ["<tcp match='no' srcportstart='1'/>", "<tcp comment='c'/>"],
            lines("<tcp match='no' srcportstart='1'/><tcp comment='c'/>"))

    def test_other_protocols_are_ignored(self):
        """The first protocol of a rule is the only one."""
        self.assertEqual(['<udp/>'], lines("<udp/><tcp dstportstart='5'/>"))

    def test_priorities_out_of_range(self):
        """A priority that libvirt does not know becomes the default."""
        self.assertEqual(["  <rule action='drop' direction='in' priority='500'/>"],
                         rule.read(reading.read("<rule action='drop' direction='in' "
                                                "priority='1001'/>", 'rule')).lines())


class TestVariables(testtools.TestCase):

    def test_accesses(self):
        """A variable is accessed as a whole, by an iterator, or by the number of an element."""
        for text, shown in (('IP', 'IP'), ('IP[@0]', 'IP'), ('IP[@2]', 'IP[@2]'),
                            ('IP[2]', 'IP[2]')):
            self.assertEqual(shown, str(parameters.variable(text)))

    def test_malformed(self):
        """A malformed access is refused."""
        for text in ('IP[', 'IP[x]', 'IP-1', 'IP[@1001]'):
            self.assertIsNone(parameters.variable(text))

    def test_elements(self):
        """An element is available if there are that many values."""
        given = {'A': ['one', 'two']}
        for text, available in (('A', True), ('A[1]', True), ('A[2]', False), ('B', False)):
            self.assertEqual(available, parameters.variable(text).is_available(given), text)


class TestSchema(testtools.TestCase):

    def test_canonical_xml_is_valid(self):
        """Definitions in canonical form follow libvirt's schema."""
        found = schema.load('nwfilter.rng')
        if found is None:
            self.skipTest("libvirt's schemas are not installed")
        xml = definition.parse(
            "<filter name='f' chain='ipv4-x' priority='-7'><rule action='accept' direction='out'>"
            "<tcp srcipaddr='$IP' flags='SYN/ALL' state='new'/></rule><filterref filter='g'>"
            "<parameter name='A' value='b'/></filterref></filter>", Randomness(7).uuid()).xml()
        found.assertValid(etree.fromstring(xml))
