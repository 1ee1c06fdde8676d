from __future__ import annotations

import pathlib

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.commands import jsontext
from vpmem_harness.pmem.inventory.listing import amounts, documents
from vpmem_harness.pmem.kernel.sizes import GIB
from vpmem_harness.randomness import Randomness


class DocumentsTest(testtools.TestCase):
    """JSON documents after each other."""

    def test_transcript(self) -> None:
        """Prompts, comments and results of commands are no documents."""
        found = documents.split(
            '# ndctl 72.1\n# kernel 5.15.0-91-generic\n[root@host ~]# ndctl list\n[{"a":1}]\n'
            '$ sudo daxctl list\n[]\n{"b":2}\n{"c":3}\ncreated 2 namespaces\n')
        self.assertEqual([[{'a': 1}], [], {'b': 2}, {'c': 3}],
                         [document.value for document in found.found])
        self.assertEqual(('72.1', '5.15.0', [4, 6, 7, 8]), (
            found.ndctl, found.kernel, [document.line for document in found.found]))

    def test_numbers(self) -> None:
        """NaN is no number, and six decimals tell an old json-c."""
        self.assertRaises(InvalidInputError, documents.split, '[NaN]')
        self.assertEqual([True, False], [
            documents.split(text).long_reals for text in ('[255.000000]', '[255.0]')])

    def test_a_file_in_place_of_its_contents(self) -> None:
        """The error says to pass the contents, for a name and for a path."""
        for file in (__file__, pathlib.Path(__file__)):
            error = self.assertRaises(InvalidInputError, documents.split, file)
            self.assertIn('contents', error.remedy)

    def test_deep_nesting(self) -> None:
        """It is refused like other malformed text."""
        self.assertRaises(InvalidInputError, documents.split, '[' * 100_000)


class AmountsTest(testtools.TestCase):
    """Numbers of bytes."""

    def test_people(self) -> None:
        """A rounded number is one of those that ndctl rounds to it."""
        random = Randomness(4)
        for _ in range(500):
            value = 5_120_000 + random.below(4000 * GIB)
            for terabytes in (True, False):
                found = amounts.parse(jsontext.size(value, True, terabytes=terabytes))
                self.assertIn(value, found or ())

    def test_neither(self) -> None:
        """Units that contradict each other, and other values, are no numbers."""
        for value in ('4.00 GiB (4.00 GB)', '4 GiB', '4.00 GiB', -1, 1.0, True, None, 2**63):
            self.assertIsNone(amounts.parse(value))
