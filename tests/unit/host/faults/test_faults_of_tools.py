"""Faults of ndctl, daxctl and daxio, as programs meet them."""

from __future__ import annotations

import json
import shutil
import subprocess

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
        """With a status and a text, and it has done nothing."""
        with self.faults.tool_failing('daxio', status=3, text='daxio: no'):
            done = self.run_tool('daxio', '-z', '-o', self.path)
        self.assertEqual((3, '', 'daxio: no\n'), (done.returncode, done.stdout, done.stderr))
        self.assertFalse(self.is_wiped)

    def test_it_fails_when_it_has_done_its_work(self):
        """The namespace is wiped, and nobody knows."""
        with self.faults.tool_failing('daxio', when='after'):
            self.assertEqual(1, self.run_tool('daxio', '-z', '-o', self.path).returncode)
        self.assertTrue(self.is_wiped)

    def test_it_is_ended_by_a_signal(self):
        """As the kernel ends who touches a page that is gone."""
        self.faults.tool_failing('daxio', status=-9)
        self.assertEqual(-9, self.run_tool('daxio', '-z', '-o', self.path).returncode)

    def test_a_listing_that_was_rendered_is_taken_back(self):
        """The shell's front answers it by itself otherwise."""
        before = self.run_tool('ndctl', 'list', '-X')
        with self.faults.tool_failing('ndctl', 'list', text='failed'):
            self.assertEqual(1, self.run_tool('ndctl', 'list', '-X').returncode)
            self.assertEqual(1, self.run_tool('ndctl', 'list', '-X').returncode)
        self.assertEqual(before.stdout, self.run_tool('ndctl', 'list', '-X').stdout)

    def test_one_subcommand_alone(self):
        """The others go on as ever, and other programs too."""
        self.faults.tool_failing('ndctl', 'create-namespace')
        self.assertEqual(1, self.run_tool('ndctl', 'create-namespace').returncode)
        self.assertEqual(0, self.run_tool('ndctl', 'list', '-X').returncode)
        self.assertEqual(0, self.run_tool('daxctl', 'list').returncode)

    def test_it_hangs_until_it_is_released(self):
        """And then does its work."""
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
        """Not even when the fault that held it up is over."""
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
        """On the host's clock."""
        with self.faults.tool_slow('ndctl', 30) as slow:
            process = self.start('ndctl', 'list', '-X')
            slow.wait_until_reached()
            self.clock.step(30)
            out, _ = process.communicate()
        self.assertEqual(2, len(json.loads(out)))

    def test_it_prints_half(self):
        """What a program cannot read."""
        whole = self.run_tool('ndctl', 'list', '-X').stdout
        with self.faults.tool_cut_short('ndctl', 'list'):
            half = self.run_tool('ndctl', 'list', '-X')
        self.assertEqual((0, whole[:len(whole) // 2]), (half.returncode, half.stdout))
        self.assertEqual(whole, self.run_tool('ndctl', 'list', '-X').stdout)

    def test_it_copies_half(self):
        """What daxio reads of a device is output, too."""
        self.faults.tool_cut_short('daxio', status=1)
        done = self.run_tool('sh', '-c', f'daxio -i {self.path} | wc -c')
        self.assertEqual(self.host.namespaces[0].size // 2, int(done.stdout))

    def test_it_is_absent(self):
        """And there again when the fault is over."""
        with self.faults.tool_absent('daxio'):
            self.assertIsNone(shutil.which('daxio', path=str(self.host.host.bin_dir)))
            self.assertRaises(FileNotFoundError, self.host.run, 'daxio', '-V')
            done = self.run_tool('sh', '-c', f'daxio -z -o {self.path}')
            self.assertEqual(127, done.returncode)
            self.assertIn('not found', done.stderr)
        self.assertEqual(0, self.run_tool('daxio', '-z', '-o', self.path).returncode)

    def test_faults_hold_for_commands_without_a_process(self):
        """``run`` is what a program on the host would see."""
        with self.faults.tool_failing('ndctl', 'list', status=2):
            self.assertEqual(2, self.host.run('ndctl', 'list').returncode)
        self.assertEqual(0, self.host.run('ndctl', 'list').returncode)

    def test_a_program_that_there_is_not(self):
        """The error names those that are."""
        error = self.assertRaises(InvalidInputError, self.faults.tool_absent, 'ndctrl')
        self.assertIn('ndctl, daxctl, daxio', str(error))
