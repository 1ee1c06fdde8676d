"""Handling of the signals that end a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

from tests import base
from vpmem_harness.cli import signals

#: Script of a process whose command is ``command``.
PROCESS = """
import signal, subprocess, sys, tempfile
from vpmem_harness.cli import signals
{script}
sys.exit(signals.run_to_end(command, whole_process=True))
"""


class SignalsTest(base.TestCase):

    def run_to_end(self, command):
        """Return the exit status of a command called in this process."""
        return signals.run_to_end(command, whole_process=False)

    def test_a_command_that_ends_without_a_signal(self):
        """The command's status is returned."""
        self.assertEqual(3, self.run_to_end(lambda: 3))

    def test_each_signal_interrupts(self):
        """A signal ends the command, and the status is 128 plus the signal's number."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            def command(number=number):
                signal.raise_signal(number)
                self.fail('it goes on')
            self.assertEqual(128 + number, self.run_to_end(command))

    def test_a_cleanup_is_not_interrupted(self):
        """A second signal changes neither the cleanup nor the status."""
        done = []

        def command():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGINT)
                done.append('cleaned up')
        self.assertEqual((143, ['cleaned up']), (self.run_to_end(command), done))

    def test_an_interruption_replaced_by_another_error(self):
        """The status is the signal's even if the cleanup raises another error."""
        def command():
            try:
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt as error:
                raise RuntimeError from error
        self.assertEqual(143, self.run_to_end(command))

    def test_a_swallowed_interruption(self):
        """The status is the signal's even if the command swallows the interruption."""
        def command():
            try:
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                return 0
        self.assertEqual(143, self.run_to_end(command))

    def test_other_errors_are_raised(self):
        """Without a signal, an exception is raised unchanged."""
        def command():
            raise ZeroDivisionError
        self.assertRaises(ZeroDivisionError, self.run_to_end, command)

    def test_a_deferred_block(self):
        """A deferred block ends before the interruption."""
        done = []

        def command():
            with signals.deferred():
                signal.raise_signal(signal.SIGTERM)
                done.append('block')
            done.append('after')
        self.assertEqual((143, ['block']), (self.run_to_end(command), done))

    def test_check_in_a_deferred_block(self):
        """``check`` interrupts a long deferred block between two of its parts."""
        done = []

        def command():
            with signals.deferred():
                signal.raise_signal(signal.SIGTERM)
                done.append('part')
                signals.check()
                done.append('another part')
        self.assertEqual((143, ['part']), (self.run_to_end(command), done))

    def test_an_allowed_block(self):
        """A signal interrupts an allowed block within a deferred one, even if it came before."""
        done = []

        def early():
            with signals.deferred():
                signal.raise_signal(signal.SIGTERM)
                with signals.allowed():
                    done.append('block')

        def within():
            with signals.deferred(), signals.allowed():
                signal.raise_signal(signal.SIGTERM)
                done.append('block')
        self.assertEqual((143, 143, []), (self.run_to_end(early), self.run_to_end(within), done))

    def test_a_relayed_block(self):
        """A signal during a block is relayed to another process."""
        relayed = []

        def command():
            with signals.deferred(), signals.relayed(relayed.append):
                signal.raise_signal(signal.SIGTERM)
            return 3
        self.assertEqual((3, [signal.SIGTERM]), (self.run_to_end(command), relayed))

    def test_a_signal_before_a_relayed_block(self):
        """A signal that came before the block prevents its start."""
        relayed = []

        def command():
            with signals.deferred():
                signal.raise_signal(signal.SIGTERM)
                with signals.relayed(relayed.append):
                    relayed.append('block')
        self.assertEqual((143, []), (self.run_to_end(command), relayed))

    def ignored(self, number):
        self.addCleanup(signal.signal, number, signal.signal(number, signal.SIG_IGN))

    def test_an_ignored_sigint(self):
        """SIGINT interrupts a background job although its shell ignores the signal."""
        self.ignored(signal.SIGINT)
        self.assertEqual(130, self.run_to_end(lambda: signal.raise_signal(signal.SIGINT)))

    def test_an_ignored_sighup(self):
        """SIGHUP stays ignored, as under nohup."""
        self.ignored(signal.SIGHUP)
        self.assertEqual(3, self.run_to_end(lambda: signal.raise_signal(signal.SIGHUP) or 3))

    def test_handlers_are_restored(self):
        """The signal handlers of the caller are restored."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.getsignal(number) for number in numbers]
        self.run_to_end(lambda: signal.raise_signal(signal.SIGTERM))
        self.assertEqual(before, [signal.getsignal(number) for number in numbers])


class ProcessTest(base.TestCase):

    def end(self, script):
        """Return the exit status and the output of a process whose command the script defines."""
        done = subprocess.run([sys.executable, '-c', PROCESS.format(script=script)],
                              capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_an_interrupted_command_leaves_nothing(self):
        """An interrupted command leaves neither a directory nor a process."""
        code, out, err = self.end("""
def command():
    from vpmem_harness.host import directories
    directories.make('vpmem', tempfile.gettempdir())
    print(subprocess.Popen(['sleep', '600']).pid)
    signal.raise_signal(signal.SIGTERM)
""")
        self.assertEqual((143, ''), (code, err))
        self.assertEqual([], os.listdir(tempfile.gettempdir()))
        self.assertFalse(os.path.exists(f'/proc/{out.strip()}'))

    def test_an_interruption_that_python_drops(self):
        """An interruption raised where Python drops exceptions is repeated."""
        self.assertEqual((143, '', ''), self.end("""
import time

class Dropping:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def command():
    Dropping()
    time.sleep(600)
"""))

    def test_a_cleanup_that_hangs(self):
        """A hanging cleanup is aborted after a timeout."""
        self.assertEqual((143, '', ''), self.end("""
signals.LIMIT = 0.05

def command():
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        import time; time.sleep(600)
"""))

    def test_a_signal_after_the_end_of_the_command(self):
        """A signal counts as long as the process has not ended."""
        self.assertEqual((130, '', ''), self.end("""
import atexit

def command():
    atexit.register(signal.raise_signal, signal.SIGINT)
    return 0
"""))

    def test_an_interruption_in_exec(self):
        """The process exits with a status, instead of being killed by the signal."""
        self.assertEqual((130, '', ''), self.end("""
def command():
    exec('signal.raise_signal(signal.SIGINT)', globals())
"""))

    def test_slow_imports_follow_the_handlers(self):
        """Slow imports happen only after the signal handlers are installed."""
        code = ('import sys; before = set(sys.modules); import vpmem_harness.cli.signals;'
                'print(*sorted(set(sys.modules) - before))')
        printed = subprocess.run([sys.executable, '-I', '-c', code], check=True,
                                 capture_output=True, text=True).stdout
        self.assertEqual('__future__ atexit vpmem_harness vpmem_harness.cli '
                         'vpmem_harness.cli.signals', printed.strip())
