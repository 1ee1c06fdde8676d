"""Nova's processes, as the test's process sees them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import fixtures
import testtools

from tests import base
from vpmem_harness.cloud.nova.processes import ForkedProcess, Zygote


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class ZygoteTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.log = Path(self.useFixture(fixtures.TempDir()).path, 'log')

    def fork(self, padding: str = '') -> ForkedProcess:
        """A process that has no role, and ends with a word about it."""
        process = Zygote.shared().fork({'role': 'none', 'log': str(self.log), 'padding': padding})
        self.addCleanup(process.kill)
        self.assertTrue(process.wait(base.GRACE))
        return process

    def test_numbers(self) -> None:
        """No two processes have one."""
        self.assertEqual(3, len({self.fork().number for _ in range(3)}))

    def test_a_long_order(self) -> None:
        """It comes in several parts, and is one order."""
        self.fork('x' * 2**22)
        self.assertIn("KeyError: 'none'", self.log.read_text())
