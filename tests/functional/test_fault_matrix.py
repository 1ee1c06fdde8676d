"""The page of the fault matrix matches the stub's behavior."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests import base

TOOL = Path(__file__).parent.parent.parent / 'tools' / 'fault_matrix.py'


class FaultMatrixTest(base.TestCase):

    def setUp(self):
        super().setUp()
        spec = importlib.util.spec_from_file_location('fault_matrix', TOOL)
        self.tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.tool)

    def test_a_boot_under_each_fault_is_documented(self):
        """A boot under each fault ends as documented, without leftovers or double claims."""
        outcomes = self.tool.run(['boot'])
        self.assertEqual([], [one for one in outcomes if one.wrong])
        self.assertIn(self.tool.section('boot', outcomes), self.tool.PAGE.read_text())

    def test_the_page_has_every_operation(self):
        """The page has every operation, and no error in any."""
        page = self.tool.PAGE.read_text()
        for operation in self.tool.OPERATIONS:
            self.assertIn(f'\n{operation.name.capitalize()}\n====', page)
        self.assertIn('no namespace was claimed twice', page)
