"""Files of code are shown by the package they belong to, wherever it is installed."""

from __future__ import annotations

import os
import sys

import fixtures
import testtools

import vpmem_harness
from vpmem_harness.safelog import tracebacks
from vpmem_harness.safelog.machine import Machine
from vpmem_harness.safelog.redaction import Redactor

SITE = '/home/alice/venv/lib/python3.11/site-packages'


class InstalledTest(testtools.TestCase):
    """As after ``pip install`` of a wheel: the harness lies beside Nova."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch('sys.prefix', '/home/alice/venv'))
        self.useFixture(fixtures.MonkeyPatch('sys.path', ['', SITE, *sys.path]))
        self.useFixture(fixtures.MonkeyPatch(
            'vpmem_harness.safelog.tracebacks.__file__',
            f'{SITE}/vpmem_harness/safelog/tracebacks.py'))
        self.redactor = Redactor({}, machine=Machine('zeus', 'alice', '/home/alice'))

    def assertShown(self, expected: str, path: str) -> None:
        for text in ('{}', '  File "{}", line 55, in f', 'in {}:55'):
            with self.subTest(text):
                self.assertEqual(text.format(expected), self.redactor.redact(text.format(path)))

    def test_module_of_another_project(self):
        """It is not the harness's."""
        self.assertShown('<sys.path>/nova/compute/manager.py', f'{SITE}/nova/compute/manager.py')

    def test_module_of_the_harness(self):
        """It is shown from its package on, as in a checkout."""
        self.assertShown('<vpmem_harness>/cloud/server.py', f'{SITE}/vpmem_harness/cloud/server.py')

    def test_programs_of_the_environment(self):
        """They are below Python's prefix."""
        self.assertShown('<python>/bin/virsh', '/home/alice/venv/bin/virsh')

    def test_another_environment(self):
        """Its packages may be somebody's own."""
        self.assertShown('<path:1>', '/home/alice/other/lib/python3.11/site-packages/customer/x.py')


class CheckoutTest(testtools.TestCase):

    def test_module_of_the_harness(self):
        """It is shown from its package on, wherever the checkout is."""
        path = os.path.join(os.path.dirname(vpmem_harness.__file__), 'cloud', 'server.py')
        self.assertEqual('  File "<vpmem_harness>/cloud/server.py", line 1',
                         Redactor({}).redact(f'  File "{path}", line 1'))

    def test_file_below_the_directory_of_the_tests(self):
        """It is shown from there on, also if it lies below nobody's home."""
        self.useFixture(fixtures.MonkeyPatch('os.getcwd', lambda: '/srv/customer/project'))
        self.assertEqual('  File "<cwd>/tests/test_x.py", line 1', Redactor({}).redact(
            '  File "/srv/customer/project/tests/test_x.py", line 1'))

    def test_the_longest_directory_first(self):
        """What lies in site-packages is not shown from Python's prefix on."""
        lengths = [len(root) for root, _ in tracebacks.code_roots()]
        self.assertEqual(sorted(lengths, reverse=True), lengths)


class SpacesTest(testtools.TestCase):
    """Names with spaces are hidden as a whole, and the words after them are shown."""

    def setUp(self) -> None:
        super().setUp()
        self.redactor = Redactor({}, machine=Machine('zeus', 'alice', '/home/alice'))

    def test_a_file_that_exists(self):
        """The name ends where the longest name of an existing file ends."""
        place = os.path.join(self.useFixture(fixtures.TempDir()).path, 'My Rack', 'row 2')
        os.makedirs(place)
        for text, expected in (
                (f'rootdir: {place}', 'rootdir: <path:1>'),
                (f'open {place}/missing.txt failed', 'open <path:2> failed'),
                (f'in {place}: line 3', 'in <path:1>: line 3'),
                (f'{place}. It is there.', '<path:1>. It is there.')):
            self.assertEqual(expected, self.redactor.redact(text))

    def test_a_protected_directory(self):
        """It need not exist, and the names below it are shown."""
        self.redactor.protect('/home/alice/my rack', 'path')
        self.assertEqual('<path:1>/host1/libvirt-sock is there', self.redactor.redact(
            '/home/alice/my rack/host1/libvirt-sock is there'))

    def test_a_path_that_was_seen_in_quotes(self):
        """It and its directory are hidden without quotes, too."""
        self.assertEqual("'<path:1>' <path:1> and <path:2> go", self.redactor.redact(
            "'/home/alice/my rack/a' /home/alice/my rack/a and /home/alice/my rack go"))

    def test_an_escaped_space(self):
        """A backslash before a space makes it a part of the name, as in a shell."""
        self.assertEqual('cd <path:1> && ls',
                         self.redactor.redact('cd /home/alice/my\\ rack/a && ls'))

    def test_an_element_of_xml(self):
        """An element that contains a path contains nothing else."""
        self.assertEqual('<path><path:1></path>',
                         self.redactor.redact('<path>/home/alice/my rack/a</path>'))

    def test_words_after_a_path(self):
        """Words that belong to no file are shown, also those with a slash."""
        self.assertEqual('cp <path:1> build/y and more',
                         self.redactor.redact('cp /home/alice/x build/y and more'))
