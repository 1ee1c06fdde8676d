"""The commands of ``vpmem-harness``: a table, so that naming them imports none of them."""

from __future__ import annotations

import importlib

from cliff import command, commandmanager


class Command(command.Command):
    """A command, as cliff has it, but for hooks of other packages: it has none.

    Looking for them would take a while, and leave a cache in the user's home directory.
    """

    def _load_hooks(self) -> None:
        self._hooks = []


class LazyCommand(commandmanager.EntryPointWrapper):
    """A command that is imported when it is run.

    :param target: ``module:class``
    :param summary: what the help says of it
    """

    def __init__(self, name: str, target: str, summary: str) -> None:
        self.name = name
        self.summary = summary
        self._target = target

    @property
    def value(self) -> str:
        """``module:class``."""
        return self._target

    def load(self) -> type[command.Command]:
        """The command's class."""
        module, _, name = self._target.partition(':')
        loaded: type[command.Command] = getattr(importlib.import_module(module), name)
        return loaded


#: In the order in which the help shows them.
COMMANDS = (
    LazyCommand('demo', 'vpmem_harness.cli.demo:Demo',
                'Boot, exhaust, delete and resize servers on two simulated hosts'),
    LazyCommand('run', 'vpmem_harness.cli.run:Run',
                'Run a command against simulated hosts'),
    LazyCommand('reboot', 'vpmem_harness.cli.reboot:Reboot',
                'Restart a simulated machine, within run'),
    LazyCommand('inventory', 'vpmem_harness.cli.inventory:Inventory',
                'Print what persistent memory a host holds'),
    LazyCommand('resolve', 'vpmem_harness.cli.resolve:Resolve',
                'Show a log with what is behind its pseudonyms'),
    LazyCommand('chaos', 'vpmem_harness.cli.chaos:Chaos',
                'Take random steps on a fleet, with faults, and look at it after each'),
    LazyCommand('findings', 'vpmem_harness.cli.findings:Findings',
                'Look in the installed Nova for known defects'),
)


class Commands(commandmanager.CommandManager):
    """The commands of the table, and those that cliff adds."""

    def __init__(self) -> None:
        super().__init__(namespace=None)
        self.commands.update((entry.name, entry) for entry in COMMANDS)
