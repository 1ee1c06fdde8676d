"""Example for tests that use Nova's own base classes."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys

import testtools

from tests import base

ROOT = pathlib.Path(__file__).parents[3]


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class ExampleTest(base.TestCase):

    def test_novas_tests_on_simulated_hosts(self) -> None:
        """Nova's three tests pass with the mixin in place of their patches."""
        done = subprocess.run(
            [sys.executable, '-m', 'unittest', 'examples/nova_tree_test_vpmem.py'],
            cwd=ROOT, text=True, capture_output=True, check=False, timeout=600,
            env={**os.environ, 'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true'})
        self.assertEqual(0, done.returncode, done.stderr[-4000:])
