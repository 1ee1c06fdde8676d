"""The executables of a host, run as nova-compute runs them."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Mapping
from typing import Protocol, runtime_checkable


class ProcessExecutionError(OSError):
    """A command ended with an error; its text is that of oslo.concurrency's class."""

    def __init__(self, command: str, exit_code: int, stdout: str, stderr: str) -> None:
        super().__init__(
            'Unexpected error while running command.\n'
            f'Command: {command}\nExit code: {exit_code}\n'
            f'Stdout: {stdout!r}\nStderr: {stderr!r}')
        self.exit_code = exit_code


class Commands(Protocol):
    """What a compute service runs of a host's."""

    def execute(self, *argv: str) -> str:
        """Run a command to its end and return its standard output.

        :raises FileNotFoundError: when the host has no such command.
        :raises ProcessExecutionError: when it ends with another status than 0.
        """

    def terminate(self) -> None:
        """End what is running, and from now on whatever is started."""


@runtime_checkable
class HasCommands(Protocol):
    """A host that runs commands without a process for each."""

    def commands(self) -> Commands:
        """What one run of a compute service has of them."""


class Executables:
    """The commands of one host.

    They are looked for in the host's own directory and nowhere else: what is missing there must
    not be found on the machine that the harness runs on.

    :param env: the environment of what is run.
    """

    def __init__(self, directory: object, env: Mapping[str, str]) -> None:
        self._directory = str(directory)
        self._env = dict(env)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    def execute(self, *argv: str) -> str:
        """Run a command to its end and return its standard output.

        :raises FileNotFoundError: when the host has no such command.
        :raises ProcessExecutionError: when it ends with another status than 0.
        """
        path = shutil.which(argv[0], path=self._directory)
        if path is None:
            raise FileNotFoundError(2, 'No such file or directory', argv[0])
        # Descriptors are not inherited by default: to leave them be lets Python use posix_spawn,
        # whose cost does not grow with the size of the test's process.
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
        """End what is running, and from now on whatever is started."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()
