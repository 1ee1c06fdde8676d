"""Parent of processes that share memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import fixtures
import testtools

#: A parent of the processes ``a`` and ``b``; arguments: directory, descriptor, interval.
PARENT = """
import functools, os, signal, sys
from pathlib import Path
from vpmem_harness.fleet.process_parent import ProcessParent, Program

directory, ready, interval = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])

def wait(name):
    wanted = {signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    os.write(ready, name.encode())
    while (number := signal.sigwait(wanted)) != signal.SIGTERM:
        os.write(ready, number.to_bytes(1, 'big'))
    print(name, 'ends', file=sys.stderr)
    os.write(ready, b'.')
    return 0

def program(name, main):
    return Program(functools.partial(main, name), directory / f'{name}.log')

%s
sys.exit(ProcessParent(
    {'a': program('a', a), 'b': program('b', b)}, interval).run())
"""


class ProcessParentTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path)
        self.ready, theirs = os.pipe()
        self.addCleanup(os.close, self.ready)
        self.theirs = theirs

    def start(self, definitions='a = b = wait', interval=0.0):
        process = subprocess.Popen(
            [sys.executable, '-c', PARENT % definitions, self.directory, str(self.theirs),
             str(interval)], pass_fds=[self.theirs], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        os.close(self.theirs)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def received(self, count):
        """Read what the processes write, in any order."""
        text = b''
        while len(text) < count and (part := os.read(self.ready, count - len(text))):
            text += part
        return bytes(sorted(text))

    def ended(self, process):
        out, errors = process.communicate()
        self.assertEqual('', errors)
        return process.returncode, out.splitlines()

    def test_the_end_on_a_signal(self):
        """SIGTERM goes to all processes, and the parent ends after them with status 0."""
        parent = self.start()
        self.assertEqual(b'ab', self.received(2))
        parent.send_signal(signal.SIGTERM)
        self.assertEqual((0, ['running: 2 processes']), self.ended(parent))
        self.assertEqual(b'..', self.received(2))

    def test_logs(self):
        """Each process has a log for its output."""
        parent = self.start()
        self.received(2)
        parent.terminate()
        self.ended(parent)
        self.assertEqual(['a ends\n', 'b ends\n'],
                         [(self.directory / f'{name}.log').read_text() for name in 'ab'])

    def test_other_signals(self):
        """SIGUSR1 goes to all processes, which go on."""
        parent = self.start()
        self.received(2)
        parent.send_signal(signal.SIGUSR1)
        self.assertEqual(bytes([signal.SIGUSR1] * 2), self.received(2))
        parent.terminate()
        self.assertEqual(0, self.ended(parent)[0])

    def test_a_process_that_ends(self):
        """A process that ends by itself is named and not restarted; the other goes on."""
        parent = self.start('a = wait\nb = lambda name: 0')
        self.assertEqual(b'a', self.received(1))
        lines = [parent.stdout.readline().strip(), parent.stdout.readline().strip()]
        parent.terminate()
        self.assertEqual(1, self.ended(parent)[0])
        self.assertEqual({'running: 2 processes', 'b ended with status 0'}, set(lines))

    def test_a_process_that_is_killed(self):
        """The signal that ended a process is named."""
        parent = self.start(
            'a = wait\nb = lambda name: os.kill(os.getpid(), signal.SIGKILL)')
        self.received(1)
        lines = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
        parent.terminate()
        self.assertEqual(1, self.ended(parent)[0])
        self.assertIn('b was ended by SIGKILL', lines)

    def test_errors(self):
        """A traceback goes to the log, and so does the text of a SystemExit."""
        parent = self.start('def a(name): 1 / 0\ndef b(name): sys.exit("no broker")')
        status, lines = self.ended(parent)
        self.assertEqual(1, status)
        self.assertEqual({'a ended with status 1', 'b ended with status 1'},
                         set(lines) - {'running: 2 processes'})
        self.assertIn('ZeroDivisionError', (self.directory / 'a.log').read_text())
        self.assertEqual('no broker\n', (self.directory / 'b.log').read_text())

    def test_a_signal_during_the_start(self):
        """After SIGTERM the parent forks no more processes."""
        parent = self.start(interval=3600.0)
        self.assertEqual(b'a', self.received(1))
        parent.terminate()
        self.assertEqual((0, []), self.ended(parent))
        self.assertFalse((self.directory / 'b.log').exists())

    def test_a_parent_that_is_killed(self):
        """If the parent is killed, its processes get SIGTERM."""
        parent = self.start()
        self.received(2)
        parent.kill()
        self.assertEqual(b'..', self.received(2))

    def test_threads(self):
        """A parent with a second thread forks nothing, because a fork copies one thread."""
        parent = self.start('a = b = wait\nimport threading\n'
                            'threading.Thread(target=threading.Event().wait, daemon=True).start()')
        _out, errors = parent.communicate()
        self.assertEqual(1, parent.returncode)
        self.assertIn('threads before the first fork', errors)
        self.assertEqual(b'', self.received(2))
