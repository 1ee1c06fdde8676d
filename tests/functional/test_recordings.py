"""Recorded sessions, replayed through the executables on PATH as by a user."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import fixtures

from tests import base
from tests.unit.pmem import replay
from tests.unit.pmem.test_recordings import KNOWN_DIFFERENCES
from vpmem_harness.pmem import CommandResult
from vpmem_harness.pmem.inventory.spec import format_size

HARNESS = [sys.executable, '-m', 'vpmem_harness.cli']

#: Files on the recorded machine, and files that the sessions create.
FILES = {'/tmp/rnd': '1MiB', '/tmp/reg': '4MiB', '/tmp/outfile': '1B'}  # noqa: S108


def other_users_command(command: str) -> str:
    """Return the command of ``su nobody -c``; older recordings have lost its quotes."""
    words = command.removeprefix('su nobody -c ')
    return shlex.split(words)[0] if words.startswith("'") else words


class Shell(replay.Session):
    """Shell in ``vpmem-harness run`` that runs the commands of a recording's rows."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # the process has the memory
        self._process = process
        self._out, self._err = directory / 'out', directory / 'err'

    def run(self, row: replay.Row) -> CommandResult:
        """Return the output of a row's command in the shell."""
        command = re.sub(r' > /out/\S+$', '', self._uuids.command(row.command))
        if command == 'reboot':
            return self._sh(f'{sys.executable} -m vpmem_harness.cli reboot')
        if command.startswith('su nobody -c '):
            return self._sh(f'VPMEM_HARNESS_AS_USER=1 {other_users_command(command)}')
        if command.startswith('sh -c '):
            # The shell cannot open a simulated device; opening it would only delay other commands.
            command = next(part for part in re.split('[;&]', command) if 'ndctl' in part)
        return self._sh(command)

    def _sh(self, command: str) -> CommandResult:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(f'{{ {command}\n}} > {self._out} 2> {self._err} < /dev/null; echo $?\n')
        stdin.flush()
        status = int(stdout.readline())
        return CommandResult(status, self._out.read_text(), self._err.read_text())

    def _before(self, row: replay.Row) -> None:
        """Ignore a file that the script removed: a shell cannot reach it."""


class SessionTest(base.TestCase):
    """Outputs equal the recordings byte for byte, with UUIDs mapped one to one."""

    def start(self, name: str) -> tuple[Shell, list[replay.Row]]:
        """Return a shell on the machine of a recording, and the recording's rows."""
        recording, rows = replay.load(name)
        dimms = [f'--dimm={format_size(dimm["size"])},numa={dimm["numa_node"]}'
                 + (f',area={format_size(dimm["label_area"])}' if dimm['label_area']
                    else ',labels=no')
                 for dimm in recording['dimms']]
        files = [f'--file={path}={size}' for path, size in FILES.items()]
        process = subprocess.Popen(
            [*HARNESS, 'run', *dimms, *files, '--', 'sh'], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, 'LC_ALL': 'C'})
        self.addCleanup(process.wait)
        self.addCleanup(process.communicate)
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        return Shell(process, directory), rows

    def replay(self, name: str, known: Collection[str] = (), omitted: Collection[str] = (),
               listings: int = 1) -> None:
        """Run the rows, and check that only the known ones differ.

        Of rows that only list and change nothing, every nth is run. Rows of the omitted steps are
        not run.
        """
        shell, rows = self.start(name)
        run = [row for row in rows
               if row.step not in omitted
               and ('ctl list ' not in row.command or row.number % listings == 0)]
        differences = {row.step: difference for row in run
                       if (difference := shell.difference(row))}
        self.assertEqual('', '\n\n'.join(
            difference for step, difference in differences.items() if step not in known))
        self.assertEqual({row.step for row in run if row.step in known}, set(differences),
                         'rows that replay are not exceptions')

    def test_session_a(self) -> None:
        """Session a: from blank labels to mixed modes, and daxio."""
        # No process sees the files that daxio creates in a simulated /dev. One of them hides a
        # device until the recording's script removes it, which a shell cannot do here.
        self.replay('session-a.jsonl', ['06-daxio/zero_missing_left_behind'],
                    omitted=['07-disable/daxio_on_disabled'], listings=5)

    def test_session_errors(self) -> None:
        """Session errors: error cases, and commands without permission."""
        self.replay('session-errors.jsonl')

    def test_session_labels(self) -> None:
        """Session labels: label states, a machine of four DIMMs, filters, a reboot."""
        self.replay('session-labels.jsonl', KNOWN_DIFFERENCES['session-labels.jsonl'],
                    listings=5)

    def test_session_regions(self) -> None:
        """Session regions: a machine of eight DIMMs, names, alignments, a reboot."""
        self.replay('session-regions.jsonl')
