"""Nova's processes, seen from the test's process."""

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
        """Return a process without a role, which ends with a message about it."""
        process = Zygote.shared().fork({'role': 'none', 'log': str(self.log), 'padding': padding})
        self.addCleanup(process.kill)
        self.assertTrue(process.wait(base.GRACE))
        return process

    def test_numbers_are_unique(self) -> None:
        """No two processes have the same number."""
        self.assertEqual(3, len({self.fork().number for _ in range(3)}))

    def test_a_long_request(self) -> None:
        """A request that arrives in several parts is read as one."""
        self.fork('x' * 2**22)
        self.assertIn("KeyError: 'none'", self.log.read_text())
