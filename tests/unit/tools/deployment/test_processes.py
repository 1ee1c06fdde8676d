"""Processes of the reference deployment."""

from __future__ import annotations

import sys
from pathlib import Path

import fixtures
import testtools

from tools.deployment import processes

#: A program that says that it runs, then waits until it is ended.
WAITS = 'import signal; print("runs", flush=True); signal.pause()'


class ProcessesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path).resolve()
        processes.working(self.directory).mkdir()

    def start(self, name, code=WAITS):
        process = processes.start(self.directory, name, [sys.executable, '-c', code, name])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        log = self.directory / 'log' / f'{name}.log'
        processes.wait('start', lambda: 'runs' in log.read_text(), 60, process)
        return process

    def test_processes_are_found(self):
        """A process is found by its directory, with its command line."""
        process = self.start('one')
        found = processes.find(self.directory)
        self.assertEqual([process.pid], list(found))
        self.assertTrue(found[process.pid].endswith('one'))

    def test_process_without_the_variable(self):
        """A process that has lost the variable is found by its working directory."""
        code = f'import os, sys; os.execve(sys.executable, ["python", "-c", {WAITS!r}], {{}})'
        process = self.start('one', code=code)
        self.assertEqual([process.pid], list(processes.find(self.directory)))

    def test_a_child_without_variable_and_directory(self):
        """A process that has lost both is found by its parent."""
        child = f'import os; os.chdir("/"); {WAITS}'
        code = ('import subprocess, sys; '
                f'subprocess.run([sys.executable, "-c", {child!r}, "child"], env={{}})')
        self.start('one', code=code)
        self.assertEqual(2, len(processes.find(self.directory)))
        self.assertEqual(1, processes.stop(self.directory, matching=f'{WAITS} child'))

    def test_processes_of_another_deployment(self):
        """Processes of another directory are not found."""
        self.start('one')
        self.assertEqual({}, processes.find(self.directory / 'other'))

    def test_stop_ends_processes(self):
        """``stop`` ends the matching processes and returns their number."""
        one, two = self.start('one'), self.start('two')
        self.assertEqual(1, processes.stop(self.directory, matching='one'))
        self.assertEqual((True, None), (one.wait() != 0, two.poll()))
        self.assertEqual(1, processes.stop(self.directory))

    def test_stop_kills(self):
        """A process that ignores SIGTERM is killed."""
        code = f'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}'
        process = self.start('one', code=code)
        processes.stop(self.directory, seconds=0)
        self.assertEqual(-9, process.wait())

    def test_wait_for_a_process_that_ends(self):
        """Waiting fails as soon as the process ends."""
        process = processes.start(self.directory, 'one', [sys.executable, '-c', 'exit(3)'])
        self.assertRaisesRegex(processes.DeploymentError, 'status 3', processes.wait, 'start',
                               lambda: False, 60, process)

    def test_failed_command(self):
        """A command that fails is an error with the end of its output."""
        self.assertRaisesRegex(
            processes.DeploymentError, 'no table', processes.run, self.directory,
            [sys.executable, '-c', 'exit("no table")'])

    def test_free_ports_differ(self):
        """The free ports differ, and nobody listens on them."""
        ports = processes.free_ports(5)
        self.assertEqual(5, len(set(ports)))
        self.assertFalse(any(map(processes.listens, ports)))
