"""Runs the executables of a host as nova-compute does."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Mapping
from typing import Protocol, runtime_checkable


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
        self._env = dict(env)
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
