"""Hosts whose commands run without processes, for runs of many steps."""

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

#: How a compute service begins the wipe of a device.
_WIPE = ('daxio', '-z', '-o')

#: The exit code of a command that ends with its service.
_KILLED = -signal.SIGKILL


class Wipes:
    """Whose data have been wiped, and where."""

    def __init__(self) -> None:
        self._wiped: set[tuple[str | None, str, str]] = set()

    def note(self, writers: Iterable[str | None], host: str, namespace: str) -> None:
        """Note a wipe of a namespace, and who had written to it; from any thread."""
        for writer in writers:
            self._wiped.add((writer, host, namespace))

    def of(self, writer: str) -> set[tuple[str, str]]:
        """The hosts and namespaces where the data of somebody have been wiped."""
        return {(host, namespace) for whose, host, namespace in self._wiped if whose == writer}

    def forget(self) -> None:
        """Begin anew."""
        self._wiped.clear()


class DirectHost:
    """A host as a compute service sees it, but for the processes of ndctl and daxio.

    What they answer, and what faults make of it, is the same.
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

    def introduce(self, other: DirectHost) -> None:
        """Let this host's guests migrate to another one."""
        self.machine.introduce(other.machine)

    def commands(self) -> DirectCommands:
        """What one run of a compute service has of its commands."""
        return DirectCommands(self.machine, self._wipes)


class DirectCommands:
    """ndctl and daxio of one host, until the service that runs them ends."""

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
        """End what is running, and from now on whatever is started."""
        self._ended = True
        for later in list(self._waiting):
            later.fail(ConnectionAbortedError())
