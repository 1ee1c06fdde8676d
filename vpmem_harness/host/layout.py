"""The directory tree of one simulated host."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vpmem_harness.exceptions import InvalidInputError, LimitError
from vpmem_harness.host import directories
from vpmem_harness.plurals import counted
from vpmem_harness.serving.listener import PATH_MAX

#: A host name, which is its directory's name as well.  Source: hostname(7), with the underscore
#: that test machines have.
_NAME = re.compile(r'[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?')


def check_name(name: str) -> None:
    """Raise InvalidInputError unless a machine can have this name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInputError(
            'name of a host', expected='letters and digits, with dots and dashes between them',
            got=repr(name), remedy='choose one such as compute-1')


@dataclass(frozen=True)
class Layout:
    """The paths of a host's files, below ``root``.

    ``libvirt-sock`` is the daemon's socket, ``bin`` has the host's ndctl, daxctl and daxio, and
    ``instances`` is for the compute service. The path of ``root`` is short enough for
    ``libvirt-sock-ro`` as well.
    """

    root: Path

    @property
    def socket(self) -> Path:
        return self.root / 'libvirt-sock'

    @property
    def split(self) -> Path:
        """The sockets of split daemons, where a session of XDG_RUNTIME_DIR=root has them."""
        return self.root / 'libvirt'

    @property
    def bin(self) -> Path:
        return self.root / 'bin'

    @property
    def nowhere(self) -> Path:
        """The directory after ``bin`` on PATH, for scripts that stand in for missing programs."""
        return self.root / 'nowhere'

    @property
    def instances(self) -> Path:
        return self.root / 'instances'

    @property
    def files(self) -> Path:
        """The files of storage pools that exist on this host alone, below their paths."""
        return self.root / 'files'

    @property
    def pki(self) -> Path:
        """The certificates of a host that listens with TLS, unless it was given others."""
        return self.root / 'pki'

    @property
    def tools_socket(self) -> Path:
        return self.root / 'tools-sock'

    @property
    def answers(self) -> Path:
        return self.root / 'answers'

    @property
    def journal(self) -> Path:
        """The pipe in which the stand-ins report the listings that they answer themselves."""
        return self.root / 'journal'

    def make(self, *, split: bool = False) -> None:
        """Make ``root`` with mode 0700; the rest is made when it is needed.

        :param split: make the directory of split daemons as well.
        :raises LimitError: when a socket's path would be longer than the kernel allows.
        :raises InvalidInputError: when ``root`` exists already.
        """
        last = self.split / 'virtinterfaced-sock-ro' if split else self.root / 'libvirt-sock-ro'
        longest = len(str(last).encode())
        if longest > PATH_MAX:
            raise LimitError(
                f'the path of a socket in the directory of host {self.root.name!r} would have '
                f'{longest} bytes, and the kernel takes {PATH_MAX}; choose a directory '
                f'whose path is at least {counted(longest - PATH_MAX, "byte")} shorter')
        try:
            self.root.mkdir(mode=0o700)
        except FileExistsError as error:
            raise InvalidInputError(
                f'directory of host {self.root.name!r}', expected='one that does not exist yet',
                got='one that another run uses or has left', remedy='remove it, or choose another '
                'directory for the hosts') from error
        if split:
            self.split.mkdir(mode=0o700)


def runtime_parent(parent: str | None = None) -> str:
    """The directory in which :func:`runtime_directory` makes directories."""
    if parent is None:
        parent = tempfile.gettempdir()
        if len(parent) > PATH_MAX // 2:
            parent = '/tmp'  # noqa: S108 - the directory in it is private
    return parent


def runtime_directory(parent: str | None = None) -> Path:
    """Make a new directory with a short path for hosts.

    :param parent: where to make it; if None, the system's temporary directory, or ``/tmp`` if the
        former's path is too long for sockets.
    """
    return directories.make('vpmem', runtime_parent(parent))
