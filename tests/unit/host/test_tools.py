"""A host's ndctl, daxctl and daxio, with fixed answers instead of persistent memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import fixtures

from tests import base
from vpmem_harness.host.calls import ToolCall
from vpmem_harness.host.layout import Layout
from vpmem_harness.host.service import ToolService
from vpmem_harness.host.tools import AS_USER, Tools
from vpmem_harness.pmem import CommandResult, Contents, Segment
from vpmem_harness.pmem.commands.results import InputWanted
from vpmem_harness.serving import eventloop
from vpmem_harness.serving.deferred import Deferred


class ToolsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.layout = Layout(Path(self.useFixture(fixtures.TempDir()).path) / 'host1')
        self.layout.make()
        self.calls = []
        self.result = CommandResult(0, '[]\n', '')
        self.tools = Tools(self.layout, self.answer)
        loop = eventloop.acquire()
        self.addCleanup(eventloop.release, loop)
        service = ToolService(loop, str(self.layout.tools_socket), self.answer_service)
        self.addCleanup(service.close)
        self.tools.install()
        self.calls.clear()

    def answer(self, call):
        self.calls.append(call)
        return self.result

    def answer_service(self, call):
        return self.tools.call(call)

    def run_tool(self, *words, **options):
        return subprocess.run([str(self.layout.bin / words[0]), *words[1:]], capture_output=True,
                              text=True, check=False, timeout=30, **options)


class ToolsTest(ToolsTestCase):

    def test_a_command_reaches_its_host_word_by_word(self):
        """Spaces, quotes and bytes that are not UTF-8 arrive unchanged."""
        words = ['ndctl', 'create-namespace', '-n', 'a "b" \'c\' $d', os.fsdecode(b'\xff')]
        self.run_tool(*words)
        self.assertEqual([words], [call.words for call in self.calls])

    def test_status_and_both_outputs_come_back(self):
        """The stand-in exits with the status of the host, and prints both outputs."""
        self.result = CommandResult(237, 'out\n', 'err\n')
        done = self.run_tool('ndctl', 'create-namespace')
        self.assertEqual((237, 'out\n', 'err\n'), (done.returncode, done.stdout, done.stderr))

    def test_a_payload_follows_the_output(self):
        """The contents of a device arrive as bytes, zeros where nothing was written."""
        self.result = CommandResult(0, '', 'copied\n', Contents((Segment(5_000_000, None),)))
        done = subprocess.run([str(self.layout.bin / 'daxio')], capture_output=True, check=False,
                              timeout=30)
        self.assertEqual((5_000_000, 0), (len(done.stdout), len(done.stdout.strip(b"\0"))))

    def test_the_directory_of_the_caller_is_known(self):
        """The host needs it for relative paths."""
        self.run_tool('daxio', cwd='/usr')
        self.assertEqual('/usr', self.calls[0].directory)

    def test_a_terminal_is_known(self):
        """The output of a command may depend on it."""
        self.run_tool('ndctl', 'create-namespace')
        terminal, other_end = os.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, other_end)
        subprocess.run([str(self.layout.bin / 'ndctl'), 'create-namespace'], stdout=other_end,
                       check=False, timeout=30)
        self.assertEqual([False, True], [call.terminal for call in self.calls])

    def test_standard_input_is_read_when_it_is_wanted(self):
        """A command reads as many bytes as it needs, and no more."""
        def answer(call):
            if call.stdin is None:
                raise InputWanted(1000)
            return CommandResult(0, f'{call.stdin}', '')

        self.answer = answer
        self.tools = Tools(self.layout, answer)
        for data, wanted in (('\0' * 5000, Segment(1000, None)),
                             ('x\n', Segment(2, 'daxio')), ('', Segment(0, None))):
            with tempfile.TemporaryFile('w+') as file:
                file.write(data)
                file.seek(0)
                done = self.run_tool('daxio', '-o', '/dev/dax0.0', stdin=file)
                self.assertEqual(f'{Contents((wanted,))}', done.stdout)
                self.assertEqual(wanted.length, file.tell())

    def test_a_caller_without_privileges_is_known(self):
        """A variable removes privileges; the listings of root are not used then."""
        self.run_tool('ndctl', 'list', '-X')
        environment = {**os.environ, AS_USER: '1'}
        self.run_tool('ndctl', 'list', '-X', env=environment)
        self.run_tool('ndctl', 'list', '-X', env=environment)
        self.assertEqual([True], [call.as_user for call in self.calls])

    def test_the_listing_of_a_compute_service_does_not_ask_the_host(self):
        """``ndctl list -X`` is rendered when the tools are installed."""
        done = self.run_tool('ndctl', 'list', '-X')
        self.assertEqual(('[]\n', []), (done.stdout, self.calls))

    def test_one_word_with_a_space_is_not_two(self):
        """``ndctl 'list -X'`` is not a listing."""
        self.result = CommandResult(1, '', 'unknown command\n')
        self.assertEqual(1, self.run_tool('ndctl', 'list -X').returncode)

    def test_a_change_takes_the_rendered_listing_back(self):
        """No outdated listing is printed."""
        self.result = CommandResult(0, '[1]\n', '')
        self.tools.forget()
        self.assertEqual('[1]\n', self.run_tool('ndctl', 'list', '-X').stdout)

    def test_an_answer_that_changes_came_before_is_not_kept(self):
        """A listing made before a change is never used after it."""
        def answer(call):
            self.tools.forget()
            return CommandResult(0, 'stale\n', '')

        self.tools = Tools(self.layout, answer)
        self.tools.call(ToolCall(['ndctl', 'list', '-N']))
        self.tools = Tools(self.layout, self.answer)
        self.assertEqual('[]\n', self.run_tool('ndctl', 'list', '-N').stdout)

    def test_a_second_listing_of_the_same_kind_does_not_ask_again(self):
        """The second listing is printed without asking the host."""
        self.run_tool('ndctl', 'list', '-NRDv')
        self.run_tool('ndctl', 'list', '-NRDv')
        self.assertEqual(1, len(self.calls))

    def test_a_result_that_comes_later_is_waited_for(self):
        """A command can take time without blocking other hosts."""
        later = Deferred()
        self.tools.call = lambda call: later
        process = subprocess.Popen([str(self.layout.bin / 'daxio')], stderr=subprocess.PIPE)
        later.resolve(CommandResult(3, '', 'late\n'))
        _, error = process.communicate(timeout=30)
        self.assertEqual((3, b'late\n'), (process.returncode, error))


    def test_input_can_be_wanted_later(self):
        """A deferred command can ask for standard input."""
        def answer(call):
            later = Deferred()
            if call.stdin is None:
                later.fail(InputWanted(1))
            else:
                later.resolve(CommandResult(0, f'{call.stdin.length}', ''))
            return later

        self.tools.call = answer
        self.assertEqual('1', self.run_tool('daxio', '-o', '/dev/dax0.0', input='xyz').stdout)

    def test_a_failure_of_the_host_ends_the_call(self):
        """The stand-in does not wait for an answer that will not come."""
        def answer(call):
            raise ZeroDivisionError

        self.tools.call = answer
        self.useFixture(fixtures.FakeLogger())
        done = self.run_tool('ndctl', 'list', '-N')
        self.assertEqual((1, 'ndctl: the simulated host does not answer: it went away in the '
                          'middle of the call\n'), (done.returncode, done.stderr))

    def test_what_is_no_request_is_hung_up_on(self):
        """A wrong line, a line without an end and too many words close the connection."""
        self.useFixture(fixtures.FakeLogger())
        for request in (b'GET / HTTP/1.1\n', b'1' * 100, b'9999999999 0 0 1\n', b'3 0 0 1\na\0b'):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(30)
                connection.connect(str(self.layout.tools_socket))
                connection.sendall(request)
                self.assertEqual(b'', connection.recv(1), request)
        self.assertEqual([], self.calls)

    def test_a_listing_may_name_what_is_not_utf8(self):
        """Its answer is kept like another."""
        for _ in range(2):
            done = self.run_tool('ndctl', 'list', '-r', os.fsdecode(b'\xff'))
            self.assertEqual((0, '[]\n', ''), (done.returncode, done.stdout, done.stderr))
        self.assertEqual(1, len(self.calls))


class StandardStreamsTest(ToolsTestCase):
    """Streams that are full, closed or abandoned, with results recorded from ndctl 76.1."""

    def run_shell(self, command: str) -> tuple[int, str]:
        """Run a command of the host in a shell: status and standard error."""
        done = subprocess.run(['sh', '-c', command], capture_output=True, text=True, check=False,
                              timeout=30, env={**os.environ, 'PATH':
                                               f'{self.layout.bin}:{os.environ["PATH"]}'})
        return done.returncode, done.stderr

    def test_ndctl_fails_if_its_output_has_no_space(self):
        """It names the reason, whether or not the host has rendered the listing."""
        message = 'write failure on standard output: No space left on device'
        for command in ('ndctl list -X', 'ndctl version', 'daxctl list'):
            self.assertEqual((1, message), self.run_shell(f'{command} >/dev/full'), command)

    def test_a_failed_command_keeps_its_status(self):
        """Output that is lost does not matter then."""
        self.result = CommandResult(237, 'out', 'err\n')
        self.assertEqual((237, 'err\n'), self.run_shell('ndctl create-namespace >/dev/full'))
        self.assertEqual((237, ''), self.run_shell('ndctl create-namespace 2>/dev/full'))

    def test_daxio_ignores_output_that_is_lost(self):
        """It does not check the result of its writes."""
        self.assertEqual((0, ''), self.run_shell('daxio -V >/dev/full'))

    def test_a_closed_stream_loses_the_output(self):
        """The status stays, and no connection takes the number of the stream."""
        for command in ('ndctl list -X >&-', 'ndctl version >&-', 'ndctl version 2>&-',
                        'ndctl list -X 2>&-', 'ndctl version <&-'):
            self.assertEqual((0, ''), self.run_shell(command), command)

    def test_an_abandoned_pipe_ends_the_command(self):
        """SIGPIPE ends it, as it ends every program."""
        for words in (['ndctl', 'list', '-X'], ['ndctl', 'version']):
            with subprocess.Popen([str(self.layout.bin / words[0]), *words[1:]],
                                  stdout=self.abandoned()) as process:
                self.assertEqual(-signal.SIGPIPE, process.wait(30), words)

    def abandoned(self) -> int:
        """The end to write to of a pipe that nobody reads."""
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        return writer


class WithoutHostTest(base.TestCase):

    def test_a_stand_in_fails_without_its_host(self):
        """It reports an error, and does not run the system's ndctl."""
        layout = Layout(Path(self.useFixture(fixtures.TempDir()).path) / 'host1')
        layout.make()
        Tools(layout, lambda call: CommandResult(1, '', '')).install()
        done = subprocess.run([str(layout.bin / 'ndctl'), 'list'], capture_output=True, text=True,
                              check=False, timeout=30)
        self.assertEqual(1, done.returncode)
        self.assertIn('does not answer', done.stderr)
