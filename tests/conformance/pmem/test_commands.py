"""Comparison of the simulated and installed tools on a machine without persistent memory."""

from __future__ import annotations

import pathlib
import shlex
import shutil
import subprocess

from tests import base
from vpmem_harness.pmem import CommandResult, PersistentMemory
from vpmem_harness.releases import DEBIAN_12, DEBIAN_13

_COMMANDS = pathlib.Path(__file__).with_name('commands.txt').read_text().splitlines()


def real(argv: list[str]) -> CommandResult:
    """Run the installed tool."""
    done = subprocess.run(argv, capture_output=True, text=True, errors='surrogateescape',
                          check=False, timeout=60,
                          stdin=subprocess.DEVNULL)
    return CommandResult(done.returncode, done.stdout, done.stderr)


class CommandLineTest(base.TestCase):
    """Options, usage and error texts of each command line in ``commands.txt``."""

    def _compare(self, tool: str, package: str, option: str) -> None:
        if not shutil.which(tool):
            self.skipTest(f'{tool} is not installed')
        if any(pathlib.Path('/sys/bus/nd/devices').glob('*')):
            self.skipTest('this machine has persistent memory, which is left alone')
        installed = real([tool, option]).stdout.strip()
        release = next((release for release in (DEBIAN_12, DEBIAN_13)
                        if getattr(release, package) == installed), None)
        if release is None:
            self.skipTest(f'{tool} {installed} is installed, which is not simulated')
        memory = PersistentMemory([], release=release)
        differences = []
        for line in _COMMANDS:
            argv = shlex.split(line)
            if argv[0] == tool and (theirs := real(argv)) != (ours := memory.run(argv)):
                differences.append(f'{line}\n  real:      {theirs}\n  simulated: {ours}')
        self.assertEqual([], differences, '\n'.join(differences))

    def test_ndctl(self) -> None:
        """ndctl parses and refuses command lines as the installed one does."""
        self._compare('ndctl', 'ndctl', '--version')

    def test_daxctl(self) -> None:
        """daxctl parses and refuses command lines as the installed one does."""
        self._compare('daxctl', 'ndctl', '--version')

    def test_daxio(self) -> None:
        """daxio parses and refuses command lines as the installed one does."""
        self._compare('daxio', 'daxio', '-V')
