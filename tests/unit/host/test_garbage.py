"""The pause of collections of garbage."""

from __future__ import annotations

import gc

from tests import base
from vpmem_harness.host.garbage import collections_paused


class CollectionsPausedTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(gc.enable if gc.isenabled() else gc.disable)
        gc.enable()

    def test_no_collection_meanwhile(self):
        """Collections are disabled during the pause."""
        with collections_paused():
            self.assertFalse(gc.isenabled())

    def test_collections_after_an_error(self):
        """Collections are enabled again, even if the pause ends with an error."""
        with self.assertRaises(KeyError), collections_paused():
            raise KeyError
        self.assertTrue(gc.isenabled())

    def test_a_process_without_collections(self):
        """Collections that the process has disabled stay disabled."""
        gc.disable()
        with collections_paused():
            pass
        self.assertFalse(gc.isenabled())
