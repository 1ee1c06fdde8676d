from __future__ import annotations

import hypothesis
import testtools
from hypothesis import strategies

from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.sizes import GIB, KIB, MIB


class DaxExtentTest(testtools.TestCase):
    """Sizes of devdax and fsdax namespaces."""

    START = 7 * GIB

    def test_page_descriptors_elsewhere_cost_one_granule(self) -> None:
        """With map=mem, 2 MiB are lost."""
        self.assertEqual((self.START + 2 * MIB, 4 * GIB - 2 * MIB),
                         sizes.dax_extent(self.START, 4 * GIB, 'mem', 2 * MIB))

    def test_page_descriptors_inside_cost_16_mib_a_gib(self) -> None:
        """With map=dev, 64 bytes a page are lost as well."""
        self.assertEqual((self.START + 66 * MIB, 4 * GIB - 66 * MIB),
                         sizes.dax_extent(self.START, 4 * GIB, 'dev', 2 * MIB))

    def test_pages_of_4_kib_are_placed_like_those_of_2_mib(self) -> None:
        """An alignment of 4 KiB changes nothing about the extent."""
        self.assertEqual(sizes.dax_extent(self.START, GIB, 'dev', 2 * MIB),
                         sizes.dax_extent(self.START, GIB, 'dev', 4 * KIB))

    def test_an_aligned_gibibyte_has_no_room_for_gibibyte_pages(self) -> None:
        """The info block pushes the data out of the namespace."""
        self.assertIsNone(sizes.dax_extent(self.START, GIB, 'mem', GIB))

    def test_a_shifted_gibibyte_is_empty(self) -> None:
        """The data start at its end's last boundary: enabled, and of size 0."""
        self.assertEqual((self.START + GIB, 0),
                         sizes.dax_extent(self.START + 16 * MIB, GIB, 'mem', GIB))

    @hypothesis.given(
        start=strategies.integers(0, 2**14), raw=strategies.integers(1, 2**14),
        memmap=strategies.sampled_from(['mem', 'dev']),
        align=strategies.sampled_from(sizes.ALIGNMENTS))
    def test_data_lie_inside_and_are_aligned(self, start: int, raw: int, memmap: str,
                                             align: int) -> None:
        """Wherever a namespace lies, its data are aligned and within it."""
        start, raw = start * 16 * MIB, raw * 16 * MIB
        extent = sizes.dax_extent(start, raw, memmap, align)
        if extent is not None:
            data, size = extent
            self.assertEqual((0, 0), (data % align, size % align))
            self.assertTrue(start < data <= data + size <= start + raw)


class BttSizeTest(testtools.TestCase):
    """Sizes of sector mode namespaces."""

    def test_sixteen_mebibytes_are_too_few(self) -> None:
        """An arena needs 16 MiB beside the info block."""
        self.assertIsNone(sizes.btt_size(16 * MIB, 4096))

    def test_without_the_offset_sixteen_mebibytes_do(self) -> None:
        """A version 2.0 btt starts at 0, so that its arena is just large enough."""
        self.assertEqual(15683584, sizes.btt_size(16 * MIB, 4096, 0))

    def test_metadata_do_not_count(self) -> None:
        """A sector of 520 bytes takes room for 576 and holds 512; one of 4224 holds 4096."""
        self.assertEqual([236803584, 258973696],
                         [sizes.btt_size(256 * MIB, size) for size in (520, 4224)])

    def test_more_than_an_arena(self) -> None:
        """Each 512 GiB are an arena of their own, with their own metadata."""
        one = sizes.btt_size(512 * GIB, 4096, 0) or 0
        self.assertEqual(2 * one, sizes.btt_size(1024 * GIB, 4096, 0))


class RegionAlignTest(testtools.TestCase):
    """Alignment of the sizes of namespaces."""

    def test_ways_that_divide_change_nothing(self) -> None:
        """Two and four ways leave it at 16 MiB."""
        self.assertEqual([16 * MIB] * 3, [sizes.region_align(GIB, ways) for ways in (1, 2, 4)])

    def test_ways_that_do_not_divide_multiply(self) -> None:
        """Three and six ways make it three and six times as large."""
        self.assertEqual([48 * MIB, 96 * MIB],
                         [sizes.region_align(GIB, ways) for ways in (3, 6)])


class ParseSizeTest(testtools.TestCase):
    """Sizes on ndctl's command line."""

    def test_units(self) -> None:
        """Letters of either case are powers of 1024."""
        self.assertEqual([(2 * KIB, KIB), (2 * MIB, MIB), (2 * GIB, GIB), (2048 * GIB, 1024 * GIB)],
                         [sizes.parse_size(f'2{unit}') for unit in 'kMgT'])

    def test_bases(self) -> None:
        """C's prefixes are understood, and a lone prefix is not a number."""
        self.assertEqual([(16, 1), (8, 1), (0, 1), None],
                         [sizes.parse_size(text) for text in ('0x10', '010', '0', '0x')])

    def test_nothing_is_zero(self) -> None:
        """No digits count as 0, with a unit or without."""
        self.assertEqual([(0, 1), (0, GIB)], [sizes.parse_size(text) for text in ('', 'G')])

    def test_what_does_not_fit(self) -> None:
        """Other units, and more than 64 bits, are refused."""
        self.assertEqual([None] * 4,
                         [sizes.parse_size(text) for text in ('1GB', '1 G', '-1', '99999999T')])

    def test_very_long_numbers(self) -> None:
        """A number of any length is out of range, and zeros in front of it do not count."""
        self.assertEqual([None, (5, 1)],
                         [sizes.parse_size(text) for text in ('9' * 5000, '0' * 5000 + '5')])


class LongNumberTest(testtools.TestCase):
    """Numbers of options, tried with ``ndctl wait-scrub -p`` of ndctl 76."""

    def test_numbers(self) -> None:
        """Blanks and a sign can come first, nothing can come last, and no text is 0."""
        self.assertEqual([0, 5, 5, -5, None, None, None, None],
                         [sizes.long_number(text) for text in (
                             '', ' 5', '+5', '-5', '5 ', '+-5', '5k', '+')])

    def test_limits(self) -> None:
        """A number out of range is the largest or the smallest one."""
        self.assertEqual([2**63 - 1, -2**63],
                         [sizes.long_number(text) for text in ('9' * 5000, '-' + '9' * 30)])
