"""A host's ndctl, daxctl and daxio: executables that ask their host and nobody else."""

from __future__ import annotations

import contextlib
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

#: Rendered when the host starts and after each change, since every compute service asks for it.
EAGER = ('ndctl', 'list', '-X')

#: Answers kept at most; a caller may think of any number of listings.
ANSWERS_LIMIT = 64

#: The variable that takes away the privileges of what is called with it, as ``su nobody`` would.
AS_USER = 'VPMEM_HARNESS_AS_USER'

# A shell starts in a millisecond, an interpreter in ten. The front answers a listing that the host
# has rendered by itself, as long as the host's process lives; it asks the host for anything else.
# A listing is the same on a terminal as off it, but not for everybody who asks.
# ``command`` keeps the shell going when the answer goes away between the two looks at it.
FRONT = """\
#!/bin/sh
# {program} of a simulated host. It talks to that host and to nothing else.
user=${{{as_user}:+user}}
answer={answers}/"$user$# {program} $*"
[ -r "$answer" ] && kill -0 {pid} 2>/dev/null && command . "$answer" 2>/dev/null
exec {python} -I -S {client} {socket} "$user" {program} "$@"
"""

# In the place of a program that is absent from the host, where the machine that the harness runs on
# has one: that one must not be found. The status is a shell's for a command that is not there.
NOT_FOUND = """\
#!/bin/sh
echo '{program}: not found' >&2
exit 127
"""

Run = Callable[[ToolCall], CommandResult]


class Tools:
    """The executables of one host, and the answers that they may give without asking it.

    :param run: runs a command on the simulated host.
    :param withheld: whether every command has to ask the host just now.
    """

    def __init__(self, layout: Layout, run: Run,
                 withheld: Callable[[], bool] = lambda: False) -> None:
        self._layout = layout
        self._run = run
        self._withheld = withheld
        self._lock = threading.Lock()
        self._changes = 0
        self._answers: set[Path] = set()

    def install(self) -> None:
        """Write the executables and render the listing that is asked for most."""
        self._layout.bin.mkdir(mode=0o700)
        self._layout.answers.mkdir(mode=0o700)
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
        self.refresh()

    def call(self, call: ToolCall) -> CommandResult:
        """Run a command for a stand-in; a listing is kept, so that the next one is quicker.

        :raises InputWanted: when it reads its standard input, and the call does not say what is
            there.
        """
        with self._lock:
            changes = self._changes
        result = self._run(call)
        if 'list' in call.words[1:2] and result.returncode == 0 and not result.stderr:
            self._keep(call, result.stdout, changes)
        return result

    def refresh(self) -> None:
        """Render the listing that is asked for most, unless it is there already."""
        call = ToolCall(EAGER)
        if self._answer(call) not in self._answers and not self._withheld():
            self.call(call)

    def forget(self) -> None:
        """Take back all answers: the memory has changed."""
        with self._lock:
            self._changes += 1
            for path in self._answers:
                path.unlink(missing_ok=True)
            self._answers.clear()

    def take_away(self, program: str) -> None:
        """Have the host's PATH lead to no such program."""
        self.forget()
        path = self._layout.bin / program
        path.rename(path.with_name(f'.{program}'))
        if shutil.which(program) is not None:
            self._layout.nowhere.mkdir(mode=0o700, exist_ok=True)
            _write(self._layout.nowhere / program, NOT_FOUND.format(program=program), 0o700)

    def bring_back(self, program: str) -> None:
        """Put a program back that was taken away."""
        (self._layout.nowhere / program).unlink(missing_ok=True)
        path = self._layout.bin / program
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f'.{program}').rename(path)

    def _answer(self, call: ToolCall) -> Path:
        # The number of words tells `list -X` from one word that holds a space.
        user = 'user' if call.as_user else ''
        return self._layout.answers / f'{user}{len(call.words) - 1} {" ".join(call.words)}'

    def _keep(self, call: ToolCall, out: str, changes: int) -> None:
        if any('/' in word or ' ' in word or '\n' in word for word in call.words):
            return
        path = self._answer(call)
        if len(path.name.encode()) > 255:
            return
        script = f"printf %s {shlex.quote(out)}\nexit 0\n"
        with self._lock:
            if (changes == self._changes and len(self._answers) < ANSWERS_LIMIT
                    and not self._withheld()):
                _write(path, script, 0o600)
                self._answers.add(path)


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file so that who opens it meanwhile sees all of it or the file before it."""
    draft = f'{path.parent}/.draft'
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(descriptor, 'w', encoding='utf-8', errors='surrogateescape') as file:
        file.write(text)
    os.rename(draft, path)
