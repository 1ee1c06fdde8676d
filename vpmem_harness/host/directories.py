"""Temporary directories that are removed even if the process that made them was killed.

The name of a directory contains the number and the start time of its process. Making a directory
first removes those of processes that are gone, and ends the processes that still use the hosts in
them. So the next run cleans up after a run that was killed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import shutil
import socket
import stat
import string
import time
from pathlib import Path

from oslo_log import log as logging

from vpmem_harness.host import processes

LOG = logging.getLogger(__name__)

_DIGITS = string.digits + string.ascii_lowercase
_NAME = re.compile(r'(?:vpmem|nova|left)-([0-9a-z]+)\.([0-9a-z]+)-[0-9a-z]+')

#: Seconds in which a directory of this process can be removed, whatever its threads write to it.
_PATIENCE = 5.0

_count = itertools.count()
_swept: set[tuple[int, str]] = set()


def make(kind: str, parent: str) -> Path:
    """Make a new directory in ``parent`` with mode 0700, after removing abandoned ones.

    :param kind: the beginning of the name: ``vpmem``, ``nova`` or ``left``.
    """
    if (os.getpid(), parent) not in _swept:
        _swept.add((os.getpid(), parent))
        sweep(parent)
    pid = os.getpid()
    owner = f'{kind}-{_in_letters(pid)}.{_in_letters(_started(pid) or 0)}'
    while True:
        path = Path(parent, f'{owner}-{_in_letters(next(_count))}')
        # A directory that exists already belongs to someone else.
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            return path


def sweep(parent: str) -> list[str]:
    """Remove the directories in ``parent`` whose processes are gone."""
    removed = []
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(parent)):
            named = _NAME.fullmatch(entry.name)
            if named is None or not entry.is_dir(follow_symlinks=False):
                continue
            pid, started = (int(part, 36) for part in named.groups())
            if (entry.stat(follow_symlinks=False).st_uid != os.getuid()
                    or _started(pid) == started or _answers(Path(entry.path))):
                continue
            processes.end_marked(entry.path)
            shutil.rmtree(entry.path, ignore_errors=True)
            LOG.warning('%s was left by a process that was killed, and is removed', entry.path)
            removed.append(entry.path)
    return removed


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
                if named is None or tuple(int(part, 36) for part in named.groups()) != own:
                    continue
                processes.end_marked(entry.path)
                deadline = time.monotonic() + _PATIENCE
                while os.path.lexists(entry.path) and time.monotonic() < deadline:
                    # Again while a thread still writes to it.
                    shutil.rmtree(entry.path, ignore_errors=True)


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


@functools.lru_cache(maxsize=64)
def _in_letters(number: int) -> str:
    text = _DIGITS[number % 36]
    return text if number < 36 else _in_letters(number // 36) + text
