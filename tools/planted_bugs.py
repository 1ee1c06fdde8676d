#!/usr/bin/env python3
"""Plants known bugs in copies of the package and checks that chaos finds each of them.

    python tools/planted_bugs.py                      all bugs, ten hosts, 10,000 steps each
    python tools/planted_bugs.py --list               the names of the bugs
    python tools/planted_bugs.py start-wipes --seed 3

A bug is a change of one place in the compute-service stub, or of two places if the other one would
compensate for the first. Chaos shortens what it finds to a script. That script must show the bug
again in the copy, and nothing in the unchanged package.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass

PACKAGE = pathlib.Path(__file__).parents[1] / 'vpmem_harness'


@dataclass(frozen=True)
class Bug:
    """One change of a file of the compute service: ``old``, which occurs once, becomes ``new``.

    :param also: a second change, which belongs to the same bug.
    """

    name: str
    file: str
    old: str
    new: str
    also: Bug | None = None


BUGS = (
    Bug('confirm-keeps-a-claim', 'cleanup.py',
        "self.tracker.release(instance, resources, side=None if still_here else '')",
        "self.tracker.release(instance, resources[:1], side=None if still_here else '')"),
    Bug('revert-wipes-the-wrong-host', 'resize.py',
        'self.service.wipe(self.tracker.held_by(instance, move.new_resources))',
        'self.service.wipe(move.old_resources)'),
    Bug('failed-live-migration-keeps-its-booking', 'live_migration.py',
        'self.services.conductor.moves.return_allocations(migration, instance)',
        'pass'),
    Bug('boots-that-race-for-a-claim', 'resource_tracker.py',
        """\
            self._assigned.update(dict.fromkeys(claimed, instance.uuid))
            self._uses""",
        """\
        self._read_cells()
        with self._lock:
            self._assigned.update(dict.fromkeys(claimed, instance.uuid))
            self._uses"""),
    Bug('restart-loses-a-claim', 'resource_tracker.py',
        'self._assign(instance, move.old_resources)', 'pass'),
    Bug('evacuation-leaves-the-domain', 'evacuation.py',
        'source.cleanup.leave_behind(instance, left)', 'pass'),
    Bug('start-wipes', 'power.py',
        'self.driver.undefine(instance.uuid)\n        self.driver.create_image',
        'self.service.wipe(instance.resources)\n        self.driver.create_image'),
    Bug('delete-forgets-the-other-side', 'build.py',
        'self.service.cleanup.leave_sides(instance, resources)', 'pass'),
    Bug('failed-build-keeps-its-claim', 'build.py',
        'self.tracker.release(instance, [one for one in resources if one not in left])',
        'pass'),
    Bug('revert-is-done-twice', 'resize.py',
        """\
        if self.service.superseded(instance, TaskState.RESIZE_REVERTING) or (
                migration.status != 'reverting'):
""",
        "        if instance.deleted:\n",
        # A service that starts does not touch a request that is still queued.
        also=Bug('', 'startup.py',
                 'if self.service.waits_for(instance) and task not in _DONE_OVER:',
                 'if instance.deleted:')),
)


def plant(bug: Bug, directory: pathlib.Path) -> None:
    """Copy the package and plant one bug in the copy."""
    shutil.copytree(PACKAGE, directory / PACKAGE.name,
                    ignore=shutil.ignore_patterns('__pycache__'))
    change(bug, directory)
    if bug.also is not None:
        change(bug.also, directory)


def change(bug: Bug, directory: pathlib.Path) -> None:
    """Make one change in the copy."""
    path = directory / PACKAGE.name / 'cloud' / 'stub' / 'compute' / bug.file
    text = path.read_text()
    if text.count(bug.old) != 1:
        raise SystemExit(f'{bug.name or bug.old}: its place in {bug.file} has changed; update it')
    path.write_text(text.replace(bug.old, bug.new))


def chaos(directory: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run chaos with the package in a directory."""
    return subprocess.run(  # noqa: S603 - this interpreter and our own command
        [sys.executable, '-m', 'vpmem_harness.cli', 'chaos', *words], cwd=directory,
        env={**os.environ, 'PYTHONPATH': str(directory)}, text=True, capture_output=True,
        check=False)


def look_for(bug: Bug, arguments: argparse.Namespace) -> bool:
    """Search for one bug with chaos, print the result, and return whether it was found."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        plant(bug, directory)
        found = chaos(directory, '--hosts', str(arguments.hosts), '--steps',
                      str(arguments.steps), '--seed', str(arguments.seed))
        taken = re.search(r'(\d+) steps in', found.stderr)
        if found.returncode != 1 or taken is None:
            print(f'NOT FOUND  {bug.name}: {found.stderr.splitlines()[-1:]}', flush=True)
            return False
        script = directory / 'script'
        script.write_text(found.stdout)
        steps = [line for line in found.stdout.splitlines()[1:] if not line.startswith('#')]
        again = chaos(directory, '--replay', str(script)).returncode == 1
        without = chaos(PACKAGE.parent, '--replay', str(script)).returncode == 0
    told = next(line for line in found.stdout.splitlines() if line.startswith('#'))
    print(f'found      {bug.name}, after {taken[1]} steps; {len(steps)} of them reproduce it'
          f'{" again" if again else ", BUT NOT AGAIN"}{"" if without else ", ALSO WITHOUT THE BUG"}'
          f'\n           {told[:160]}', flush=True)
    if arguments.scripts:
        print(found.stdout, flush=True)
    return without


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help='search for these bugs only')
    parser.add_argument('--hosts', type=int, default=10)
    parser.add_argument('--steps', type=int, default=10000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--scripts', action='store_true', help='print the scripts that show them')
    parser.add_argument('--list', action='store_true', help='print the names of the bugs')
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {bug.name for bug in BUGS}
    if unknown:
        parser.error(f'no such bug: {", ".join(sorted(unknown))}')
    wanted = [bug for bug in BUGS if not arguments.names or bug.name in arguments.names]
    if arguments.list:
        print('\n'.join(bug.name for bug in wanted))
        return 0
    missed = sum(not look_for(bug, arguments) for bug in wanted)
    return int(missed > 0)


if __name__ == '__main__':
    sys.exit(main())
