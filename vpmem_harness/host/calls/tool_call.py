"""A command line of ndctl, daxctl or daxio, as the host gets it from a stand-in."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem import Contents

if TYPE_CHECKING:
    from vpmem_harness.host.calls.record import CommandCall


@dataclasses.dataclass
class ToolCall:
    """What the real tool would see.

    :param words: the command line, the tool's name first.
    :param directory: the working directory.
    :param terminal: whether standard output is a terminal.
    :param as_user: whether the tool runs without privileges, even if the host's tools run as root.
    :param stdin: the contents of standard input; None while they have not been read.
    :param caller: the process that ran the tool; 0 for this one.
    :param record: the entry in the host's log of calls, once there is one.
    :raises InvalidInputError: without a word.
    """

    words: Sequence[str]
    directory: str = '/'
    terminal: bool = False
    as_user: bool = False
    stdin: Contents | None = None
    caller: int = 0
    record: CommandCall | None = dataclasses.field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.words:
            raise InvalidInputError('command', expected='the name of a tool and its arguments',
                                    got='nothing', remedy="write host.run('ndctl', 'list')")

    def request(self) -> bytes:
        """Encode the call as a stand-in sends it: see :mod:`vpmem_harness.host.tool_client`."""
        words = b''.join(os.fsencode(word) + b'\0' for word in (self.directory, *self.words))
        return b'%d %d %d %d\n%b' % (
            len(words), self.terminal, self.as_user, self.caller, words)

    @classmethod
    def of_request(cls, words: bytes, terminal: int, as_user: int, caller: int) -> ToolCall:
        """Decode what a stand-in has sent; raises ValueError when that is not a call."""
        if not words.endswith(b'\0') or words.count(b'\0') < 2:
            raise ValueError('a request holds a directory and at least one word')
        directory, *rest = map(os.fsdecode, words[:-1].split(b'\0'))
        return cls(rest, directory, bool(terminal), bool(as_user), caller=caller)
