"""Runs the commands of a host as nova-compute does, with or without processes.

nova-compute runs them as root, whoever started it: ``VPMEM_HARNESS_AS_USER`` has no effect here.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from vpmem_harness.cloud.api import SimulatedHost
from vpmem_harness.host.calls import ToolCall
from vpmem_harness.host.machine import Host
from vpmem_harness.host.tools import AS_USER
from vpmem_harness.pmem import CommandResult
from vpmem_harness.pmem.kernel.media import EMPTY
from vpmem_harness.serving.deferred import Deferred

#: Exit status of a command that was killed with its service.
_KILLED = -signal.SIGKILL


class ProcessExecutionError(OSError):
    """A command failed; the text is that of oslo.concurrency's class."""

    def __init__(self, command: str, exit_code: int, stdout: str, stderr: str) -> None:
        super().__init__(
            'Unexpected error while running command.\n'
            f'Command: {command}\nExit code: {exit_code}\n'
            f'Stdout: {stdout!r}\nStderr: {stderr!r}')
        self.exit_code = exit_code


class Commands(Protocol):
    """Interface for running commands on a host."""

    def execute(self, *argv: str) -> str:
        """Run a command and return its standard output.

        :raises FileNotFoundError: if the host has no such command.
        :raises ProcessExecutionError: if its exit status is not 0.
        """

    def terminate(self) -> None:
        """Kill running commands, and every command that is started later."""


@runtime_checkable
class HasCommands(Protocol):
    """A host that runs commands without processes."""

    def commands(self) -> Commands:
        """Return the commands for one run of a compute service."""


class Executables:
    """Runs the executables of one host.

    They are searched in the host's own directory only, so that a missing command is not found on
    the machine that runs the harness.

    :param env: the environment of the commands.
    """

    def __init__(self, directory: object, env: Mapping[str, str]) -> None:
        self._directory = str(directory)
        self._env = {**env, AS_USER: ''}
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    def execute(self, *argv: str) -> str:
        """Run a command and return its standard output.

        :raises FileNotFoundError: if the host has no such command.
        :raises ProcessExecutionError: if its exit status is not 0.
        """
        path = shutil.which(argv[0], path=self._directory)
        if path is None:
            raise FileNotFoundError(2, 'No such file or directory', argv[0])
        # With close_fds=False Python can use posix_spawn, whose cost does not grow with the size of
        # this process. Descriptors are not inherited by default.
        process = subprocess.Popen(  # noqa: S603 - the command is ours, the PATH the host's
            [path, *argv[1:]], env=self._env, close_fds=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with self._lock:
            self._running.add(process)
            if self._ended:
                process.kill()
        try:
            stdout, stderr = process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode:
            raise ProcessExecutionError(' '.join(argv), process.returncode, stdout, stderr)
        return stdout

    def terminate(self) -> None:
        """Kill running commands, and every command that is started later."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()


class HostCommands:
    """Runs the commands of a simulated host in this process.

    Output, faults and the host's record of calls are the same as with a process. A program that was
    replaced or removed in the host's directory is run as a process.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._executables: Executables | None = None
        self._waiting: set[Deferred] = set()
        self._ended = False

    def execute(self, *argv: str) -> str:
        """Run a command and return its standard output.

        :raises FileNotFoundError: if the host has no such command.
        :raises ProcessExecutionError: if its exit status is not 0.
        """
        if not self._host.has_own_program(argv[0]):
            return self._as_processes().execute(*argv)
        if self._ended:
            raise ProcessExecutionError(' '.join(argv), _KILLED, '', '')
        result = self._host.begin(ToolCall(argv, os.getcwd(), stdin=EMPTY))
        if isinstance(result, Deferred):
            result = self._wait(result)
        if result.returncode:
            raise ProcessExecutionError(
                ' '.join(argv), result.returncode, result.stdout, result.stderr)
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

    def _as_processes(self) -> Executables:
        with self._lock:
            if self._executables is None:
                self._executables = Executables(self._host.bin_dir, self._host.env)
                if self._ended:
                    self._executables.terminate()
            return self._executables

    def terminate(self) -> None:
        """Kill running commands, and every command that is started later."""
        with self._lock:
            self._ended = True
            if self._executables is not None:
                self._executables.terminate()
        for later in list(self._waiting):
            later.fail(ConnectionAbortedError())


def commands_of(host: SimulatedHost) -> Commands:
    """Return the commands of a host for one run of a compute service."""
    if isinstance(host, HasCommands):
        return host.commands()
    if isinstance(host, Host):
        return HostCommands(host)
    return Executables(host.bin_dir, host.env)
