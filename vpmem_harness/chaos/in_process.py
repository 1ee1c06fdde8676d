"""Hosts whose wipes are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from vpmem_harness.cloud.stub.compute.processes import HostCommands
from vpmem_harness.host.machine import Host

#: Start of the command with which a compute service wipes a device.
_WIPE = ('daxio', '-z', '-o')


class Wipes:
    """Records whose data have been wiped, and where."""

    def __init__(self) -> None:
        self._wiped: set[tuple[str | None, str, str]] = set()

    def note(self, writers: Iterable[str | None], host: str, namespace: str) -> None:
        """Record a wipe of a namespace and its previous writers; any thread may call this."""
        for writer in writers:
            self._wiped.add((writer, host, namespace))

    def of(self, writer: str) -> set[tuple[str, str]]:
        """Return the hosts and namespaces on which the data of a writer were wiped."""
        return {(host, namespace) for whose, host, namespace in self._wiped if whose == writer}

    def forget(self) -> None:
        """Clear the record."""
        self._wiped.clear()


class InProcessHost:
    """A host as a compute service sees it, with a record of wipes."""

    def __init__(self, host: Host, wipes: Wipes) -> None:
        self.machine = host
        self._wipes = wipes
        self.name = host.name

    @property
    def uri(self) -> str:
        return self.machine.uri

    @property
    def bin_dir(self) -> Path:
        return self.machine.bin_dir

    @property
    def env(self) -> Mapping[str, str]:
        return self.machine.env

    @property
    def instances_path(self) -> Path:
        return self.machine.instances_path

    def introduce(self, other: InProcessHost) -> None:
        """Allow migrations from this host to another one."""
        self.machine.introduce(other.machine)

    def commands(self) -> InProcessCommands:
        """Return the commands for one run of a compute service."""
        return InProcessCommands(self.machine, self._wipes)


class InProcessCommands:
    """Runs ndctl and daxio of one host for one run of a compute service, and records wipes."""

    def __init__(self, host: Host, wipes: Wipes) -> None:
        self._host = host
        self._wipes = wipes
        self._commands = HostCommands(host)

    def execute(self, *argv: str) -> str:
        """Run a command to its end, as the service's own ``Commands`` do."""
        namespace = self._host.pmem.device(argv[3]) if argv[:3] == _WIPE else None
        writers = self._host.pmem.contents(argv[3]).writers if namespace is not None else ()
        output = self._commands.execute(*argv)
        if namespace is not None and namespace.name is not None:
            self._wipes.note(writers, self._host.name, namespace.name)
        return output

    def terminate(self) -> None:
        """Kill running commands, and every command that is started later."""
        self._commands.terminate()
