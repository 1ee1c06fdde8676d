"""What a user writes for persistent memory."""

from __future__ import annotations

import testtools
from hypothesis import given
from hypothesis import strategies as st

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.inventory.spec import LabelSpec
from vpmem_harness.pmem.kernel.sizes import GIB, MIB


class SizeTest(testtools.TestCase):

    def test_size_with_each_unit(self):
        """Every unit is a power of 1,024."""
        for power, unit in enumerate(('B', 'KiB', 'MiB', 'GiB', 'TiB')):
            self.assertEqual(3 * 1024**power, spec.parse_size(f'3{unit}'))

    def test_size_refuses_what_is_ambiguous(self):
        """A size without a unit, with ndctl's or with a decimal one is refused with a remedy."""
        for text, remedy in (('4G', '4GiB'), ('4GB', '4GiB'), ('4gib', '4GiB'),
                             ('4096', '4KiB'), ('4', '4GiB'), ('1.5GiB', 'as in 4GiB'),
                             ('', '4GiB')):
            error = self.assertRaises(InvalidInputError, spec.parse_size, text)
            self.assertIn(remedy, error.remedy, text)

    def test_size_refuses_zero(self):
        """There is nothing of no size."""
        self.assertRaises(InvalidInputError, spec.parse_size, '0GiB')

    @given(st.integers(1, 2**50))
    def test_format_is_the_reverse_of_parse(self, size):
        """What format_size prints, parse_size reads."""
        self.assertEqual(size, spec.parse_size(spec.format_size(size)))


class PmemTest(testtools.TestCase):

    def test_labels_with_counts_and_sizes(self):
        """Each item gives a label, a count and a size in bytes."""
        self.assertEqual(
            [LabelSpec('SMALL', 2, 4 * GIB), LabelSpec('LARGE', 1, 16 * GIB)],
            spec.parse_pmem('SMALL:2x4GiB,LARGE:1x16GiB'))

    def test_spaces_around_items_are_ignored(self):
        """The parts may be set apart for the reader."""
        self.assertEqual([LabelSpec('a', 2, 16 * MIB), LabelSpec('b', 1, GIB)],
                         spec.parse_pmem(' a: 2 x 16MiB , b:1x1GiB '))

    def test_label_may_stand_twice(self):
        """Nova lets namespaces of different sizes share a label."""
        self.assertEqual(2, len(spec.parse_pmem('a:1x1GiB,a:1x2GiB')))

    def test_label_that_a_flavor_cannot_name(self):
        """Nova's API takes letters, digits and the underscore in hw:pmem."""
        for label in ('a b', 'a-b', 'a.b', '', 'ä', '٣'):
            self.assertRaises(InvalidInputError, spec.parse_pmem, f'{label}:1x1GiB')

    def test_labels_of_one_resource_class(self):
        """Labels that Nova would schedule as one are refused."""
        for pair in (('small', 'SMALL'), ('a_b', 'a__b')):
            text = ','.join(f'{label}:1x1GiB' for label in pair)
            error = self.assertRaises(InvalidInputError, spec.parse_pmem, text)
            self.assertIn('CUSTOM_PMEM_NAMESPACE_', str(error))

    def test_label_too_long_for_a_resource_class(self):
        """A resource class has at most 255 characters."""
        self.assertRaises(InvalidInputError, spec.parse_pmem, 'x' * 234 + ':1x1GiB')
        self.assertEqual(255, len(spec.resource_class(spec.check_label('x' * 233))))

    def test_size_that_no_namespace_has(self):
        """A capacity is a multiple of 16 MiB; the error names the next one."""
        error = self.assertRaises(InvalidInputError, spec.parse_pmem, 'a:1x100MiB')
        self.assertEqual('round it up to 112MiB', error.remedy)

    def test_malformed_items(self):
        """The error shows the item and an example."""
        for text in ('', 'a', 'a:4GiB', 'a:x4GiB', 'a:1x', 'a:1x1GiB,', 'a:-1x1GiB', 'a:1x1GiB:b',
                     'a:0x1GiB', 'a:99999x1GiB'):
            self.assertRaises(InvalidInputError, spec.parse_pmem, text)

    def test_more_than_a_host_addresses(self):
        """The whole must fit what a host addresses."""
        self.assertRaises(InvalidInputError, spec.parse_pmem, 'a:65x1TiB')
        self.assertRaises(InvalidInputError, spec.parse_pmem, 'a:1x65TiB')


class DimmTest(testtools.TestCase):

    def test_size_alone(self):
        """A DIMM is on node 0 and new when nothing else is said."""
        dimm = spec.parse_dimm('32GiB')
        self.assertEqual((32 * GIB, 0, 'blank'), (dimm.size, dimm.numa_node, dimm.labels))

    def test_options_in_any_order(self):
        """Node and labels are named."""
        for text in ('32GiB,numa=1,labels=no', '32GiB, labels=no, numa=1'):
            dimm = spec.parse_dimm(text)
            self.assertEqual((32 * GIB, 1, 'none'), (dimm.size, dimm.numa_node, dimm.labels))

    def test_labels(self):
        """yes is a blank label area, initialized one that takes namespaces."""
        self.assertEqual('blank', spec.parse_dimm('1GiB,labels=yes').labels)
        self.assertEqual('initialized', spec.parse_dimm('1GiB,labels=initialized').labels)

    def test_label_area(self):
        """It has 2 MiB unless another size is given."""
        self.assertEqual([2 << 20, 128 << 10], [spec.parse_dimm(text).label_area for text in (
            '1GiB', '1GiB,area=128KiB')])

    def test_malformed(self):
        """Unknown, doubled and incomplete options are refused."""
        for text in ('', '32', '32GiB,', '32GiB,numa', '32GiB,numa=', '32GiB,numa=-1',
                     '32GiB,numa=1,numa=1', '32GiB,labels=maybe', '32GiB,speed=1', '1MiB',
                     '32GiB,numa=1024'):
            self.assertRaises(InvalidInputError, spec.parse_dimm, text)
