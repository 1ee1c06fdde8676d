"""The context of a command of ndctl or daxctl, and the dispatch of command lines."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping, Sequence

from vpmem_harness.pmem.commands.files import Files, LocalFiles
from vpmem_harness.pmem.commands.options import Option, text
from vpmem_harness.pmem.commands.results import USAGE, CommandResult, Transcript, UsageExit
from vpmem_harness.pmem.kernel.media import EMPTY, Contents
from vpmem_harness.pmem.machine import PersistentMemory

#: The exit status for what is not simulated. The tools end with 0, 1, 129, 130 or 256 less an
#: errno, so no real answer can be mistaken for this one.
NOT_SIMULATED = 69


@dataclasses.dataclass
class Context:
    """One run of a command: its machine, arguments, user, directory and output."""

    memory: PersistentMemory
    arguments: list[str]
    as_root: bool
    in_use: Collection[str] = ()
    terminal: bool = False
    files: Files = dataclasses.field(default_factory=LocalFiles)
    directory: str = '/'
    stdin: Contents | None = EMPTY
    transcript: Transcript = dataclasses.field(default_factory=Transcript)

    def path(self, name: str) -> str:
        """The path of the file ``name`` on the command line."""
        return os.path.join(self.directory, name)


Command = Callable[[Context], int]


@dataclasses.dataclass(frozen=True)
class Program:
    """A program with commands: ``known`` are all of them, ``commands`` those with code."""

    name: str
    known: Sequence[str]
    commands: Mapping[str, Command]

    @property
    def usage(self) -> str:
        """The usage line."""
        return f'{self.name} [--version] [--help] COMMAND [ARGS]'

    def run(self, context: Context) -> CommandResult:
        """Runs the command of the first argument."""
        try:
            return context.transcript.result(self._dispatch(context))
        except UsageExit as leaving:
            return context.transcript.result(leaving.status)

    def _dispatch(self, context: Context) -> int:
        words, transcript = context.arguments, context.transcript
        if not words:
            self._help(transcript)
            return 1
        word = {'-h': '--help', '-v': '--version'}.get(words[0], words[0])
        if word == '--list-cmds':
            transcript.print(''.join(f'{name}\n' for name in self.known))
            return 0
        if word.startswith('-') and word not in ('--help', '--version'):
            transcript.say(f'Unknown option: {word}\n\n Usage: {self.usage}')
            return USAGE
        name, rest = word.removeprefix('--'), words[1:]
        if rest[:1] == ['--help']:
            name, rest = 'help', [name, *rest[1:]]
        if name == 'help':
            return self._help(transcript) if not rest else _manual(transcript)
        if name == 'version':
            transcript.write(context.memory.release.ndctl)
            return 0
        if name not in self.known:
            transcript.say(f"Unknown command: '{name}'")
            return 1
        command = self.commands.get(name)
        if command is None:
            transcript.say(f"{self.name}: '{name}' is not simulated")
            return NOT_SIMULATED
        context.arguments = rest
        return command(context)

    def _help(self, transcript: Transcript) -> int:
        transcript.print(
            f'\n usage: {self.usage}\n\n\n'
            f" See '{self.name} help COMMAND' for more information on a specific command.\n"
            f' {self.name} --list-cmds to see all available commands\n\n')
        return 0


def _manual(transcript: Transcript) -> int:
    # The recorded machine has no manual viewer.
    transcript.say("  Warning: failed to exec 'man': No such file or directory")
    transcript.warn('no man viewer handled the request')
    return -1


#: Options of all namespace commands.
NAMESPACE_OPTIONS = (
    text('b', 'bus', 'bus-id', 'limit namespace to a bus with an id or provider of <bus-id>'),
    text('r', 'region', 'region-id',
         'limit namespace to a region with an id or name of <region-id>'),
    Option('v', 'verbose', 'emit extra debug messages to stderr'))
