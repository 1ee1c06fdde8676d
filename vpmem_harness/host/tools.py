"""A host's ndctl, daxctl and daxio: executables that ask their host and nobody else."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from vpmem_harness.host import tool_client
from vpmem_harness.host.layout import Layout
from vpmem_harness.pmem import CommandResult

PROGRAMS = ('ndctl', 'daxctl', 'daxio')

#: Rendered when the host starts and after each change, since every compute service asks for it.
EAGER = ('ndctl', 'list', '-X')

#: Answers kept at most; a caller may think of any number of listings.
ANSWERS_LIMIT = 64

# A shell starts in a millisecond, an interpreter in ten. The front answers a listing that the host
# has rendered by itself, as long as the host's process lives; it asks the host for anything else.
# ``command`` keeps the shell going when the answer goes away between the two looks at it.
FRONT = """\
#!/bin/sh
# {program} of a simulated host. It talks to that host and to nothing else.
answer={answers}/"$# {program} $*"
[ -r "$answer" ] && kill -0 {pid} 2>/dev/null && command . "$answer" 2>/dev/null
exec {python} -I -S {client} {socket} {program} "$@"
"""

Run = Callable[[Sequence[str]], CommandResult]


class Tools:
    """The executables of one host, and the answers that they may give without asking it.

    :param run: runs a command (its words, the program's name first) on the simulated host.
    """

    def __init__(self, layout: Layout, run: Run) -> None:
        self._layout = layout
        self._run = run
        self._lock = threading.Lock()
        self._changes = 0
        self._answers: set[Path] = set()

    def install(self) -> None:
        """Write the executables and render the listing that is asked for most."""
        self._layout.bin.mkdir(mode=0o700)
        self._layout.answers.mkdir(mode=0o700)
        words = {
            'answers': shlex.quote(str(self._layout.answers)),
            'client': shlex.quote(tool_client.__file__),
            'pid': os.getpid(),
            'python': shlex.quote(os.path.realpath(sys.executable)),
            'socket': shlex.quote(str(self._layout.tools_socket)),
        }
        for program in PROGRAMS:
            _write(self._layout.bin / program, FRONT.format(program=program, **words), 0o700)
        self.refresh()

    def call(self, words: Sequence[str]) -> CommandResult:
        """Run a command for a stand-in; a listing is kept, so that the next one is quicker."""
        with self._lock:
            changes = self._changes
        result = self._run(words)
        if 'list' in words[1:2] and result.rc == 0 and not result.err:
            self._keep(words, result.out, changes)
        return result

    def refresh(self) -> None:
        """Render the listing that is asked for most, unless it is there already."""
        if self._answer(EAGER) not in self._answers:
            self.call(EAGER)

    def forget(self) -> None:
        """Take back all answers: the memory has changed."""
        with self._lock:
            self._changes += 1
            for path in self._answers:
                path.unlink(missing_ok=True)
            self._answers.clear()

    def _answer(self, words: Sequence[str]) -> Path:
        # The number of words tells `list -X` from one word that holds a space.
        return self._layout.answers / f'{len(words) - 1} {" ".join(words)}'

    def _keep(self, words: Sequence[str], out: str, changes: int) -> None:
        if any('/' in word or ' ' in word or '\n' in word for word in words):
            return
        path = self._answer(words)
        if len(path.name.encode()) > 255:
            return
        script = f"printf %s {shlex.quote(out)}\nexit 0\n"
        with self._lock:
            if changes == self._changes and len(self._answers) < ANSWERS_LIMIT:
                _write(path, script, 0o600)
                self._answers.add(path)


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file so that who opens it meanwhile sees all of it or the file before it."""
    draft = f'{path.parent}/.draft'
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(descriptor, 'w', encoding='utf-8', errors='surrogateescape') as file:
        file.write(text)
    os.rename(draft, path)
