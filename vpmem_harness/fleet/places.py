"""The directories of fleets, and the list of running fleets.

Each fleet has its own directory in the directory for temporary files. It contains the control
socket. The name of the directory ends with the name of the fleet, so that another user's fleet of
that name can be recognized. The directories of the hosts are also there, unless the user chooses
another place.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpmem_harness.exceptions import HarnessError, InvalidInputError, space_in, unwritable
from vpmem_harness.host import directories
from vpmem_harness.host.layout import runtime_parent

#: The name of a fleet that has no other.
DEFAULT_NAME = 'default'

#: The control socket in a fleet's directory. No host can have this name.
SOCKET = '.control'

#: The variable that names the fleet of a shell: its name, or its directory.
VARIABLE = 'VPMEM_HARNESS_FLEET'

_START = 'start one with: vpmem-harness up --hosts 2'


class NoFleetError(HarnessError):
    """The fleet does not exist, or cannot be used."""


@dataclass
class Places:
    """The directories of a fleet: ``control`` is its own, ``hosts`` contains those of its hosts."""

    control: Path
    hosts: Path
    _made: Sequence[Path] = ()
    _noted: tuple[str, ...] = ()

    @property
    def socket(self) -> Path:
        """The path of the control socket."""
        return self.control / SOCKET

    def note(self, names: Iterable[str]) -> None:
        """Note files before they are created in ``hosts``, to remove them after a kill."""
        if self.hosts == self.control:
            return
        paths = [str(self.hosts / name) for name in names]
        self._noted += tuple(path for path in paths
                             if path not in self._noted and not os.path.lexists(path))
        directories.note_elsewhere(
            self.control, marks=[str(self.hosts)], remove=self._noted,
            empty=[str(path) for path in self._made])


@contextlib.contextmanager
def make_places(name: str | None, wanted: str | None, parent: str | None) -> Iterator[Places]:
    """Create the directories of a fleet, and remove the created ones at the end.

    :param name: the fleet's name; None for one that ends with its command.
    :param wanted: the directory for the hosts, from the user.
    :param parent: the directory for temporary files; the system's if None.
    :raises NoFleetError: when a fleet of that name runs.
    :raises InvalidInputError: when ``wanted`` cannot be used.
    """
    with contextlib.ExitStack() as stack:
        if name is not None:
            stack.enter_context(_reserved(name, parent))
        control = directories.make('vpmem' if name is None else 'fleet', runtime_parent(parent),
                                   name)
        stack.callback(shutil.rmtree, control, ignore_errors=True)
        if wanted is None:
            yield Places(control, control)
            return
        hosts = Path(wanted).absolute()
        made = [path for path in (hosts, *hosts.parents) if not path.exists()]
        places = Places(control, hosts, made)
        with space_in(control):
            places.note(())
        _make_directory(hosts, wanted)
        stack.callback(_remove_empty, made)
        yield places


def _make_directory(directory: Path, wanted: str) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable('--dir', wanted, error, kind='directory') from error
    found = directory.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InvalidInputError(
            '--dir', expected='a directory of your own that nobody else may write to',
            got=f'mode {found.st_mode & 0o777:o}', remedy='choose another, or chmod go-w it: '
            'every user who can write to it can replace the ndctl of a host')


def _remove_empty(made: Iterable[Path]) -> None:
    with contextlib.suppress(OSError):
        for path in made:
            path.rmdir()  # it stays if the command has created files in it


@contextlib.contextmanager
def _reserved(name: str, parent: str | None) -> Iterator[None]:
    """Reserve the name of a fleet; the kernel releases it when the process ends."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            # A name without a path: it leaves no file.
            lock.bind(f'\0vpmem-harness/{os.getuid()}/{runtime_parent(parent)}/{name}'[:107])
        except OSError:
            raise _taken(name) from None
        check_free(name, parent)
        yield


def check_free(name: str, parent: str | None) -> None:
    """Raise NoFleetError when a fleet of this name runs."""
    if any(fleet.name == name for fleet in running(parent)):
        raise _taken(name)


def _taken(name: str) -> NoFleetError:
    return NoFleetError(
        f'a fleet {name!r} runs already: end it with "vpmem-harness down --name {name}", '
        'or choose another name with --name')


# Fleets that run

@dataclass(frozen=True)
class Location:
    """A running fleet; ``name`` is None if it ends with its command."""

    name: str | None
    directory: Path

    @property
    def socket(self) -> Path:
        """The path of the control socket."""
        return self.directory / SOCKET

    def __str__(self) -> str:
        return f'fleet {self.name!r}' if self.name else f'fleet in {self.directory}'


def running(parent: str | None) -> list[Location]:
    """Return the running named fleets of this user, after removing the files of killed ones."""
    directories.sweep(runtime_parent(parent))
    return [Location(one.label, one.path) for one in directories.find(runtime_parent(parent))
            if one.kind == 'fleet' and one.uid == os.getuid() and one.in_use]


def locate(name: str | None, parent: str | None, environ: Mapping[str, str]) -> Location:
    """Return the fleet that a command is about.

    :param name: the name from the user; if None, the fleet of the shell, or the only running one.
    :raises NoFleetError: when there is none, or several.
    """
    fleets = running(parent)
    wanted = name or environ.get(VARIABLE)
    if wanted is None:
        return _only(fleets)
    if '/' in wanted:
        directory = Path(wanted)
        if not (directory / SOCKET).exists():
            again = [fleet for fleet in fleets if fleet.name == directories.label_of(directory)]
            if again and name is None:
                return again[0]     # the fleet of the shell was started again
            raise NoFleetError(
                'the fleet of this shell has ended: unset '
                f'{VARIABLE}, or {_START}' if name is None else
                f'no fleet runs in {wanted}: {_START}')
        return next((one for one in fleets if one.directory == directory),
                    Location(None, directory))
    for fleet in fleets:
        if fleet.name == wanted:
            return fleet
    raise NoFleetError(_missing(wanted, fleets, parent))


def _only(fleets: Sequence[Location]) -> Location:
    if not fleets:
        raise NoFleetError(f'no fleet runs: {_START}')
    if len(fleets) == 1:
        return fleets[0]
    default = next((fleet for fleet in fleets if fleet.name == DEFAULT_NAME), None)
    if default is None:
        names = ', '.join(sorted(str(fleet.name) for fleet in fleets))
        raise NoFleetError(f'several fleets run: choose one of {names} with --name')
    return default


def _missing(name: str, fleets: Sequence[Location], parent: str | None) -> str:
    others = sorted({one.uid for one in directories.find(runtime_parent(parent))
                     if one.kind == 'fleet' and one.label == name and one.uid != os.getuid()})
    if others:
        owners = ' and '.join(map(_user, others))
        return (f'fleet {name!r} belongs to {owners}, and only its owner can use it: '
                'ask the owner, or start your own with: vpmem-harness up')
    if not fleets:
        return f'no fleet {name!r} runs: start it with: vpmem-harness up --name {name}'
    names = ', '.join(sorted(str(fleet.name) for fleet in fleets))
    return (f'no fleet {name!r} runs, only {names}: name one that runs, or start it with: '
            f'vpmem-harness up --name {name}')


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f'user {uid}'
