"""A host's ndctl, daxctl and daxio: executables that ask their host and nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from vpmem_harness.host import tool_client
from vpmem_harness.host.calls import ToolCall
from vpmem_harness.host.layout import Layout
from vpmem_harness.pmem import CommandResult

PROGRAMS = ('ndctl', 'daxctl', 'daxio')

#: The listing that every compute service asks for: rendered when the tools are installed, and
#: again after a change.
EAGER = ('ndctl', 'list', '-X')

#: How many rendered listings a host keeps; a program may ask for any number of different ones.
ANSWERS_LIMIT = 64

#: A command that has this variable in its environment runs without privileges.
AS_USER = 'VPMEM_HARNESS_AS_USER'

# A shell starts in a millisecond, an interpreter in ten. The front, a shell script, prints a
# listing that the host has rendered, as long as the host's process lives. It asks the host for
# everything else. A listing is the same on a terminal and in a pipe, but differs between root and
# users. ``command`` keeps the shell running when the file disappears after the test for it.
FRONT = """\
#!/bin/sh
# {program} of a simulated host. It talks to that host and to nothing else.
user=${{{as_user}:+user}}
answer={answers}/"$user$# {program} $*"
[ -r "$answer" ] && kill -0 {pid} 2>/dev/null && command . "$answer" 3>&2 2>/dev/null
exec {python} -I -S {client} {socket} "$user" {program} "$@"
"""

# A rendered listing. It reports the call in the host's journal first: the number of the listing,
# the process that ran the command, and the name of that process. Without the journal the host is
# gone, and the front goes on to say so. If the output is no closed stream and no pipe, ndctl and
# daxctl report that they cannot write to it (ndctl: util/main.c); a shell does not know the reason.
ANSWER = """\
read -r name 2>/dev/null </proc/$PPID/comm
printf '%s\\n' "{number} $PPID $name" 2>/dev/null 1<>{journal} || return 1
printf %s {text} 2>/dev/null && exit 0
out=/proc/self/fd/1
if [ -e $out ] && [ ! -p $out ] && [ ! -S $out ]; then
    printf %s 'write failure on standard output: No space left on device' >&3
    exit 1
fi
exit 0
"""

# Stands in for a program that a fault has removed from the host, if the machine that runs the
# harness has one of that name: it must not be found. A shell uses the same status.
NOT_FOUND = """\
#!/bin/sh
echo '{program}: not found' >&2
exit 127
"""

Run = Callable[[ToolCall], CommandResult]


class Tools:
    """The executables of one host, and the listings that they may print without asking it.

    :param run: runs a command on the simulated host.
    :param withheld: whether every command has to ask the host at present.
    """

    def __init__(self, layout: Layout, run: Run,
                 withheld: Callable[[], bool] = lambda: False) -> None:
        self._layout = layout
        self._run = run
        self._withheld = withheld
        self._lock = threading.Lock()
        self._changes = 0
        self._answers: set[Path] = set()
        self._numbers = itertools.count(1)
        self._rendered: dict[int, tuple[ToolCall, CommandResult]] = {}
        self._written: dict[str, tuple[int, ...]] = {}

    def install(self) -> None:
        """Write the executables and render the listing that compute services ask for."""
        self._layout.bin.mkdir(mode=0o700)
        self._layout.answers.mkdir(mode=0o700)
        os.mkfifo(self._layout.journal, 0o600)
        words = {
            'as_user': AS_USER,
            'answers': shlex.quote(str(self._layout.answers)),
            'client': shlex.quote(tool_client.__file__),
            'pid': os.getpid(),
            'python': shlex.quote(os.path.realpath(sys.executable)),
            'socket': shlex.quote(str(self._layout.tools_socket)),
        }
        for program in PROGRAMS:
            _write(self._layout.bin / program, FRONT.format(program=program, **words), 0o700)
            self._written[program] = self._identity(program)
        self.refresh()

    def is_own(self, program: str) -> bool:
        """Whether a program is there as this object has written it."""
        try:
            return self._written.get(program) == self._identity(program)
        except OSError:
            return False

    def _identity(self, program: str) -> tuple[int, ...]:
        status = (self._layout.bin / program).lstat()
        return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns

    def call(self, call: ToolCall) -> CommandResult:
        """Run a command for a stand-in, and keep a listing so that the next one is faster.

        :raises InputWanted: when the command reads standard input and the call does not have it.
        """
        with self._lock:
            changes = self._changes
        result = self._run(call)
        if 'list' in call.words[1:2] and result.returncode == 0 and not result.stderr:
            self._keep(call, result, changes)
        return result

    def refresh(self) -> None:
        """Render the listing that compute services ask for, unless it is there."""
        call = ToolCall(EAGER)
        if self._answer(call) not in self._answers and not self._withheld():
            self.call(call)

    def forget(self) -> None:
        """Remove all rendered listings, because the memory has changed."""
        with self._lock:
            self._changes += 1
            for path in self._answers:
                path.unlink(missing_ok=True)
            self._answers.clear()

    def rendered(self, number: int) -> tuple[ToolCall, CommandResult] | None:
        """The command line and the result of a listing that a stand-in has reported."""
        return self._rendered.get(number)

    def take_away(self, program: str) -> None:
        """Remove a program from the host's PATH."""
        self.forget()
        path = self._layout.bin / program
        path.rename(path.with_name(f'.{program}'))
        if shutil.which(program) is not None:
            self._layout.nowhere.mkdir(mode=0o700, exist_ok=True)
            _write(self._layout.nowhere / program, NOT_FOUND.format(program=program), 0o700)

    def bring_back(self, program: str) -> None:
        """Restore a program that was removed."""
        (self._layout.nowhere / program).unlink(missing_ok=True)
        path = self._layout.bin / program
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f'.{program}').rename(path)

    def _answer(self, call: ToolCall) -> Path:
        # The number of words distinguishes `list -X` from one word with a space in it.
        user = 'user' if call.as_user else ''
        return self._layout.answers / f'{user}{len(call.words) - 1} {" ".join(call.words)}'

    def _keep(self, call: ToolCall, result: CommandResult, changes: int) -> None:
        if any('/' in word or ' ' in word or '\n' in word for word in call.words):
            return
        path = self._answer(call)
        if len(os.fsencode(path.name)) > 255:
            return
        with self._lock:
            number = next(self._numbers)
            script = ANSWER.format(number=number, text=shlex.quote(result.stdout),
                                   journal=shlex.quote(str(self._layout.journal)))
            if (changes == self._changes and len(self._answers) < ANSWERS_LIMIT
                    and not self._withheld()):
                # A stand-in that has opened a listing reports it even if it was removed since.
                self._rendered[number] = dataclasses.replace(call, record=None), result
                if len(self._rendered) > 2 * ANSWERS_LIMIT:
                    del self._rendered[min(self._rendered)]
                with contextlib.suppress(OSError):      # without space the host is asked again
                    _write(path, script, 0o600)
                    self._answers.add(path)


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file atomically: readers see the old text or the new one, never a part."""
    draft = f'{path.parent}/.draft'
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(descriptor, 'w', encoding='utf-8', errors='surrogateescape') as file:
        file.write(text)
    os.rename(draft, path)
