"""Faults of ndctl, daxctl and daxio, for programs that run them."""

from __future__ import annotations

import json
import shutil
import subprocess

from testtools.matchers import StartsWith

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.serving.clock import SteppedClock


class ToolFaultsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = SteppedClock()
        self.host = self.useFixture(HostFixture(pmem='SMALL:2x1GiB', clock=self.clock))
        self.faults = self.host.faults
        self.env = self.host.env
        self.path = self.host.namespaces[0].path
        self.host.pmem.write(self.path, 'somebody')

    def run_tool(self, *words):
        return subprocess.run(words, env=self.env, capture_output=True, text=True, check=False,
                              timeout=30)

    def start(self, *words):
        process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    @property
    def is_wiped(self):
        return self.host.pmem.contents(self.path).is_zero

    def test_it_fails_as_told(self):
        """The program exits with a status and a message, and has done nothing."""
        with self.faults.tool_failing('daxio', status=3, text='daxio: no'):
            done = self.run_tool('daxio', '-z', '-o', self.path)
        self.assertEqual((3, '', 'daxio: no\n'), (done.returncode, done.stdout, done.stderr))
        self.assertFalse(self.is_wiped)

    def test_it_fails_when_it_has_done_its_work(self):
        """The namespace is wiped, although daxio reports a failure."""
        with self.faults.tool_failing('daxio', when='after'):
            self.assertEqual(1, self.run_tool('daxio', '-z', '-o', self.path).returncode)
        self.assertTrue(self.is_wiped)

    def test_it_is_ended_by_a_signal(self):
        """A program can be killed, as by the kernel when a page of the device is bad."""
        self.faults.tool_failing('daxio', status=-9)
        self.assertEqual(-9, self.run_tool('daxio', '-z', '-o', self.path).returncode)

    def test_a_listing_that_was_rendered_is_taken_back(self):
        """The shell stand-in does not print it while a fault applies."""
        before = self.run_tool('ndctl', 'list', '-X')
        with self.faults.tool_failing('ndctl', 'list', text='failed'):
            self.assertEqual(1, self.run_tool('ndctl', 'list', '-X').returncode)
            self.assertEqual(1, self.run_tool('ndctl', 'list', '-X').returncode)
        self.assertEqual(before.stdout, self.run_tool('ndctl', 'list', '-X').stdout)

    def test_one_subcommand_alone(self):
        """Other subcommands and other programs work as usual."""
        self.faults.tool_failing('ndctl', 'create-namespace')
        self.assertEqual(1, self.run_tool('ndctl', 'create-namespace').returncode)
        self.assertEqual(0, self.run_tool('ndctl', 'list', '-X').returncode)
        self.assertEqual(0, self.run_tool('daxctl', 'list').returncode)

    def test_it_hangs_until_it_is_released(self):
        """The program does its work after that."""
        with self.faults.tool_hanging('daxio') as hang:
            process = self.start('daxio', '-z', '-o', self.path)
            hang.wait_until_reached()
            self.assertFalse(self.is_wiped)
            self.assertIsNone(process.poll())
            hang.release()
            process.communicate()
        self.assertEqual(0, process.returncode)
        self.assertTrue(self.is_wiped)

    def test_one_that_is_killed_does_nothing(self):
        """It does nothing, even after the fault has ended."""
        with self.faults.tool_hanging('daxio') as hang:
            process = self.start('daxio', '-z', '-o', self.path)
            hang.wait_until_reached()
            process.kill()
            process.communicate()
            # What the service is asked later it hears of later than of the hang-up.
            self.run_tool('daxctl', 'list', '-D')
        self.host.run('ndctl', 'list')
        self.assertFalse(self.is_wiped)

    def test_it_takes_its_time(self):
        """The delay is on the host's clock."""
        with self.faults.tool_slow('ndctl', 30) as slow:
            process = self.start('ndctl', 'list', '-X')
            slow.wait_until_reached()
            self.clock.step(30)
            out, _ = process.communicate()
        self.assertEqual(2, len(json.loads(out)))

    def test_the_subcommand_comes_second(self):
        """For every fault of a tool; by name it can be given as well."""
        faults = self.faults
        for begin in (faults.tool_failing, faults.tool_hanging, faults.tool_cut_short):
            for fault in (begin('ndctl', 'list'), begin('ndctl', subcommand='list')):
                self.assertThat(fault.what, StartsWith('ndctl list '))
                fault.remove()
        for fault in (faults.tool_slow('ndctl', 'list', seconds=5),
                      faults.tool_slow('ndctl', 'list', 5),
                      faults.tool_slow('ndctl', seconds=5, subcommand='list'),
                      faults.tool_slow('ndctl', 5, subcommand='list')):
            self.assertEqual('ndctl list takes 5 s', fault.what)
            fault.remove()
        self.assertEqual('ndctl takes 5 s', faults.tool_slow('ndctl', seconds=5).what)

    def test_it_prints_half(self):
        """A program that parses the output fails."""
        whole = self.run_tool('ndctl', 'list', '-X').stdout
        with self.faults.tool_cut_short('ndctl', 'list'):
            half = self.run_tool('ndctl', 'list', '-X')
        self.assertEqual((0, whole[:len(whole) // 2]), (half.returncode, half.stdout))
        self.assertEqual(whole, self.run_tool('ndctl', 'list', '-X').stdout)

    def test_it_copies_half(self):
        """The contents of a device that daxio prints are output as well."""
        self.faults.tool_cut_short('daxio', status=1)
        done = self.run_tool('sh', '-c', f'daxio -i {self.path} | wc -c')
        self.assertEqual(self.host.namespaces[0].size // 2, int(done.stdout))

    def test_it_is_absent(self):
        """The program is there again when the fault has ended."""
        with self.faults.tool_absent('daxio'):
            self.assertIsNone(shutil.which('daxio', path=str(self.host.host.bin_dir)))
            self.assertRaises(FileNotFoundError, self.host.run, 'daxio', '-V')
            done = self.run_tool('sh', '-c', f'daxio -z -o {self.path}')
            self.assertEqual(127, done.returncode)
            self.assertIn('not found', done.stderr)
        self.assertEqual(0, self.run_tool('daxio', '-z', '-o', self.path).returncode)

    def test_faults_hold_for_commands_without_a_process(self):
        """``run`` is subject to the same faults as a process."""
        with self.faults.tool_failing('ndctl', 'list', status=2):
            self.assertEqual(2, self.host.run('ndctl', 'list').returncode)
        self.assertEqual(0, self.host.run('ndctl', 'list').returncode)

    def test_a_program_that_there_is_not(self):
        """The error names the programs of a host."""
        error = self.assertRaises(InvalidInputError, self.faults.tool_absent, 'ndctrl')
        self.assertIn('ndctl, daxctl, daxio', str(error))
