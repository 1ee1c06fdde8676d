"""Table of the commands of ``vpmem-harness``; it does not import them."""

from __future__ import annotations

import importlib

from cliff import command, commandmanager


class Command(command.Command):
    """Base class of commands: a cliff command without hooks of other packages.

    A search for hooks is slow and leaves a cache in the user's home directory. To name the package
    of a command in its help, cliff reads the lists of files of all installed packages.
    """

    def _load_hooks(self) -> None:
        self._hooks = []

    def get_epilog(self) -> str:
        """Return what the help prints at the end."""
        return self._epilog or ''


class LazyCommand(commandmanager.EntryPointWrapper):
    """A command that is imported when it runs.

    :param target: ``module:class``
    :param summary: the description in the help
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
        """Import and return the class of the command."""
        module, _, name = self._target.partition(':')
        loaded: type[command.Command] = getattr(importlib.import_module(module), name)
        return loaded


#: Commands in the order of the help.
COMMANDS = (
    LazyCommand('demo', 'vpmem_harness.cli.demo:Demo',
                'Boot, exhaust, delete and resize servers on two simulated hosts'),
    LazyCommand('run', 'vpmem_harness.cli.run:Run',
                'Run a command against simulated hosts'),
    LazyCommand('up', 'vpmem_harness.cli.fleet.up:Up',
                'Start simulated hosts that run until "down"'),
    LazyCommand('env', 'vpmem_harness.cli.fleet.env:Env',
                'Print commands that let a shell use a host'),
    LazyCommand('show', 'vpmem_harness.cli.fleet.show:Show',
                'Print hosts, namespaces, domains, servers and faults'),
    LazyCommand('report', 'vpmem_harness.cli.fleet.report:Report',
                'Write an HTML page about what happened to a fleet'),
    LazyCommand('watch', 'vpmem_harness.cli.fleet.watch:Watch',
                'Show a fleet on the terminal, with the calls as they arrive'),
    LazyCommand('fault', 'vpmem_harness.cli.fleet.fault:Fault',
                'Make calls to a host fail or hang, and start other faults'),
    LazyCommand('host add', 'vpmem_harness.cli.fleet.host:Add', 'Start one more host'),
    LazyCommand('host remove', 'vpmem_harness.cli.fleet.host:Remove', 'Remove a host'),
    *(LazyCommand(f'server {name}', f'vpmem_harness.cli.fleet.server:{name.title()}', summary)
      for name, summary in (
          ('boot', 'Boot a server'), ('list', 'Print the servers'), ('show', 'Print a server'),
          ('resize', 'Resize a server'), ('confirm', 'Confirm a resize or a migration'),
          ('revert', 'Revert a resize or a migration'), ('delete', 'Delete a server'),
          ('migrate', 'Move a server to another host'),
          ('evacuate', 'Rebuild a server whose host is down'),
          ('start', 'Turn a server on'), ('stop', 'Shut a server down'))),
    LazyCommand('compute', 'vpmem_harness.cli.fleet.server:Compute',
                'Start, stop or kill a compute service'),
    LazyCommand('reboot', 'vpmem_harness.cli.fleet.reboot:Reboot',
                'Restart a simulated machine'),
    LazyCommand('save', 'vpmem_harness.cli.fleet.save:Save',
                'Write the state of a fleet to a file'),
    LazyCommand('load', 'vpmem_harness.cli.fleet.load:Load',
                'Start a fleet with a saved state'),
    LazyCommand('nova-conf', 'vpmem_harness.cli.fleet.nova_conf:NovaConf',
                'Write a nova.conf for each host of a fleet'),
    LazyCommand('nova-computes', 'vpmem_harness.cli.fleet.nova_computes:NovaComputes',
                'Run a nova-compute for each host, in processes that share memory'),
    LazyCommand('down', 'vpmem_harness.cli.fleet.down:Down',
                'End the hosts that "up" has started'),
    LazyCommand('inventory', 'vpmem_harness.cli.inventory:Inventory',
                'Print what persistent memory a host holds'),
    LazyCommand('inventory collect', 'vpmem_harness.cli.collect:Collect',
                'Print a script that collects the data for a copy of a host'),
    LazyCommand('certificates', 'vpmem_harness.cli.certificates:Certificates',
                'Make certificates for hosts that listen with TLS'),
    LazyCommand('resolve', 'vpmem_harness.cli.resolve:Resolve',
                'Show a log with the values behind its pseudonyms'),
    LazyCommand('chaos', 'vpmem_harness.cli.chaos:Chaos',
                'Take random steps on a fleet, with faults, and check it after each'),
    LazyCommand('findings', 'vpmem_harness.cli.findings:Findings',
                'Check the installed Nova for known defects'),
    LazyCommand('nova-tests', 'vpmem_harness.cli.nova_tests:NovaTests',
                "Run Nova's own tests of the libvirt driver on simulated hosts"),
)


class Commands(commandmanager.CommandManager):
    """The commands of the table, and those that cliff adds."""

    def __init__(self) -> None:
        super().__init__(namespace=None)
        self.commands.update((entry.name, entry) for entry in COMMANDS)
