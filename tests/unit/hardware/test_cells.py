"""NUMA cells and CPUs."""

from __future__ import annotations

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import GIB, Cell, Cpu


class CellTest(testtools.TestCase):

    def assert_refused(self, message, *arguments, kind=Cell, **fields):
        """Check that a value is refused with that message."""
        error = self.assertRaises(InvalidInputError, kind, *arguments, **fields)
        self.assertEqual(message, str(error))

    def test_small_pages_are_what_huge_pages_leave(self):
        """The memory in huge pages is not available as pages of 4 KiB."""
        cell = Cell(0, GIB, huge_pages=((2048, 256), (1048576, 0)))
        self.assertEqual(131072, cell.small_pages)

    def test_huge_pages_must_fit(self):
        """A cell cannot have more huge pages than memory."""
        self.assert_refused(
            'huge_pages of Cell 1: expected pages that fit into 1073741824 bytes of memory, got '
            '((1048576, 2),); reduce their number, or add memory',
            1, GIB, huge_pages=((1048576, 2),))

    def test_an_empty_cell(self):
        """A cell has memory or CPUs."""
        self.assert_refused('Cell 0: expected memory or CPUs, got neither; leave the cell out, or '
                            'give it memory', 0, 0)

    def test_size_of_a_huge_page(self):
        """x86 has huge pages of two sizes."""
        self.assert_refused(
            'size of huge_pages of Cell 0: expected one of 2048, 1048576, got 64; choose one of '
            'them', 0, GIB, huge_pages=((64, 1),))

    def test_a_cpu_is_its_own_sibling(self):
        """The siblings of a CPU include itself."""
        self.assert_refused(
            'siblings of Cpu 3: expected the threads of its core, itself included, got (1, 2); '
            'add 3', 3, 0, 0, 0, (1, 2), kind=Cpu)

    def test_offline_cpus(self):
        """A cell knows which of its CPUs are online."""
        cpus = (Cpu(0, 0, 0, 0, (0,)), Cpu(1, 0, 0, 1, (1,), online=False))
        self.assertEqual(cpus[:1], Cell(0, GIB, cpus).online)
