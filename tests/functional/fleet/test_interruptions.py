"""Interrupted commands leave nothing, and exit with 128 + the signal's number."""

from __future__ import annotations

import os
import tempfile

from tests import base
from tools.interrupted_commands import COMMANDS, measure
from vpmem_harness import conf
from vpmem_harness.randomness import Randomness


class InterruptionsTest(base.TestCase):
    """Each command gets each signal once; ``tools/interrupted_commands.py`` sends more."""

    def check(self, name):
        randomness = Randomness(conf.load().seed).derive(name)
        _, wrong = measure(name, 1, randomness, span=1.5)
        self.assertEqual([], wrong)
        self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_run(self):
        """``run`` ends its hosts."""
        self.check('run')

    def test_chaos(self):
        """``chaos`` ends its cloud."""
        self.check('chaos')

    def test_up(self):
        """``up`` ends the fleet that it was about to start."""
        self.check('up')

    def test_up_in_the_foreground(self):
        """``up --foreground`` ends its fleet."""
        self.check('foreground')
        self.assertEqual({'run', 'chaos', 'up', 'foreground'}, set(COMMANDS))
