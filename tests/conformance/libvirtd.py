"""A real libvirtd with its test driver, on a private socket, for comparison."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time

import fixtures

LIBVIRTD = '/usr/sbin/libvirtd'

#: The directory of another Debian whose libvirtd is used, made with debootstrap; '' for this one.
#: It needs root. /tmp, /dev and /proc of this machine are mounted there, for the process alone.
ROOT = os.environ.get('LIBVIRT_ROOT', '')
_ENTER = """
root=$1 user=$2 directory=$3
shift 3
mount -t proc proc "$root/proc" &&
for each in dev sys tmp; do mount --rbind "/$each" "$root/$each" || exit; done &&
exec chroot --userspec="$user:$user" "$root" env --chdir="$directory" "$@"
"""

_SECONDS = 20
_NOBODY = 65534

#: Not the test's own directory: other users cannot enter it, the length of a socket's path is
#: limited, and virsh makes its columns as wide as the paths in them.
PLACE = '/tmp'  # noqa: S108 - mkdtemp makes a private directory in it

_CONFIGURATION = '''\
unix_sock_dir = "{directory}"
auth_unix_rw = "none"
auth_unix_ro = "none"
'''


def missing() -> str | None:
    """Return why libvirtd cannot run here, or None."""
    if not os.access(ROOT + LIBVIRTD, os.X_OK):
        return f'{ROOT}{LIBVIRTD} is not installed'
    return None


def inside(command: list[str], user: int = 0, directory: str | os.PathLike[str] = '/',
           ) -> list[str]:
    """Return the command that runs another one in :data:`ROOT`, if that is set."""
    if not ROOT:
        return command
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', _ENTER, 'sh', ROOT,
            str(user), os.fspath(directory), *command]


def _accepts(path: str) -> bool:
    """Return whether a daemon accepts connections: it listens a moment after it made the socket."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


class RealLibvirtd(fixtures.Fixture):
    """An unprivileged libvirtd that changes nothing outside its own directory.

    ``path`` is its socket, ``uri`` opens its test driver, and ``pid`` is its process.
    """

    def shared_directory(self) -> str:
        """Make a directory in which the daemon and the test can create files."""
        path = tempfile.mkdtemp(dir=self.directory)
        os.chmod(path, 0o777)       # noqa: S103 - in a private directory
        return path

    def _setUp(self) -> None:
        self.directory = tempfile.mkdtemp(prefix='libvirtd-', dir=PLACE)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.path = os.path.join(self.directory, 'libvirt-sock')
        self.uri = f'test+unix:///default?socket={self.path}'
        configuration = os.path.join(self.directory, 'libvirtd.conf')
        with open(configuration, 'w') as stream:
            stream.write(_CONFIGURATION.format(directory=self.directory))
        unprivileged = {}
        if os.geteuid() == 0:
            os.chown(self.directory, _NOBODY, _NOBODY)
        if os.geteuid() == 0 and not ROOT:
            unprivileged = {'user': _NOBODY, 'group': _NOBODY, 'extra_groups': []}
        places = ('HOME', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME')
        process = subprocess.Popen(
            inside([LIBVIRTD, '--config', configuration, '--timeout', '600',
                    '--pid-file', os.path.join(self.directory, 'pid')], _NOBODY),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={'PATH': os.environ['PATH'], 'LC_ALL': 'C',
                 **dict.fromkeys(places, self.directory)},
            cwd=self.directory, **unprivileged)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.pid = process.pid
        deadline = time.monotonic() + _SECONDS
        while not _accepts(self.path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f'{LIBVIRTD} did not start within {_SECONDS} s')
            time.sleep(0.01)    # there is no event for the start of another program
