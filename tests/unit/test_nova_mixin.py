"""The mixin for Nova's own test classes, where Nova need not be."""

from __future__ import annotations

import subprocess
import sys

import testtools


class NovaMixinTest(testtools.TestCase):

    def test_it_imports_without_nova(self):
        """The module is there for everybody; only setting up a test asks for Nova."""
        program = ("import sys; sys.modules['nova'] = None\n"
                   'from vpmem_harness.nova_mixin import SimulatedHostsMixin')
        done = subprocess.run([sys.executable, '-c', program], text=True, capture_output=True,
                              check=False)
        self.assertEqual(0, done.returncode, done.stderr)
