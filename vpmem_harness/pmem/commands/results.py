"""What a command leaves behind: its exit status and what it wrote."""

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

    ``payload`` is binary output that comes after ``stdout``, as daxio writes it to its standard
    output: a description, since it can be as large as a device.
    """

    returncode: int
    stdout: str
    stderr: str
    payload: Contents | None = None


class UsageExit(Exception):
    """Ends a command at once with this exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class InputWanted(Exception):
    """The command reads its standard input, of which nothing is known yet.

    Nothing has changed: run it again with the first ``length`` bytes, or as many as there are.
    """

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class Transcript:
    """What a command of ndctl's family writes while it runs.

    ``counted`` is the number of errors that were reported with the command's name: ndctl adds no
    closing line then (ndctl: ndctl/namespace.c ``err``).
    """

    def __init__(self) -> None:
        self.stdout = ''
        self.stderr = ''
        self.counted = 0
        self.payload: Contents | None = None

    def say(self, line: str) -> None:
        """A line on standard error."""
        self.stderr += line + '\n'

    def write(self, text: str) -> None:
        """Text on standard output, with the final newline that the tools add."""
        self.stdout += text + '\n'

    def error(self, message: str) -> None:
        """``Error: ...``: most messages bring a newline of their own and so leave a blank line."""
        self.say(f'  Error: {message}')

    def failed(self, command: str, message: str) -> None:
        """An error that carries the command's name and counts."""
        self.counted += 1
        self.error(f'{command}: {message}\n')

    def library(self, function: str, message: str) -> None:
        """An error that libndctl logs."""
        self.say(f'libndctl: {function}: {message}')

    def result(self, status: int) -> CommandResult:
        """The outcome: a negative errno becomes the byte that a shell sees."""
        return CommandResult(status & 0xFF, self.stdout, self.stderr, self.payload)


def strerror(error: int | KernelError) -> str:
    """The C library's words for an error number."""
    return os.strerror(error.errno if isinstance(error, KernelError) else error)
