"""Attributes with values that libvirt does not know are refused."""

from __future__ import annotations

from tests.unit.libvirtd.xml.domain.test_parser import DomainCase, xml
from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.domain import attribute_table, attribute_values, parser
from vpmem_harness.libvirtd.xml.domain.layout import DOMAIN
from vpmem_harness.libvirtd.xml.host import XmlHost
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEBIAN_13

DISK = "<disk type='file'>{}<source file='/a'/><target dev='vda' bus='virtio'/></disk>"


class TestAttributeValues(DomainCase):

    def refusal(self, devices='', more=''):
        """Return the message of the refusal of a definition."""
        return self.assertRaises(LibvirtError, self.parse, xml(devices, more=more)).message

    def test_unknown_value(self):
        """The refusal of an unknown value names the attribute and its element."""
        self.assertEqual(
            "XML error: Invalid value for attribute 'cache' in element 'driver': 'all'.",
            self.refusal(DISK.format("<driver cache='all'/>")))

    def test_missing_attribute(self):
        """A timer without a name is refused."""
        self.assertEqual("XML error: Missing required attribute 'name' in element 'timer'",
                         self.refusal(more="<clock offset='utc'><timer/></clock>"))

    def test_number_that_is_none(self):
        """A word where a number belongs is refused."""
        self.assertEqual(
            "XML error: Invalid value for attribute 'order' in element 'boot': 'first'. "
            'Expected non-negative integer value',
            self.refusal(DISK.format("<boot order='first'/>")))

    def test_zero_where_it_means_nothing(self):
        """The order of a boot device is not 0."""
        self.assertEqual("XML error: Invalid value for attribute 'order' in element 'boot': "
                         'Zero is not permitted', self.refusal(DISK.format("<boot order='0'/>")))

    def test_old_texts(self):
        """Attributes that libvirt 9.0 parses in the old way have their own texts."""
        self.assertEqual("unsupported configuration: unknown panic model 'bare'",
                         self.refusal("<panic model='bare'/>"))

    def test_values_of_later_releases(self):
        """A value of libvirt 11.3 is accepted there, and refused by libvirt 9.0."""
        text = xml("<panic model='pvpanic'/>", machine='q35')
        later = XmlHost(Hardware.uniform(), Randomness(5), DEBIAN_13)
        self.assertEqual('pvpanic', parser.parse(text, later).devices.find('panic').get('model'))
        self.assertRaises(LibvirtError, self.parse, text)

    def test_layout_has_every_attribute(self):
        """The table names no element or attribute that the layout of domain XML lacks."""
        self.assertEqual([], list(self.unknown(attribute_values.DOMAIN, DOMAIN)))

    def unknown(self, rules, layout):
        """Yield what the layout lacks."""
        for attribute in rules.attributes:
            if attribute.name not in layout.attributes:
                yield f'{layout.tag} {attribute.name}'
        for tag, inner in rules.children.items():
            if tag in layout.children:
                yield from self.unknown(inner, layout.children[tag])
            else:
                yield f'{layout.tag}/{tag}'

    def test_old_texts_are_of_attributes(self):
        """Each old text belongs to an attribute of the table."""
        named = set(self.named('domain', attribute_values.DOMAIN))
        self.assertEqual(set(), set(attribute_table.OLD_TEXTS) - named)

    def named(self, tag, rules):
        """Yield the attributes of the table with their elements."""
        for attribute in rules.attributes:
            yield f'{tag} {attribute.name}'
        for child, inner in rules.children.items():
            yield from self.named(child, inner)
