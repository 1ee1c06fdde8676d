"""A traceback keeps the names of code, and gives away no more than a log line does."""

from __future__ import annotations

import os
import time

import fixtures
import testtools

from vpmem_harness.fixtures import LogLeakCheck
from vpmem_harness.safelog.redaction import Redactor

PROJECT = '/home/alice/work/nova-tests'


def traceback(source: str, *, path: str = '/srv/x.py', name: str = 'test', before: str = '') -> str:
    return (f'{before}Traceback (most recent call last):\n'
            f'{before}  File "{path}", line 55, in {name}\n'
            f'{before}    {source}\n'
            f'{before}ValueError: no\n')


class TracebackTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch('os.getcwd', lambda: PROJECT))
        self.redactor = Redactor({})
        self.redactor.protect('alice', 'user')

    def redact(self, text: str) -> str:
        once = self.redactor.redact(text)
        self.assertEqual(once, self.redactor.redact(once), 'a second time changes something')
        return once


class SourceLineTest(TracebackTest):

    def assertSource(self, expected: str, source: str, **options: str) -> None:
        self.assertEqual(traceback(expected, **options), self.redact(traceback(source, **options)))

    def test_names_after_host_stay(self):
        """An identifier and a chain of attributes name no host."""
        for source in ('raise ComputeHostNotFound(host=host)', 'self.check(host=self.host, a=1)',
                       'hostname: str = CONF.host', 'boot(user=user, project_id=self.project.id)',
                       'host = hosts[0].name'):
            with self.subTest(source):
                self.assertSource(source, source)

    def test_literals_after_host_go(self):
        """What is written out in the source is a value."""
        for quote in ('"', "'"):
            for prefix in ('', 'f', 'rb', 'u'):
                with self.subTest(prefix + quote):
                    self.assertSource(f'boot(host={prefix}{quote}<host:1>{quote})',
                                      f'boot(host={prefix}{quote}compute-7{quote})')
        self.assertSource('boot("host=<host:1>")', 'boot("host=compute-7")')
        self.assertSource('boot()  # host=<host:1>', 'boot()  # host=compute-7')
        self.assertSource("boot('\"', host='<host:1>')", "boot('\"', host='compute-7')")

    def test_what_is_no_name_goes(self):
        """With a dash it is a host's name, and no identifier."""
        self.assertSource('host=<host:1>', 'host=compute-7')

    def test_a_host_named_as_an_identifier_begins(self):
        """On a machine that is called vm, variables keep their names, and strings do not."""
        self.redactor.protect('vm', 'host')
        host = self.redactor.pseudonyms.of('host', 'vm')
        self.assertSource(f"vm.start(vm_state, '{host}', '{host}_state')",
                          "vm.start(vm_state, 'vm', 'vm_state')", name='test_vm')

    def test_the_whole_line_of_a_log_may_be_before(self):
        """oslo.log writes the time and the logger before each line of a traceback."""
        for before in ('2026-11-21 12:00:00.000 7 ERROR nova.virt ', '  | ', '    '):
            with self.subTest(before):
                self.assertSource('f(host=host)', 'f(host=host)', before=before)

    def test_a_log_line_is_no_source(self):
        """Elsewhere the same text names a host: next to a traceback, and when it is a local's."""
        self.redactor.protect('vm', 'host')
        for text in ('host=compute7', '    host=compute7', '    host = compute7',
                     f'{traceback("f()")}    host=compute7',
                     '  File "/srv/x.py", line 55, in f\n    f()\n    host = compute7',
                     '  File "/srv/x.py", line 55, in f\nhost=compute7',
                     'a   File "/srv/x.py", line 55, in f\nb     host=compute7'):
            with self.subTest(text):
                self.assertNotIn('compute7', self.redact(text))
        self.assertNotIn('vm', self.redact('vm_state of vm'))

    def test_the_leak_check_looks_the_same_way(self):
        """A name in a line of source is no leak, and in the line below it is one."""
        self.redactor.protect('vm', 'host')
        check = LogLeakCheck()
        check._redactor = self.redactor
        check.look_at('output', traceback('vm.start(vm_state)') + 'on vm\n')
        self.assertEqual(['host in output, line 5: on ***'], check.leaks())

    def test_no_traceback_takes_long(self):
        """Texts made to keep the look for source busy take time in proportion to their length."""
        for piece in ('  File "', '  File "a", line 1', '  File "a", line 1\n    ', "host='",
                      'host=a.b ', '  File "a", line 1, in x\n    host=a ' + "host='a" * 500):
            text = piece * (20_000 // len(piece))
            begun = time.process_time()
            self.redactor.redact(text)
            with self.subTest(piece):
                self.assertLess(time.process_time() - begun, 1.0)


class FileTest(TracebackTest):

    def assertPlace(self, expected: str, path: str) -> None:
        line = '  File "{}", line 55, in test\n'
        self.assertEqual(line.format(expected), self.redact(line.format(path)))

    def test_below_the_project(self):
        """A test's own file stands with its path from where the tests are run."""
        self.assertPlace('<cwd>/tests/test_x.py', f'{PROJECT}/tests/test_x.py')
        self.assertIn('File \\"<cwd>/a.py\\"', self.redact(f'{{"t": "File \\"{PROJECT}/a.py\\""}}'))

    def test_below_what_python_imports_from(self):
        """Another project's file stands with the path of its module."""
        self.useFixture(fixtures.MonkeyPatch('sys.path', ['', '/home/alice/other/src']))
        self.assertPlace('<sys.path>/pkg/mod.py', '/home/alice/other/src/pkg/mod.py')

    def test_elsewhere(self):
        """What is in neither has no name, and no more has what is only called alike."""
        for path in ('/home/alice/other/test_x.py', f'{PROJECT}-2/test_x.py'):
            self.assertPlace(self.redactor.pseudonyms.of('path', path), path)

    def test_a_home_is_no_project(self):
        """Of a program that runs at home only the files that lie there have names."""
        self.useFixture(fixtures.MonkeyPatch('os.getcwd', lambda: '/home/alice'))
        self.useFixture(fixtures.MonkeyPatch('sys.path', ['/run/user/7', os.path.expanduser('~')]))
        self.redactor = Redactor({})
        self.assertPlace('<cwd>/test_x.py', '/home/alice/test_x.py')
        self.assertPlace('<sys.path>/test_y.py', '/run/user/7/test_y.py')
        for path in ('/home/alice/customer/test_x.py', '/run/user/7/customer/test_x.py'):
            self.assertNotIn('customer', self.redact(f'  File "{path}", line 1'))

    def test_other_paths_below_the_project(self):
        """Only a file of code in a traceback has a name."""
        for text in (f'opened {PROJECT}/a.py', f'"{PROJECT}/a.py"',
                     f'  File "{PROJECT}/secret.txt", line 1'):
            self.assertIn('<path:', self.redact(text))
