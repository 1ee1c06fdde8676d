"""Temporary directories that are removed even if the process that made them was killed.

The name of a directory contains the number and the start time of its process. Making a directory
first removes those of processes that are gone, and ends the processes that still use the hosts in
them. So the next run cleans up after a run that was killed, or after a restart of the machine.

If hosts have their directories elsewhere, the file :data:`ELSEWHERE` names what must be removed
with the directory.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import socket
import stat
import string
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from oslo_log import log as logging

from vpmem_harness.exceptions import ANOTHER_RUNTIME_DIR, unwritable
from vpmem_harness.host import processes

LOG = logging.getLogger(__name__)

_DIGITS = string.digits + string.ascii_lowercase
_NAME = re.compile(
    r'(?P<kind>vpmem|nova|left|fleet)-(?P<pid>[0-9a-z]+)\.(?P<started>[0-9a-z]+)-[0-9a-z]+'
    r'(?:\.(?P<label>[A-Za-z0-9_-]+))?')

#: A file of JSON in a directory: ``marks`` of processes to end, ``remove``, paths to remove with
#: their contents, and ``empty``, directories to remove if they are empty.
ELSEWHERE = '.elsewhere'

#: Seconds in which a directory of this process can be removed, whatever its threads write to it.
_PATIENCE = 5.0

#: Seconds by which the clock may have been set back since a directory was made.
_SKEW = 60.0

_count = itertools.count()
#: Where processes have made directories, and where they have looked for abandoned ones.
_swept: set[tuple[int, str]] = set()
_seen: set[tuple[int, str]] = set()


class Found(NamedTuple):
    """A directory of some process; ``label`` is the end of its name."""

    path: Path
    kind: str
    label: str | None
    uid: int
    #: Whether this process can see that its process runs.
    in_use: bool


def make(kind: str, parent: str, label: str | None = None) -> Path:
    """Make a new directory in ``parent`` with mode 0700, after removing abandoned ones.

    :param kind: the beginning of the name: ``vpmem``, ``nova``, ``left`` or ``fleet``.
    :param label: the end of the name, for everyone to see.
    :raises InvalidInputError: if ``parent`` cannot be written to.
    """
    if (os.getpid(), parent) not in _swept:
        _swept.add((os.getpid(), parent))
        sweep(parent)
    pid = os.getpid()
    owner = f'{kind}-{_in_letters(pid)}.{_in_letters(_own_start(pid))}'
    while True:
        end = '' if label is None else f'.{label}'
        path = Path(parent, f'{owner}-{_in_letters(next(_count))}{end}')
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue    # it belongs to someone else
        except OSError as error:
            raise unwritable('directory of the hosts', parent, error, kind='directory',
                             remedy=ANOTHER_RUNTIME_DIR) from error
        return path


def label_of(path: Path) -> str | None:
    """Return the label in the name of a directory, whether or not it exists."""
    named = _NAME.fullmatch(path.name)
    return None if named is None else named['label']


def find(parent: str) -> list[Found]:
    """Return the directories in ``parent``, of any user, that :func:`make` has made."""
    found = []
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(parent)):
            named = _NAME.fullmatch(entry.name)
            if named is None or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                alive = (_started(int(named['pid'], 36)) == int(named['started'], 36)
                         and status.st_mtime >= _booted())
                own = status.st_uid == os.getuid()
                found.append(Found(
                    Path(entry.path), named['kind'], named['label'], status.st_uid,
                    alive or (own and _answers(Path(entry.path)))))
    return found


def sweep(parent: str) -> list[str]:
    """Remove the directories in ``parent`` whose processes are gone."""
    _seen.add((os.getpid(), parent))
    removed = []
    for found in find(parent):
        if found.uid != os.getuid() or found.in_use:
            continue
        path = str(found.path)
        _remove_elsewhere(found.path)
        processes.end_marked(path)
        shutil.rmtree(path, ignore_errors=True)
        LOG.warning('%s was left by a process that was killed, and is removed', path)
        removed.append(path)
    return removed


def note_elsewhere(directory: Path, *, marks: Sequence[str], remove: Sequence[str],
                   empty: Sequence[str]) -> None:
    """Note the paths to remove with a directory: see :data:`ELSEWHERE`."""
    draft = directory / f'{ELSEWHERE}.draft'
    draft.write_text(json.dumps({'marks': marks, 'remove': remove, 'empty': empty}), 'utf-8')
    draft.rename(directory / ELSEWHERE)


def _remove_elsewhere(directory: Path) -> None:
    try:
        noted = json.loads((directory / ELSEWHERE).read_text('utf-8'))
    except (OSError, ValueError):
        return
    for mark in noted['marks']:
        processes.end_marked(mark)
    for path in noted['remove']:
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)
    for path in noted['empty']:
        with contextlib.suppress(OSError):
            os.rmdir(path)


def remove_own() -> None:
    """Remove the directories of this process by their names, and end what still runs in them.

    For the end of a process that was interrupted: a directory counts whether or not its path was
    recorded anywhere.
    """
    own = os.getpid(), _started(os.getpid())
    for parent in [parent for pid, parent in _swept if pid == os.getpid()]:
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(parent)):
                named = _NAME.fullmatch(entry.name)
                if named is None or (
                        int(named['pid'], 36), int(named['started'], 36)) != own:
                    continue
                _remove_elsewhere(Path(entry.path))
                processes.end_marked(entry.path)
                deadline = time.monotonic() + _PATIENCE
                while os.path.lexists(entry.path) and time.monotonic() < deadline:
                    # Again while a thread still writes to it.
                    shutil.rmtree(entry.path, ignore_errors=True)


def sweep_again() -> None:
    """Remove the files of processes that this process has ended, in known directories."""
    for parent in [parent for pid, parent in _seen if pid == os.getpid()]:
        sweep(parent)


def _booted() -> float:
    """When the machine started, in seconds since the epoch, or a moment earlier.

    After a restart of the machine, another process can have the number of a previous one, and even
    its start time.
    """
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - _SKEW


def _answers(directory: Path) -> bool:
    """Whether a process listens on a socket in it, such as one in another PID namespace."""
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    probe.connect(path)
                    return True
    return False


def _started(pid: int) -> int | None:
    """The start time of a process in clock ticks since boot; None if the process is gone."""
    try:
        with open(f'/proc/{pid}/stat', 'rb') as stream:
            # The program's name, in parentheses, can contain anything.
            state, *fields = stream.read().rpartition(b')')[2].split()
    except OSError:
        return None
    return None if state == b'Z' else int(fields[18])


@functools.lru_cache(maxsize=1)
def _own_start(pid: int) -> int:
    return _started(pid) or 0


# A child may get the number of a process that has ended.
os.register_at_fork(after_in_child=_own_start.cache_clear)


@functools.lru_cache(maxsize=64)
def _in_letters(number: int) -> str:
    text = _DIGITS[number % 36]
    return text if number < 36 else _in_letters(number // 36) + text
