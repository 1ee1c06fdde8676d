"""The results of commands: exit status and output."""

from __future__ import annotations

import dataclasses
import os

from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.media import Contents

#: The exit status of a command that was used wrongly (ndctl: util/parse-options.c).
USAGE = 129


@dataclasses.dataclass(frozen=True)
class CommandResult:
    """Exit status, standard output and standard error.

    ``payload`` is binary output that comes after ``stdout``: a description, since daxio can write
    a whole device to its standard output. ``pieces`` are the texts of both streams in the order in
    which the command wrote them, each with True for standard output: on a terminal they mix.
    """

    returncode: int
    stdout: str
    stderr: str
    payload: Contents | None = None
    pieces: tuple[tuple[bool, str], ...] = dataclasses.field(default=(), compare=False, repr=False)


class UsageExit(Exception):
    """Ends a command at once with this exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class InputWanted(Exception):
    """The command reads its standard input, and the caller has not said what is there.

    Nothing has changed: run the command again with the first ``length`` bytes, or as many as there
    are.
    """

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class Transcript:
    """The output of a command of ndctl's family while it runs.

    ``counted`` is the number of errors that were reported with the command's name: ndctl adds no
    closing line then (ndctl: ndctl/namespace.c ``err``).
    """

    def __init__(self) -> None:
        self._pieces: list[tuple[bool, str]] = []
        self.counted = 0
        self.payload: Contents | None = None

    @property
    def stdout(self) -> str:
        """What was written to standard output."""
        return ''.join(text for is_output, text in self._pieces if is_output)

    @property
    def stderr(self) -> str:
        """What was written to standard error."""
        return ''.join(text for is_output, text in self._pieces if not is_output)

    def print(self, text: str) -> None:
        """Writes text to standard output as it is."""
        self._pieces.append((True, text))

    def warn(self, text: str) -> None:
        """Writes text to standard error as it is."""
        self._pieces.append((False, text))

    def say(self, line: str) -> None:
        """Writes a line to standard error."""
        self.warn(line + '\n')

    def write(self, text: str) -> None:
        """Writes a line to standard output."""
        self.print(text + '\n')

    def error(self, message: str) -> None:
        """Writes ``Error: ...``; most messages end with a newline, which leaves a blank line."""
        self.say(f'  Error: {message}')

    def failed(self, command: str, message: str) -> None:
        """Writes an error with the command's name and counts it."""
        self.counted += 1
        self.error(f'{command}: {message}\n')

    def library(self, function: str, message: str, library: str = 'libndctl') -> None:
        """Writes an error that libndctl logs."""
        self.say(f'{library}: {function}: {message}')

    def result(self, status: int) -> CommandResult:
        """The result; a negative errno becomes the byte that a shell sees."""
        return CommandResult(status & 0xFF, self.stdout, self.stderr, self.payload,
                             tuple(self._pieces))


def strerror(error: int | KernelError) -> str:
    """The C library's message for an error number."""
    return os.strerror(error.errno if isinstance(error, KernelError) else error)
