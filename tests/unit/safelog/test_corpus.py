"""Lines as Nova, its libraries, libvirt and ndctl write them, and what redaction makes of them.

The corpus gives the same results on every machine: names such as ``test`` or ``server`` are words
of these lines as well.
"""

from __future__ import annotations

import ast
import pathlib

import testtools
from testtools import content

import vpmem_harness
from tests.unit.safelog import corpus
from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog.machine import Machine
from vpmem_harness.safelog.redaction import Redactor

#: A machine whose names stand in no line, and machines that are called by ordinary words.
MACHINES = [
    Machine('zeus-4', 'gaia', '/home/gaia'), Machine('vm', 'root', '/root'),
    Machine('test', 'test', '/home/test'), Machine('server', 'nova', '/var/lib/nova'),
    Machine('nova', 'stack', '/opt/stack'), Machine('compute', 'server', '/'),
    Machine('build', 'runner', '/home/runner'), Machine('state', 'build', '/srv'),
    Machine('nova-compute', 'vm', '/usr/sbin'), Machine('host', 'user', '/home/user'),
    Machine('host1', 'admin', '/root'), Machine('path', 'python', '/usr')]


#: Functions that make an error of the harness, besides the classes of errors.
ERRORS = {'refusal'}


def texts_of_errors() -> list[str]:
    """Return the constant texts that the package passes to its errors."""
    return [
        text.value for path in pathlib.Path(vpmem_harness.__file__).parent.rglob('*.py')
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and is_error(ast.unparse(call.func))
        for text in ast.walk(call)
        if isinstance(text, ast.Constant) and isinstance(text.value, str)]


def is_error(function: str) -> bool:
    """Whether a function makes an error of the harness."""
    name = function.rpartition('.')[2]
    return name in ERRORS or name.endswith('Error')


class CorpusTest(testtools.TestCase):

    def check(self, group: str) -> None:
        """Compare: each line of the group becomes what is expected of it, on every machine."""
        placeholders = corpus.Placeholders(self.useFixture(TestSeed()).randomness)
        wrong: list[str] = []
        for machine in MACHINES:
            for case in corpus.cases(group):
                text = placeholders.fill(case.text)
                redactor = Redactor({}, machine=machine)
                redactor.simulate('host1')
                found = redactor.redact(text)
                expected = placeholders.fill(case.expected)
                if found != expected:
                    wrong.append(f'{group}.txt, line {case.number}, on a machine called '
                                 f'{machine.host}:\n  text     {text}\n  expected {expected}\n'
                                 f'  became   {found}\n')
                elif redactor.redact(found) != found:
                    wrong.append(f'{group}.txt, line {case.number}: a second time changes it\n')
        self.addDetail('lines', content.text_content('\n'.join(wrong)))
        self.assertEqual([], [line.split('\n')[0] for line in wrong])

    def test_commands(self):
        """Command lines keep their options and hide what is given to those that take a secret."""
        self.check('commands')

    def test_forms(self):
        """Host names with a domain differ from modules, attributes, files and versions."""
        self.check('forms')

    def test_harness(self):
        """The harness's own errors, and prose of the same form, stay as they are."""
        self.check('harness')

    def test_http(self):
        """URLs, headers and bodies of requests."""
        self.check('http')

    def test_libvirt(self):
        """libvirt's errors and documents, and QEMU's command lines."""
        self.check('libvirt')

    def test_ndctl(self):
        """Listings and messages of ndctl, daxctl and daxio."""
        self.check('ndctl')

    def test_nova(self):
        """What Nova's services and Placement log."""
        self.check('nova')

    def test_oslo(self):
        """Dumps of options, messaging, databases, privsep."""
        self.check('oslo')

    def test_tracebacks(self):
        """A value is shown the same way in a line of source and in the message below."""
        self.check('tracebacks')


class CompletenessTest(testtools.TestCase):

    def test_every_group_has_a_test(self):
        """A file that nobody reads proves nothing."""
        tests = [name[5:] for name in dir(CorpusTest) if name.startswith('test_')]
        self.assertEqual(corpus.GROUPS, sorted(tests))

    def test_enough_lines(self):
        """There are several hundred texts, many of which have to stay as they are."""
        cases = [case for group in corpus.GROUPS for case in corpus.cases(group)]
        self.assertGreaterEqual(len(cases), 400)
        self.assertGreaterEqual(len([case for case in cases if case.text == case.expected]), 150)

    def test_no_placeholder_is_given_away(self):
        """No UUID, address or secret of the corpus is in what redaction makes of it."""
        placeholders = corpus.Placeholders(self.useFixture(TestSeed()).randomness)
        for group in corpus.GROUPS:
            for case in corpus.cases(group):
                found = Redactor({}).redact(placeholders.fill(case.text))
                for value in placeholders.identifying:
                    self.assertNotIn(value, found, f'{group}.txt, line {case.number}')


class ErrorsTest(testtools.TestCase):

    def test_examples_in_errors(self):
        """The examples in the harness's own errors are not taken for values to hide."""
        texts = set(texts_of_errors())
        self.assertGreater(len(texts), 500)
        redactor = Redactor({}, machine=MACHINES[0])
        self.assertEqual([], sorted(text for text in texts if redactor.redact(text) != text))
