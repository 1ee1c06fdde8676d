"""Steps of a run, each one line of a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

from vpmem_harness.exceptions import InvalidInputError

#: Requests for a server, by their names in a script.
ACTIONS = ('delete', 'stop', 'start', 'reboot', 'hard-reboot', 'pause', 'unpause', 'suspend',
           'resume', 'resize', 'migrate', 'confirm', 'revert', 'rebuild', 'rescue', 'unrescue',
           'shelve', 'unshelve', 'live-migrate', 'evacuate')

#: Boots and events: of a compute service, of a host, and of the whole fleet.
EVENTS = ('boot', 'kill', 'stop-service', 'start-service', 'restart-service', 'restart-machine',
          'restart-daemon', 'lose-domains', 'bad', 'look', 'release', 'calm')

#: Faults of a step, which strike the ``at``-th call to the host ``on``.
CALL_FAULTS = ('error', 'drop-before', 'drop-after', 'hang', 'die')
COMMAND_FAULTS = ('tool-fails', 'tool-fails-after', 'tool-cut-short', 'tool-hangs')

#: Faults of the connection from the host ``on`` to the destination of a live migration.
MIGRATION_FAULTS = ('migration-refused', 'migration-cut', 'migration-slow')

#: Faults that block something until they are released.
HANGS = ('hang', 'tool-hangs')


def _none() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Step:
    """One step, such as ``resize server=3 labels=LARGE host=1 fault=error on=0 at=4``.

    Hosts are numbered from 0; the boot of a server gives its number. Impossible steps are skipped,
    so that every part of a script is a script. With ``at-once=yes`` the next step does not wait for
    this one.
    """

    #: The verbs of steps.
    VERBS: ClassVar[Sequence[str]] = (*EVENTS, *ACTIONS)

    verb: str
    options: Mapping[str, str] = field(default_factory=_none)

    def __str__(self) -> str:
        return ' '.join((self.verb, *(f'{name}={value}' for name, value in self.options.items())))

    def number(self, name: str) -> int | None:
        """Return an option as a number; None if it is missing."""
        value = self.options.get(name)
        return None if value is None else int(value)

    @classmethod
    def parse(cls, line: str) -> Self:
        """Parse the line of a step.

        :raises InvalidInputError: if it is invalid.
        """
        verb, *words = line.split()
        options = dict(word.partition('=')[::2] for word in words)
        if verb not in cls.VERBS or not all('=' in word for word in words):
            raise InvalidInputError(
                'step of a script', expected='a verb and options, as in "boot labels=SMALL"',
                got=line, remedy=f'verbs are {", ".join(cls.VERBS)}')
        return cls(verb, options)


@dataclass(frozen=True)
class Script:
    """A repeatable run: fleet, seed and steps."""

    hosts: int
    pmem: str
    seed: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        head = f'fleet hosts={self.hosts} pmem={self.pmem} seed={self.seed}'
        return '\n'.join((head, *map(str, self.steps))) + '\n'

    def with_steps(self, steps: Iterable[Step]) -> Script:
        """Return a script with the same fleet and other steps."""
        return Script(self.hosts, self.pmem, self.seed, tuple(steps))

    @classmethod
    def parse(cls, text: str) -> Script:
        """Parse a script; lines that begin with ``#`` are comments.

        :raises InvalidInputError: if it is invalid.
        """
        lines = [line for line in map(str.strip, text.splitlines())
                 if line and not line.startswith('#')]
        verb, *words = lines[0].split() if lines else ['nothing']
        head = dict(word.partition('=')[::2] for word in words)
        try:
            if verb != 'fleet':
                raise KeyError(verb)
            return cls(int(head['hosts']), head['pmem'], int(head['seed']),
                       tuple(map(Step.parse, lines[1:])))
        except (KeyError, ValueError) as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(
                'script', expected='"fleet hosts=N pmem=SPEC seed=N" first', got=verb,
                remedy='use what a failing run has written') from error
