"""The tools: ndctl, daxctl and daxio, as they run on a simulated machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from vpmem_harness import exceptions
from vpmem_harness.pmem.commands.results import CommandResult

if TYPE_CHECKING:
    from vpmem_harness.pmem.commands.files import Files
    from vpmem_harness.pmem.kernel.media import Contents
    from vpmem_harness.pmem.machine import PersistentMemory

TOOLS = ('ndctl', 'daxctl', 'daxio')


def subcommands(tool: str) -> Sequence[str]:
    """The commands of a tool; daxio has none."""
    from vpmem_harness.pmem.commands import daxctl, ndctl

    programs = {'ndctl': ndctl.PROGRAM, 'daxctl': daxctl.PROGRAM}
    return programs[tool].known if tool in programs else ()


def run(memory: PersistentMemory, argv: Sequence[str], *, as_root: bool = True,
        in_use: Collection[str] = (), stdin: Contents | None, files: Files,
        terminal: bool = False, directory: str) -> CommandResult:
    """Runs the tool ``argv[0]`` on ``memory``.

    :raises InvalidInputError: when ``argv`` names no tool of this package
    :raises InputWanted: when the command reads standard input and ``stdin`` is None
    """
    from vpmem_harness.pmem.commands import daxctl, daxio, ndctl

    for word in argv:
        if not isinstance(word, str):
            raise exceptions.InvalidInputError(
                'command', expected='words, each a text', got=repr(word),
                remedy="write host.run('ndctl', 'list'), without a list")
    tool = argv[0].rpartition('/')[2] if argv else ''
    if tool == 'ndctl':
        return ndctl.run(memory, argv[1:], files, directory, as_root=as_root, in_use=in_use,
                         terminal=terminal, stdin=stdin)
    if tool == 'daxctl':
        return daxctl.run(memory, argv[1:], files, directory, as_root=as_root,
                          terminal=terminal)
    if tool == 'daxio':
        return daxio.run(memory, argv[1:], files, directory, as_root=as_root, stdin=stdin)
    raise exceptions.InvalidInputError(
        'command', expected=f'one of {", ".join(TOOLS)}', got=repr(tool),
        remedy="pass each word as an argument, as in run('ndctl', 'list')"
        if tool.partition(' ')[0] in TOOLS else 'run other programs on the real system')
