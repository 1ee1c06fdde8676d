"""A call of ndctl, daxctl or daxio on a simulated host, as a process of it makes it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from vpmem_harness.pmem import Contents


@dataclasses.dataclass(frozen=True)
class ToolCall:
    """What the real tool would see.

    :param words: the command line, the tool's name first.
    :param directory: the directory that it runs in.
    :param terminal: whether its standard output is a terminal.
    :param as_user: whether it runs without privileges, even where the host's tools act as root.
    :param stdin: what is on its standard input; None when nobody has looked yet.
    """

    words: Sequence[str]
    directory: str = '/'
    terminal: bool = False
    as_user: bool = False
    stdin: Contents | None = None

    def request(self) -> bytes:
        """What a stand-in sends: see :mod:`vpmem_harness.host.tool_client`."""
        words = b''.join(os.fsencode(word) + b'\0' for word in (self.directory, *self.words))
        return b'%d %d %d\n%b' % (len(words), self.terminal, self.as_user, words)

    @classmethod
    def of_request(cls, words: bytes, terminal: int, as_user: int) -> ToolCall:
        """The call that was sent as these words; raises ValueError when it is none."""
        if not words.endswith(b'\0') or words.count(b'\0') < 2:
            raise ValueError('a directory and a word are due')
        directory, *rest = map(os.fsdecode, words[:-1].split(b'\0'))
        return cls(rest, directory, bool(terminal), bool(as_user))
