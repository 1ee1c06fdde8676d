from __future__ import annotations

import testtools

from vpmem_harness.pmem.commands import jsontext
from vpmem_harness.pmem.kernel.sizes import GIB, MIB, TIB


class PrettyTest(testtools.TestCase):
    """JSON over several lines."""

    def test_nested(self) -> None:
        """Two spaces a level, none after the colon, slashes escaped."""
        self.assertEqual('{\n  "a":[\n    1,\n    "b\\/c"\n  ]\n}',
                         jsontext.pretty({'a': [1, 'b/c']}))

    def test_names_are_escaped(self) -> None:
        """Quotes and control characters are, letters of other alphabets are not."""
        self.assertEqual('"\\"\\u001f\\té"', jsontext.pretty('"\x1f\té'))


class SizeTest(testtools.TestCase):
    """Sizes for people."""

    def test_units(self) -> None:
        """Two decimals in binary and in decimal units."""
        self.assertEqual(
            ['126.00 MiB (132.12 MB)', '2047.00 MiB (2146.44 MB)', '2.00 GiB (2.15 GB)',
             '3.00 TiB (3.30 TB)'],
            [jsontext.size(value, True)
             for value in (126 * MIB, 2047 * MIB, 2 * GIB, 3 * TIB)])

    def test_small_sizes_stay_numbers(self) -> None:
        """Below 5,000 KiB there is nothing to shorten."""
        self.assertEqual(5_119_999, jsontext.size(5_119_999, True))

    def test_numbers_become_hexadecimal(self) -> None:
        """Zero has no prefix, as C prints it."""
        self.assertEqual(['0x10', '0'], [jsontext.number(value, True) for value in (16, 0)])
