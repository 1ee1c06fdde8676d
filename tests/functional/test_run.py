"""``vpmem-harness run``: commands against simulated hosts, as on a command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import fixtures
import testtools
from testtools.matchers import MatchesRegex

from tests import base

HARNESS = [sys.executable, '-m', 'vpmem_harness.cli']


class RunTest(base.TestCase):

    def harness(self, *words, status=0):
        """Run ``vpmem-harness`` with these arguments; return its standard output."""
        done = subprocess.run([*HARNESS, *words], capture_output=True, text=True, check=False,
                              timeout=60)
        self.addDetail('stderr', testtools.content.text_content(done.stderr))
        self.assertEqual(status, done.returncode)
        return done.stdout

    def run_script(self, script, *options, status=0):
        """Return the output of a shell script against simulated hosts."""
        return self.harness('run', *options, '--', 'sh', '-c', script, status=status)

    def test_exit_status_is_that_of_the_command(self):
        """The exit status is that of the command."""
        self.run_script('exit 7', status=7)

    def test_the_status_of_a_command_killed_by_a_signal(self):
        """The status is 128 plus the signal's number, as in a shell."""
        self.run_script('kill -9 $$', status=128 + signal.SIGKILL)

    def test_the_status_of_a_missing_command(self):
        """The status of a missing command is 127, as in a shell."""
        self.harness('run', '--', 'no-such-command', status=127)

    def test_virsh_connects_to_the_first_host(self):
        """LIBVIRT_DEFAULT_URI is the URI of the first host."""
        self.assertEqual('host1\n\n', self.run_script('virsh hostname', '--hosts', '2'))

    def test_each_host_has_a_socket(self):
        """Each host has a socket in its directory."""
        out = self.run_script('virsh -c "qemu+unix:///system?socket=$VPMEM_HARNESS_RUN'
                              '/host2/libvirt-sock" hostname', '--hosts', '2')
        self.assertEqual('host2\n\n', out)

    def test_each_host_has_tools(self):
        """Each host's ndctl is in ``HOST/bin``; device names differ between hosts."""
        out = self.run_script('ndctl list -X; $VPMEM_HARNESS_RUN/host2/bin/ndctl list -X',
                              '--hosts', '2', '--pmem', 'SMALL:1x1GiB')
        decoder = json.JSONDecoder()
        first, end = decoder.raw_decode(out)
        second, _ = decoder.raw_decode(out[end:].lstrip())
        self.assertEqual(('namespace0.0', 'namespace1.0'), (first[0]['dev'], second[0]['dev']))

    def test_hardware_of_a_profile(self):
        """``--hardware`` gives the hosts the hardware of a profile."""
        out = self.run_script('virsh nodeinfo', '--pmem', 'SMALL:1x4GiB', '--hardware', 'small')
        self.assertThat(out, MatchesRegex(r'(?s).*CPU\(s\): +2\n'))

    def test_hardware_of_a_file(self):
        """``--hardware`` reads a file, and the DIMMs in it."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'hw.yaml')
        with open(path, 'w') as stream:
            stream.write("{cells: [{memory: 8GiB, cores: 3}], dimms: ['16GiB']}")
        out = self.run_script('virsh nodeinfo; ndctl list -Di', '--hardware', path)
        self.assertThat(out, MatchesRegex(r'(?s).*CPU\(s\): +3\n.*nmem0'))

    def test_raw_dimms_have_blank_labels(self):
        """``--dimm`` creates DIMMs in the state of a new machine."""
        out = self.run_script('ndctl check-labels all 2>&1; ndctl list -R',
                              '--dimm', '32GiB,numa=1')
        self.assertIn('"size":34359738368', out)
        self.assertIn('successfully verified 0 nmem', out)

    def test_a_dimm_without_labels(self):
        """``labels=no`` creates a namespace that cannot be divided."""
        out = self.run_script('ndctl create-namespace -s 1G 2>&1', '--dimm', '8GiB,labels=no',
                              status=237)
        self.assertIn('label-less', out)

    def test_a_seed_replays(self):
        """The same seed creates the same namespaces."""
        self.assertEqual(self.run_script('ndctl list -NRD', '--seed', '5'),
                         self.run_script('ndctl list -NRD', '--seed', '5'))

    def test_a_reboot_renumbers_devices(self):
        """Numbers follow the addresses after a reboot, and names stay."""
        listing = 'ndctl list -N | grep -o "namespace[0-9.]*" | sort | tr "\\n" " "; echo;'
        before, after = self.run_script(
            'for size in 1G 2G 1G; do ndctl create-namespace -m devdax -s $size >/dev/null; done;'
            f'ndctl destroy-namespace -f namespace0.1; {listing}'
            f'{sys.executable} -m vpmem_harness.cli reboot; {listing}',
            '--pmem', 'KEPT:1x1GiB').splitlines()
        self.assertEqual('namespace0.0 namespace0.2 namespace0.3 ', before)
        self.assertEqual('namespace0.0 namespace0.1 namespace0.2 ', after)

    def test_the_directory_is_created_and_removed(self):
        """The directory of ``--dir`` is created if missing, and then removed."""
        above = Path(self.useFixture(fixtures.TempDir()).path)
        directory = above / 'a' / 'fleet'
        self.run_script(f'test -S {directory}/host1/libvirt-sock', '--dir', str(directory))
        self.assertEqual([], os.listdir(above))

    def test_existing_files_in_the_directory_stay(self):
        """An existing directory keeps its other contents."""
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        (directory / 'mine').write_text('kept')
        self.run_script('true', '--dir', str(directory))
        self.assertEqual(['mine'], os.listdir(directory))

    def test_a_directory_writable_by_others_is_refused(self):
        """The directory is refused because another user could replace a host's ndctl."""
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        directory.chmod(0o777)
        self.run_script('true', '--dir', str(directory), status=1)
        self.assertIn('nobody else may write', self.getDetails()['stderr'].as_text())

    def test_remaining_processes_are_killed(self):
        """A process left running is killed, as it would find the real ndctl without hosts."""
        out = self.run_script('sleep 600 >/dev/null 2>&1 & echo $!')
        # A zombie has ended too: its command line is empty.
        command_line = Path(f'/proc/{out.strip()}/cmdline')
        self.assertFalse(command_line.exists() and command_line.read_text())

    def test_sigterm_is_passed_on(self):
        """SIGTERM ends the command first, and then its hosts."""
        process = subprocess.Popen(
            [*HARNESS, 'run', '--pmem', 'A:1x1GiB', '--', 'sh', '-c',
             'trap "echo ended; exit 3" TERM; echo ready; while :; do read line || sleep 1; done'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual('ready\n', process.stdout.readline())
        process.terminate()
        process.stdin.write('\n')
        process.stdin.flush()
        self.assertEqual(('ended\n', 3), (process.stdout.readline(), process.wait(timeout=30)))

    def start(self, script, *before, harness=HARNESS, **options):
        """Run a shell script, and wait until it prints ``ready``."""
        process = subprocess.Popen(
            [*before, *harness, 'run', '--pmem', 'A:1x1GiB', '--', 'sh', '-c', script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual('ready\n', process.stdout.readline())
        return process

    def test_signals_of_other_processes(self):
        """Each signal ends the command and its hosts, and SIGINT also the command's children."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.start('echo ready; sleep 600; echo on')
            process.send_signal(number)
            self.assertEqual((128 + number, ''),
                             (process.wait(timeout=30), process.stdout.read()))
            self.assertEqual([], os.listdir(tempfile.gettempdir()))

    def test_sigint_to_a_background_job(self):
        """SIGINT ends the job although the shell has started it with the signal ignored."""
        process = self.start('echo ready; sleep 600', 'sh', '-c', 'trap "" INT; exec "$@"', 'sh')
        process.send_signal(signal.SIGINT)
        self.assertEqual(130, process.wait(timeout=30))

    def test_sighup_under_nohup(self):
        """SIGHUP stays ignored under nohup, also for the command."""
        process = self.start('echo ready; read line; exit 3',
                             'sh', '-c', 'trap "" HUP; exec "$@"', 'sh')
        process.send_signal(signal.SIGHUP)
        process.stdin.write('\n')
        process.stdin.flush()
        self.assertEqual(3, process.wait(timeout=30))

    def start_on_terminal(self, script, **options):
        """Run a shell script on a terminal of its own, and return also the other end of it."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        # The first terminal that a session leader opens becomes the session's terminal.
        return ours, self.start(script, 'sh', '-c', ': <"$0"; exec "$@"', os.ttyname(theirs),
                                start_new_session=True, **options)

    def test_ctrl_c_goes_to_the_command(self):
        """A command that continues after Ctrl-C keeps its hosts, and gets the signal once."""
        terminal, process = self.start_on_terminal(
            'trap "echo caught" INT; echo ready; until read line; do :; done;'
            'virsh hostname; exit 5')
        os.write(terminal, b'\x03')
        self.assertEqual('caught\n', process.stdout.readline())
        process.stdin.write('\n')
        process.stdin.flush()
        self.assertEqual((5, 'host1\n\n'), (process.wait(timeout=30), process.stdout.read()))

    def test_ctrl_c_while_the_command_starts(self):
        """The command gets the signal once, also when the harness does not wait for it yet."""
        pipe = Path(self.useFixture(fixtures.TempDir()).path, 'pipe')
        os.mkfifo(pipe)
        terminal, process = self.start_on_terminal(
            'trap "echo caught" INT; trap "echo ends; exit" TERM; echo ready;'
            'until read line; do :; done',
            harness=[sys.executable, '-c',
                     'import os, sys; from vpmem_harness import cli; spawn = os.posix_spawn\n'
                     'def started(*arguments, **options):\n'
                     '    process = spawn(*arguments, **options)\n'
                     f'    open({str(pipe)!r}).close()\n'
                     '    return process\n'
                     'os.posix_spawn = started\n'
                     'sys.exit(cli.main())'])
        os.write(terminal, b'\x03')
        self.assertEqual('caught\n', process.stdout.readline())
        pipe.open('w').close()
        # Signals that the harness relays arrive in their order.
        process.terminate()
        self.assertEqual('ends\n', process.stdout.read())

    def test_a_command_that_ignores_a_signal(self):
        """The command is killed after a timeout, and the status is the signal's."""
        process = subprocess.Popen(
            [sys.executable, '-c', 'import sys; from vpmem_harness import cli;'
             'from vpmem_harness.cli import foreground; foreground.GRACE = 0.05;'
             'sys.exit(cli.main())', 'run', '--pmem', 'A:1x1GiB', '--', 'sh', '-c',
             'trap "" INT; echo ready; while :; do sleep 600; done'],
            stdout=subprocess.PIPE, text=True)
        with process:
            self.assertEqual('ready\n', process.stdout.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual(130, process.wait(timeout=30))

    def test_an_interrupted_run_in_an_existing_directory(self):
        """The files of the run are removed from the user's directory."""
        above = Path(self.useFixture(fixtures.TempDir()).path)
        process = subprocess.Popen(
            [*HARNESS, 'run', '--hosts', '1000', '--pmem', 'A:1x1GiB', '--dir',
             str(above / 'fleet'), '--', 'true'])
        with process:
            while not (above / 'fleet' / 'host2').exists():
                self.assertIsNone(process.poll())
                threading.Event().wait(0.01)
            process.terminate()
            self.assertEqual(143, process.wait(timeout=60))
        self.assertEqual([], os.listdir(above))

    def test_the_next_run_cleans_up_after_a_killed_one(self):
        """The next run removes what a run left after SIGKILL, and logs it."""
        process = subprocess.Popen(
            [*HARNESS, 'run', '--pmem', 'A:1x1GiB', '--', 'sh', '-c', 'echo $0; exec sleep 600'],
            stdout=subprocess.PIPE, text=True)
        with process:
            self.assertEqual('sh\n', process.stdout.readline())
            process.kill()
            process.wait(timeout=30)
            (left,) = os.listdir(tempfile.gettempdir())
            self.run_script('true')
            # The closed pipe shows that the process has ended.
            self.assertEqual('', process.stdout.read())
        self.assertNotIn(left, os.listdir(tempfile.gettempdir()))
        self.assertIn('is removed', self.getDetails()['stderr'].as_text())

    def test_the_error_without_a_command(self):
        """The message contains an example."""
        self.harness('run', status=1)
        self.assertIn('run --hosts 2 -- virsh list', self.getDetails()['stderr'].as_text())
