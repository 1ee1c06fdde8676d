"""Commands of a host in this process: the same as with processes."""

from __future__ import annotations

import os
import subprocess
import threading
from unittest import mock

from tests import base
from vpmem_harness.cloud.stub.compute.processes import (
    Executables,
    HostCommands,
    ProcessExecutionError,
)
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.host.tools import AS_USER

#: Timeout in seconds for a thread.
SOON = 30


class HostCommandsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:2x1GiB')).host
        self.commands = HostCommands(self.host)

    def outcome(self, commands, *argv):
        try:
            return commands.execute(*argv)
        except (ProcessExecutionError, FileNotFoundError) as error:
            return type(error), str(error)

    def test_no_process(self):
        """Neither a process is started nor a program installed."""
        with mock.patch.object(subprocess, 'Popen', side_effect=AssertionError):
            self.assertIn('ns_0', self.commands.execute('ndctl', 'list', '-X'))
        self.assertFalse(self.host.layout.bin.exists())

    def test_as_with_processes(self):
        """Output, errors and recorded calls are those of the host's executables."""
        processes = Executables(self.host.bin_dir, self.host.env)
        path = self.host.namespaces[0].path
        for argv in (('ndctl', 'list', '-X'), ('daxio', '-z', '-o', path),
                     ('daxio', '-z', '-o', '/dev/dax99.0'), ('ndctl', 'no-command')):
            self.host.calls.clear()
            self.assertEqual(self.outcome(processes, *argv), self.outcome(self.commands, *argv))
            first, second = self.host.calls
            for what in ('words', 'result', 'caller'):
                self.assertEqual(getattr(first, what), getattr(second, what), what)

    def test_a_test_without_privileges(self):
        """The variable that removes privileges has no effect: nova-compute runs tools as root."""
        with mock.patch.dict(os.environ, {AS_USER: '1'}):
            for commands in (self.commands, Executables(self.host.bin_dir, self.host.env)):
                self.assertIn('"align"', commands.execute('ndctl', 'list', '-X'))

    def test_faults(self):
        """Faults of programs have the effect that they have on processes."""
        processes = Executables(self.host.bin_dir, self.host.env)
        faults = self.host.faults
        for begin in (lambda: faults.tool_failing('daxio', status=3, text='broken'),
                      lambda: faults.tool_failing('daxio', status=-9),
                      lambda: faults.tool_cut_short('daxio'),
                      lambda: faults.tool_absent('daxio'),
                      lambda: faults.bad('ns_0')):
            with begin():
                argv = 'daxio', '-z', '-o', self.host.namespaces[0].path
                self.assertEqual(self.outcome(processes, *argv),
                                 self.outcome(self.commands, *argv))

    def test_a_program_that_was_replaced(self):
        """A script in place of a program is run."""
        (self.host.bin_dir / 'daxio').write_text('#!/bin/sh\necho "$*"\n')
        self.assertEqual('-z -o it\n', self.commands.execute('daxio', '-z', '-o', 'it'))

    def test_a_program_that_was_removed(self):
        """A program that is not there cannot be run."""
        (self.host.bin_dir / 'ndctl').unlink()
        self.assertRaises(FileNotFoundError, self.commands.execute, 'ndctl', 'list')

    def test_a_hanging_command_is_killed(self):
        """The command ends with the signal, and has not wiped anything."""
        outcomes = []
        path = self.host.namespaces[0].path
        with self.host.faults.tool_hanging('daxio') as hang:
            thread = threading.Thread(target=lambda: outcomes.append(
                self.outcome(self.commands, 'daxio', '-z', '-o', path)))
            thread.start()
            hang.wait_until_reached()
            self.commands.terminate()
            thread.join(SOON)
        [(error, text)] = outcomes
        self.assertIs(ProcessExecutionError, error)
        self.assertIn('Exit code: -9', text)
        later, text = self.outcome(self.commands, 'ndctl', 'list')
        self.assertIs(ProcessExecutionError, later)
