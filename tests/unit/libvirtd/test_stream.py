"""Streams to character devices."""

from __future__ import annotations

import testtools

from vpmem_harness.libvirtd.stream import Terminal


class TerminalTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.told = []
        self.terminal = Terminal(lambda: self.told.append('closed'))

    def test_hang_up(self):
        """The daemon ends an open stream."""
        self.terminal.opened(self.told.append)
        self.terminal.hang_up(failed=True)
        self.terminal.hang_up()
        self.assertEqual([True, False], self.told)

    def test_hang_up_before_it_is_open(self):
        """A stream that ends before the client has it ends when it is opened."""
        self.terminal.hang_up()
        self.assertEqual([], self.told)
        self.terminal.opened(self.told.append)
        self.assertEqual([False], self.told)

    def test_close(self):
        """The owner learns that the client has closed a stream or is gone."""
        self.terminal.finish()
        self.terminal.abort()
        self.assertEqual(['closed', 'closed'], self.told)
