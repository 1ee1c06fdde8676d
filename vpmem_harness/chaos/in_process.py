"""Hosts whose commands run in this process, for runs with many steps."""

from __future__ import annotations

import queue
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

from vpmem_harness.cloud.stub.compute.processes import ProcessExecutionError
from vpmem_harness.host.calls import ToolCall
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem import CommandResult
from vpmem_harness.serving.deferred import Deferred

#: Start of the command with which a compute service wipes a device.
_WIPE = ('daxio', '-z', '-o')

#: Exit status of a command that was killed with its service.
_KILLED = -signal.SIGKILL


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
    """A host as a compute service sees it, without processes for ndctl and daxio.

    Output and faults of the commands are the same.
    """

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
    """Runs ndctl and daxio of one host for one run of a compute service."""

    def __init__(self, host: Host, wipes: Wipes) -> None:
        self._host = host
        self._wipes = wipes
        self._waiting: set[Deferred] = set()
        self._ended = False

    def execute(self, *argv: str) -> str:
        """Run a command to its end, as the service's own ``Commands`` do."""
        if self._ended:
            raise ProcessExecutionError(' '.join(argv), _KILLED, '', '')
        namespace = self._host.pmem.device(argv[3]) if argv[:3] == _WIPE else None
        writers = self._host.pmem.contents(argv[3]).writers if namespace is not None else ()
        result = self._host.begin(ToolCall(argv))
        if isinstance(result, Deferred):
            result = self._wait(result)
        if result.returncode == 0 and namespace is not None and namespace.name is not None:
            self._wipes.note(writers, self._host.name, namespace.name)
        if result.returncode:
            raise ProcessExecutionError(' '.join(argv), result.returncode, result.stdout,
                                        result.stderr)
        return result.stdout

    def _wait(self, later: Deferred) -> CommandResult:
        done: queue.SimpleQueue[None] = queue.SimpleQueue()
        later.when_done(lambda _: done.put(None))
        self._waiting.add(later)
        if self._ended:
            later.fail(ConnectionAbortedError())
        done.get()
        self._waiting.discard(later)
        try:
            result: CommandResult = later.result()
        except ConnectionAbortedError:
            return CommandResult(_KILLED, '', '')
        return result

    def terminate(self) -> None:
        """Kill running commands, and every command that is started later."""
        self._ended = True
        for later in list(self._waiting):
            later.fail(ConnectionAbortedError())
