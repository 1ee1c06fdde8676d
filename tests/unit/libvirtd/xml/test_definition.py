"""The numbers of a definition are bounded, whatever it says."""

from __future__ import annotations

import testtools

from vpmem_harness.libvirtd.xml.definition import IOTHREADS_MAX, Definition
from vpmem_harness.libvirtd.xml.etree import add, element
from vpmem_harness.releases import DEFAULT


class IoThreadsTest(testtools.TestCase):

    def ids(self, count, *given):
        """Return the IDs of the I/O threads of a definition."""
        root = element('domain')
        add(root, 'devices')
        add(root, 'iothreads', count)
        parent = add(root, 'iothreadids')
        for number in given:
            add(parent, 'iothread', id=number)
        return Definition(root, DEFAULT).iothread_ids

    def test_ids(self):
        """I/O threads without an ID get the lowest ones that are free."""
        self.assertEqual([1, 2, 3], self.ids(3))
        self.assertEqual([2, 7, 1, 3], self.ids(4, 2, 7))

    def test_more_ids_than_threads(self):
        """Every ID that is given is an I/O thread."""
        self.assertEqual([5, 6], self.ids(1, 5, 6))

    def test_too_many(self):
        """There are no more I/O threads than a message holds."""
        self.assertEqual(IOTHREADS_MAX, len(self.ids(9999999999)))

    def test_no_number(self):
        """A number of I/O threads that is no number is none."""
        self.assertEqual([], self.ids('many'))
