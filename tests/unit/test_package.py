"""What the package is called, and what it imports."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import testtools

import vpmem_harness

#: What only the command line needs.
COMMAND_LINE = {'cliff', 'cmd2', 'rich', 'prompt_toolkit', 'pyperclip'}


def imported(code: str) -> set[str]:
    """The names of the packages that are imported by a program."""
    done = subprocess.run(
        [sys.executable, '-c', f'{code}\nimport sys\nprint(*sys.modules)'],
        stdout=subprocess.PIPE, text=True, check=True)
    return {name.partition('.')[0] for name in done.stdout.split()}


class PackageTest(testtools.TestCase):

    def test_the_version_is_that_of_the_metadata(self) -> None:
        """It is looked up when it is used; other names do not exist."""
        self.assertEqual(importlib.metadata.version('vpmem-harness'), vpmem_harness.__version__)
        self.assertRaises(AttributeError, lambda: vpmem_harness.version)

    def test_the_package_imports_nothing(self) -> None:
        """Neither its own modules nor those of others."""
        self.assertEqual(set(), imported('import vpmem_harness') & {
            'libvirt', 'lxml', 'testtools', 'fixtures', 'oslo_config', *COMMAND_LINE})

    def test_fixtures_do_not_import_the_command_line(self) -> None:
        """Nor does the test case: cliff is for commands alone."""
        code = ('from vpmem_harness import fixtures, testcase\n'
                'for name in fixtures.__all__: getattr(fixtures, name)')
        self.assertEqual(set(), imported(code) & COMMAND_LINE)

    def test_the_package_is_the_command(self) -> None:
        """``python -m vpmem_harness`` prints the version, for example."""
        done = subprocess.run([sys.executable, '-m', 'vpmem_harness', '--version'],
                              stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(f'vpmem-harness {vpmem_harness.__version__}\n', done.stdout)
