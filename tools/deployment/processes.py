"""Start, find and end the processes of the deployment.

Each process has the environment variable ``VPMEM_HARNESS_DEPLOYMENT`` with the directory of its
deployment, and passes it on to its children. So every process is found in /proc, also those that
have become daemons, and also after the command that started them was killed. Programs that set
their title overwrite the variable in /proc; they are found by their working directory, or by their
parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

#: The variable that marks the processes of a deployment.
MARK = 'VPMEM_HARNESS_DEPLOYMENT'

#: Seconds in which a service starts on a busy machine.
START = 600.0

#: Seconds between two looks at a condition.
_INTERVAL = 0.1


class DeploymentError(Exception):
    """A part of the deployment failed."""


def working(directory: Path) -> Path:
    """Return the working directory of the processes, which has no other use."""
    return directory / 'run'


def environment(directory: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process of the deployment in ``directory``.

    Programs of this environment come first on its PATH, unless ``extra`` has another PATH.
    """
    path = os.pathsep.join([sysconfig.get_path('scripts'), os.environ.get('PATH', os.defpath)])
    return {**os.environ, 'PATH': path, **(extra or {}), MARK: str(directory)}


def run(directory: Path, arguments: Sequence[str | Path],
        extra: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return its standard output.

    :raises DeploymentError: when it fails.
    """
    done = subprocess.run([str(word) for word in arguments],  # noqa: S603 - our own commands
                          env=environment(directory, extra), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        last = '\n'.join((done.stdout + done.stderr).splitlines()[-15:])
        raise DeploymentError(f'{" ".join(map(str, arguments[:4]))} failed:\n{last}')
    return done.stdout


def start(directory: Path, name: str, arguments: Sequence[str | Path],
          extra: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one; its output goes to ``log/NAME.log``."""
    log = directory / 'log' / f'{name}.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('ab') as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            [str(word) for word in arguments], env=environment(directory, extra),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=working(directory),
            start_new_session=True)


def wait(what: str, condition: Callable[[], bool], seconds: float,
         process: subprocess.Popen[bytes] | None = None, *, interval: float = _INTERVAL) -> None:
    """Wait for a condition.

    :param interval: seconds between two looks.
    :raises DeploymentError: when it does not hold in time, or when ``process`` ends before.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise DeploymentError(f'{what}: the process ended with status {process.returncode}')
        if time.monotonic() > deadline:
            raise DeploymentError(f'{what}: not within {seconds:g} s')
        time.sleep(interval)


def listens(port: int, address: str = '127.0.0.1') -> bool:
    """Whether a process accepts connections on a port of an address."""
    with socket.socket() as client:
        return client.connect_ex((address, port)) == 0


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that no process uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        return [int(one.getsockname()[1]) for one in sockets]


def find(directory: Path) -> dict[int, str]:
    """Return the processes of a deployment that run: their numbers and command lines."""
    found = {}
    for process in _processes():
        with contextlib.suppress(OSError):
            parent = Path('/proc', _fields(process)[1])
            if _runs(process) and (_belongs(process, directory) or _belongs(parent, directory)):
                words = (process / 'cmdline').read_bytes().split(b'\0')
                found[int(process.name)] = os.fsdecode(b' '.join(words).strip())
    own = _own()
    return {number: line for number, line in found.items() if number not in own}


def stop(directory: Path, seconds: float = 30, matching: str = '') -> int:
    """End the processes of a deployment whose command line contains ``matching``.

    SIGTERM first, and SIGKILL for those that run after ``seconds``. Returns the number of
    processes that were found.
    """
    def remaining() -> list[int]:
        return [number for number, line in find(directory).items() if matching in line]

    found = remaining()
    for kind, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
        for number in remaining():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, kind)
        with contextlib.suppress(DeploymentError):
            wait('end of the processes', lambda: not remaining(), limit)
    return len(found)


def memory(number: int) -> int:
    """Return the memory of a process in bytes; shared memory is divided among its processes."""
    lines = Path(f'/proc/{number}/smaps_rollup').read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith('Pss:'))


def _processes() -> Iterator[Path]:
    return (path for path in Path('/proc').iterdir() if path.name.isdigit())


def _belongs(process: Path, directory: Path) -> bool:
    """Whether a process has the variable or the working directory of a deployment."""
    marked = os.fsencode(f'{MARK}={directory}') in (process / 'environ').read_bytes().split(b'\0')
    return marked or (process / 'cwd').readlink() == working(directory)


def _fields(process: Path) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent and so on."""
    return (process / 'stat').read_text().rpartition(')')[2].split()


def _runs(process: Path) -> bool:
    return _fields(process)[0] not in 'ZX'


def _own() -> set[int]:
    """This process and its ancestors: a command started from a shell of the deployment."""
    number, own = os.getpid(), set()
    while number > 1:
        own.add(number)
        try:
            number = int(_fields(Path(f'/proc/{number}'))[1])
        except OSError:
            break
    return own
