"""Tests in the style of Nova's own, which test_nova_tests.py runs in another process.

They import Nova directly, so that no module of the suite may import this one.
"""

from __future__ import annotations

import threading

from nova import context
from nova.db.main import api as main_db_api
from nova.tests.functional.libvirt import base

from vpmem_harness.novatests.simulated_hosts import SimulatedHostsMixin


class CellTest(SimulatedHostsMixin, base.ServersTestBase):
    """Cells of a test with several threads."""

    fail_without_calls = False

    @staticmethod
    def database(ctxt):
        """Return the path of the database that a context leads to."""
        return main_db_api.get_context_manager(ctxt).writer.get_engine().url.database

    def test_a_thread_keeps_its_cell(self):
        """A thread without a target uses the default cell while another one uses cell0."""
        ctxt = context.get_admin_context()
        default = self.database(ctxt)
        found = []
        with context.target_cell(context.get_admin_context(), self.cell_mappings['cell0']):
            cell0 = self.database(ctxt)
            thread = threading.Thread(target=lambda: found.append(self.database(ctxt)))
            thread.start()
            thread.join()
        self.assertNotEqual(default, cell0)
        self.assertEqual([default], found)
        self.assertEqual(default, self.database(ctxt))
