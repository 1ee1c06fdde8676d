"""Ending the processes that still use a host."""

from __future__ import annotations

import os
import signal
import subprocess

from tests import base
from vpmem_harness.host import processes
from vpmem_harness.randomness import Randomness


class EndMarkedTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.mark = Randomness().uuid()

    def start(self, script, mark):
        """Start a shell that prints ``ready``, and wait for that."""
        process = subprocess.Popen(
            ['sh', '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, processes.MARK: mark})
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(b'ready\n', process.stdout.readline())
        return process

    def test_a_marked_process_is_terminated(self):
        """A program that was started for a host gets SIGTERM."""
        process = self.start('echo ready; read forever', self.mark)
        processes.end_marked(self.mark)
        self.assertEqual(-signal.SIGTERM, process.wait())

    def test_one_that_does_not_listen_is_killed(self):
        """A program that ignores SIGTERM is killed."""
        process = self.start('trap "" TERM; echo ready; while :; do read forever; done',
                             self.mark)
        processes.end_marked(self.mark, grace=0.05)
        self.assertEqual(-signal.SIGKILL, process.wait())

    def test_the_process_of_another_run_is_left_alone(self):
        """Processes of another run are not ended."""
        process = self.start('echo ready; read forever', Randomness().uuid())
        processes.end_marked(self.mark)
        self.assertIsNone(process.poll())
