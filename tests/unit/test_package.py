"""The package's name, version and imports."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import testtools

import vpmem_harness

#: Packages that only the command line needs.
COMMAND_LINE = {'cliff', 'cmd2', 'rich', 'prompt_toolkit', 'pyperclip'}


def imported(code: str) -> set[str]:
    """Return the names of the packages that a program imports."""
    done = subprocess.run(
        [sys.executable, '-c', f'{code}\nimport sys\nprint(*sys.modules)'],
        stdout=subprocess.PIPE, text=True, check=True)
    return {name.partition('.')[0] for name in done.stdout.split()}


class PackageTest(testtools.TestCase):

    def test_the_version_is_that_of_the_metadata(self) -> None:
        """The version is looked up on access; unknown attributes do not exist."""
        self.assertEqual(importlib.metadata.version('vpmem-harness'), vpmem_harness.__version__)
        self.assertRaises(AttributeError, lambda: vpmem_harness.version)

    def test_the_package_imports_nothing(self) -> None:
        """The top-level package imports neither its own modules nor other packages."""
        self.assertEqual(set(), imported('import vpmem_harness') & {
            'libvirt', 'lxml', 'testtools', 'fixtures', 'oslo_config', *COMMAND_LINE})

    def test_fixtures_do_not_import_the_command_line(self) -> None:
        """Neither fixtures nor the test case import cliff, which only commands need."""
        code = ('from vpmem_harness import fixtures, testcase\n'
                'for name in fixtures.__all__: getattr(fixtures, name)')
        self.assertEqual(set(), imported(code) & COMMAND_LINE)

    def test_running_the_package_runs_the_command(self) -> None:
        """``python -m vpmem_harness`` runs the command line."""
        done = subprocess.run([sys.executable, '-m', 'vpmem_harness', '--version'],
                              stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(f'vpmem-harness {vpmem_harness.__version__}\n', done.stdout)
