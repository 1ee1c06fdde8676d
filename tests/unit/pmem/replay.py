"""Replays a recorded session on a simulated machine and compares row by row."""

from __future__ import annotations

import dataclasses
import difflib
import json
import pathlib
import re
from typing import Any

from tests.unit.pmem.shell import Shell
from vpmem_harness.pmem import CommandResult, DimmSpec, PersistentMemory
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEBIAN_12, DEBIAN_13

RECORDINGS = pathlib.Path(__file__).parents[2] / 'golden' / 'ndctl'

_UUID = re.compile(r'\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b')


@dataclasses.dataclass(frozen=True)
class Row:
    """One recorded command with what it printed."""

    number: int
    step: str
    command: str
    rc: int = 0
    out: str = ''
    err: str = ''
    compared: bool = True


def load(name: str | pathlib.Path) -> tuple[dict[str, Any], list[Row]]:
    """The machine of a recording, and its rows."""
    lines = (RECORDINGS / name).read_text().splitlines()
    machine, *records = map(json.loads, lines)
    return machine, [_row(number, record) for number, record in enumerate(records, 1)]


def _row(number: int, record: dict[str, Any]) -> Row:
    if 'cmd' not in record:
        return Row(number, '', record.get('setup', 'reboot'), compared=False)
    return Row(number, record['step'], record['cmd'], record['rc'], record['out'], record['err'])


_RELEASES = {release.ndctl: release for release in (DEBIAN_12, DEBIAN_13)}

#: The nodes of the recorded machines that have CPUs and memory. A DIMM on another one is memory of
#: its own node, and near the first of these.
_NODES = (0, 1)


def machine_of(recording: dict[str, Any]) -> PersistentMemory:
    """The machine that a recording was made on."""
    return PersistentMemory([
        DimmSpec(dimm['size'], numa_node=node if node in _NODES else _NODES[0], target_node=node,
                 labels=dimm['labels'], label_area=dimm['label_area'])
        for dimm in recording['dimms'] for node in [dimm['numa_node']]],
        randomness=Randomness(0), release=_RELEASES[recording['ndctl']])


class SameUUIDs:
    """Maps UUIDs of one side to those of the other, one to one, for a whole session."""

    def __init__(self) -> None:
        self._theirs: dict[str, str] = {}
        self._ours: dict[str, str] = {}

    def translate(self, recorded: str, simulated: str) -> str:
        """``simulated`` with each UUID replaced by its counterpart.

        Counterparts are paired where they first stand at the same place. One that stands for two
        others keeps its own form, and so makes a difference.
        """
        for theirs, ours in zip(_UUID.findall(recorded), _UUID.findall(simulated), strict=False):
            if theirs.strip('0-') and ours.strip('0-') \
                    and theirs not in self._theirs and ours not in self._ours:
                self._theirs[theirs], self._ours[ours] = ours, theirs
        return _UUID.sub(lambda found: self._ours.get(found[0], found[0]), simulated)

    def command(self, recorded: str) -> str:
        """A recorded command with each known UUID replaced by the one that stands for it."""
        return _UUID.sub(lambda found: self._theirs.get(found[0], found[0]), recorded)


class Session:
    """Runs the rows of a recording and compares them."""

    def __init__(self, memory: PersistentMemory) -> None:
        self.memory = memory
        self._shell = Shell(memory)
        self._uuids = SameUUIDs()

    def run(self, row: Row) -> CommandResult:
        """What the row's command prints here."""
        if row.command == 'reboot':
            self.memory.reboot()
            return CommandResult(0, '', '')
        return self._shell.run(self._uuids.command(row.command))

    def difference(self, row: Row) -> str:
        """Runs the row; how its outcome differs from the recorded one, empty when it does not."""
        self._before(row)
        result = self.run(row)
        if not row.compared:
            return ''
        recorded = f'rc {row.rc}\n--- out\n{row.out}--- err\n{row.err}'
        recorded = re.sub(r'(-rw-+ .* 0) \w{3} +\d+ [\d:]+ ', r'\1 TIME ', recorded)
        ours = f'rc {result.returncode}\n--- out\n{result.stdout}--- err\n{result.stderr}'
        ours = self._uuids.translate(recorded, ours)
        if ours == recorded:
            return ''
        return f'{row.number} [{row.step}] {row.command}\n' + '\n'.join(difflib.unified_diff(
            recorded.splitlines(), ours.splitlines(), 'recorded', 'simulated', lineterm='', n=4))

    def _before(self, row: Row) -> None:
        # The script removed this file between two recorded commands.
        if row.step == '07-disable/enable':
            self.memory.remove_file('/dev/dax0.1')
