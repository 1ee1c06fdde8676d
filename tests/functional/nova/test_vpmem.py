"""Nova's three tests of persistent memory, on Nova."""

from __future__ import annotations

import importlib.util

import fixtures
import testtools

from tests.functional.cloud import test_vpmem


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class NovaVPMEMTest(test_vpmem.VPMEMTest):
    """The same tests, with real Nova and real Placement."""

    def setUp(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_BACKEND', 'nova'))
        super().setUp()
