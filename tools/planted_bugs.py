#!/usr/bin/env python3
"""Plants known bugs in copies of the package and lets chaos look for them: each has to be found.

    python tools/planted_bugs.py                      all, on ten hosts, in 10,000 steps each
    python tools/planted_bugs.py --list               their names
    python tools/planted_bugs.py start-wipes --seed 3

A bug is a change of one place in the compute-service stub, or of two where the one makes good the
other. What chaos finds it shortens to a script, which must show the bug again in the copy, and
nothing in the package as it is.
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
    """One change of a file of the stub: ``old``, which stands there once, becomes ``new``.

    :param also: a second change, which belongs to the same bug.
    """

    name: str
    file: str
    old: str
    new: str
    also: Bug | None = None


BUGS = (
    Bug('confirm-keeps-a-claim', 'compute.py',
        "self.tracker.release(instance, resources, side=None if still_here else '')",
        "self.tracker.release(instance, resources[:1], side=None if still_here else '')"),
    Bug('revert-wipes-the-wrong-host', 'resize.py',
        'self.wipe(self.tracker.held_by(instance, move.new_resources))',
        'self.wipe(move.old_resources)'),
    Bug('failed-live-migration-keeps-its-booking', 'moves.py',
        'self.services.conductor.return_allocations(migration, instance)',
        'pass'),
    Bug('boots-that-race-for-a-claim', 'tracker.py',
        """\
            self._assigned.update(dict.fromkeys(claimed, instance.uuid))
            self._uses""",
        """\
        self._read_cells()
        with self._lock:
            self._assigned.update(dict.fromkeys(claimed, instance.uuid))
            self._uses"""),
    Bug('restart-loses-a-claim', 'tracker.py',
        'self._assign(instance, move.old_resources)', 'pass'),
    Bug('evacuation-leaves-the-domain', 'moves.py',
        'source.leave_behind(instance, left)', 'pass'),
    Bug('start-wipes', 'power.py',
        'self.driver.undefine(instance.uuid)\n        self.driver.create_image',
        'self.wipe(instance.resources)\n        self.driver.create_image'),
    Bug('delete-forgets-the-other-side', 'build.py',
        'self.leave_sides(instance, resources)', 'pass'),
    Bug('failed-build-keeps-its-claim', 'build.py',
        'self.tracker.release(instance, [one for one in resources if one not in left])',
        'pass'),
    Bug('revert-is-done-twice', 'resize.py',
        "migration.status != 'reverting'", 'instance.deleted',
        # A service that starts leaves a request alone that still waits for it.
        also=Bug('', 'startup.py', 'if self.waits_for(instance) and task not in _DONE_OVER:',
                 'if instance.deleted:')),
)


def plant(bug: Bug, directory: pathlib.Path) -> None:
    """Make a copy of the package with one bug in it."""
    shutil.copytree(PACKAGE, directory / PACKAGE.name,
                    ignore=shutil.ignore_patterns('__pycache__'))
    change(bug, directory)
    if bug.also is not None:
        change(bug.also, directory)


def change(bug: Bug, directory: pathlib.Path) -> None:
    """Make one change in the copy."""
    path = directory / PACKAGE.name / 'cloud' / 'stub' / bug.file
    text = path.read_text()
    if text.count(bug.old) != 1:
        raise SystemExit(f'{bug.old!r} of {bug.file} has changed: plant the bug anew')
    path.write_text(text.replace(bug.old, bug.new))


def chaos(directory: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run chaos with the package that is in a directory."""
    return subprocess.run(  # noqa: S603 - this interpreter and our own command
        [sys.executable, '-m', 'vpmem_harness.cli', 'chaos', *words], cwd=directory,
        env={**os.environ, 'PYTHONPATH': str(directory)}, text=True, capture_output=True,
        check=False)


def look_for(bug: Bug, arguments: argparse.Namespace) -> bool:
    """Let chaos look for one bug; says what became of it."""
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
    print(f'found      {bug.name}, after {taken[1]} steps; {len(steps)} of them show it'
          f'{" again" if again else ", BUT NOT AGAIN"}{"" if without else ", AND WITHOUT IT, TOO"}'
          f'\n           {told[:160]}', flush=True)
    if arguments.scripts:
        print(found.stdout, flush=True)
    return without


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help='look for these bugs alone')
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
