"""The process that makes a call."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

#: The longest command line that is kept, in characters.
_LENGTH_MAX = 200


@dataclass(frozen=True)
class Caller:
    """A process: its number, and its command line as far as it could be read.

    For a command it is the parent, the process that ran ``ndctl``. The command line is cut to 200
    characters, and is empty when the process ended before anybody asked.
    """

    pid: int
    command: str = ''

    def __str__(self) -> str:
        return f'{self.command or "unknown command"} (process {self.pid})'

    @property
    def is_this_process(self) -> bool:
        """Whether the call came from the process that runs the test."""
        return self.pid == os.getpid()

    @classmethod
    def of(cls, pid: int, name: str = '') -> Caller:
        """Look a process up in ``/proc``.

        :param name: used when the process is gone.
        """
        return _this_process(pid) if pid == os.getpid() else cls(pid, _command_line(pid) or name)

    @classmethod
    def this_process(cls) -> Caller:
        """The process that runs the test."""
        return _this_process(os.getpid())


@functools.lru_cache(maxsize=1)
def _this_process(pid: int) -> Caller:
    return Caller(pid, _command_line(pid))


def _command_line(pid: int) -> str:
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            words = file.read(4 * _LENGTH_MAX).rstrip(b'\0')
    except OSError:
        return ''
    return words.replace(b'\0', b' ').decode('utf-8', 'backslashreplace')[:_LENGTH_MAX]
