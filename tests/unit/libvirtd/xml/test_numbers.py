"""Numbers in XML are parsed as libvirt parses them."""

from __future__ import annotations

import re

import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml import numbers, reading


class TestSizes(testtools.TestCase):

    def read(self, text, required=True):
        """Return the size in KiB of the element in ``text``."""
        return numbers.kib(reading.read(f'<x>{text}</x>', 'test'), './size', required=required)

    def assert_refused(self, message, text):
        """Assert that the size is refused with a message."""
        error = self.assertRaises(LibvirtError, self.read, text)
        self.assertEqual(message, error.message)

    def test_default_unit(self):
        """A size without a unit is in KiB."""
        self.assertEqual(2048, self.read('<size>2048</size>'))

    def test_units(self):
        """Units of 1024 and of 1000 are known, in either case."""
        self.assertEqual([1024, 977, 1048576, 1, 3], [
            self.read(f"<size unit='{unit}'>{number}</size>") for unit, number in
            (('MiB', 1), ('mb', 1), ('g', 1), ('b', 1), ('KIB', 3))])

    def test_missing(self):
        """A missing size is an error if required, and 0 otherwise."""
        self.assert_refused("XML error: missing element or attribute './size'", '')
        self.assertEqual(0, self.read('', required=False))

    def test_not_a_number(self):
        """Words, negative numbers and fractions are not sizes."""
        for text in ('big', '-1', '1.5', '0x10', '1 '):
            self.assert_refused(
                f"XML error: Invalid value '{text}' for element or attribute './size'",
                f'<size>{text}</size>')

    def test_unknown_unit(self):
        """An unknown unit is an invalid argument."""
        self.assert_refused("invalid argument: unknown suffix 'foo'",
                            "<size unit='foo'>1</size>")

    def test_too_large(self):
        """A size beyond 2**63 bytes is an overflow."""
        self.assert_refused('numerical overflow: value too large: 16EiB',
                            "<size unit='EiB'>16</size>")


class TestBitmaps(testtools.TestCase):

    def test_ranges(self):
        """Ranges and single numbers are joined, exceptions taken out."""
        self.assertEqual({0, 1, 3, 8}, numbers.bitmap('0-3,^2,8'))

    def test_malformed(self):
        """A malformed set is None."""
        self.assertEqual([None] * 3, [numbers.bitmap(text) for text in ('x', '3-1', '1,,2')])

    def test_canonical(self):
        """A set is formatted with the longest possible ranges."""
        self.assertEqual('0-2,5', numbers.format_bitmap({0, 1, 2, 5}))


class TestOtherDigits(testtools.TestCase):

    def test_digits_of_other_scripts(self):
        """Only ASCII digits make a number."""
        three = '\N{ARABIC-INDIC DIGIT THREE}'
        self.assertEqual([None] * 2, [numbers.whole(three), numbers.bitmap(f'1,{three}')])


class TestLongNumbers(testtools.TestCase):
    """Numbers of more digits than Python converts."""

    LONG = '9' * 5000

    def test_they_are_out_of_range(self):
        """A long number is refused as any number that is too large."""
        self.assertEqual([None] * 2, [numbers.whole(self.LONG), numbers.bitmap(f'1,{self.LONG}')])

    def test_leading_zeros(self):
        """Zeros in front of a number do not count."""
        self.assertEqual(7, numbers.whole('0' * 5000 + '7'))

    def test_each_number_of_a_domain(self):
        """Whichever number of a definition is too long, libvirt refuses or ignores it."""
        client = hosts.Client(hosts.recorded_host())
        text = (hosts.GOLDEN / 'nova-pc-2nvdimm.define.xml').read_text()
        places = list(re.finditer(r'(?<![\w.:/-])\d+(?![\w.:/-])', text))
        for place in places:
            changed = text[:place.start()] + self.LONG + text[place.end():]
            hosts.refusal(client.domain_define_xml, changed)
        self.assertNotEqual([], places)

    def test_free_text_is_kept(self):
        """Metadata and descriptions can contain long numbers."""
        root = reading.read(f'<domain><description>{self.LONG}</description></domain>', 'test')
        self.assertEqual(self.LONG, root.findtext('description'))
