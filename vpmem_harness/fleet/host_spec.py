"""Description of a host of a fleet."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpmem_harness import releases
from vpmem_harness.exceptions import unreadable
from vpmem_harness.fleet.text_files import STANDARD_INPUT, TextFiles
from vpmem_harness.hardware import Hardware, document, profiles
from vpmem_harness.host import numa_nodes
from vpmem_harness.host.files import check_path
from vpmem_harness.host.layout import check_name
from vpmem_harness.host.machine import Host
from vpmem_harness.libvirtd.peers.peers import Neighbour
from vpmem_harness.libvirtd.remote_access import RemoteAccess
from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.randomness import Randomness
from vpmem_harness.safelog import AuditLog


@dataclass(frozen=True, kw_only=True)
class HostSpec:
    """One host: its name, and the values of ``HOST_OPTIONS``.

    ``listing`` is the text of a listing, not its file; ``hardware`` is the name of a profile or the
    text of a file. ``files`` are sizes in bytes by path.
    ``number`` and the fleet's seed determine the random values of the host.
    """

    name: str
    number: int
    dimms: tuple[str, ...] | None = None
    pmem: str | None = None
    listing: str | None = None
    profile: str | None = None
    hardware: str | None = None
    release: str = releases.DEFAULT.name
    default_profile: str = 'mixed'
    files: dict[str, int] = dataclasses.field(default_factory=dict)
    directories: tuple[str, ...] = ()
    as_user: bool = False
    split_daemons: bool = False
    first_region: int | None = None
    listen: str | None = None
    listen_tls: str | None = None
    certificates: str | None = None

    @classmethod
    def of(cls, name: str, number: int, values: Mapping[str, Any], where: str,
           directory: Path, files: TextFiles | None = None) -> HostSpec:
        """Return the host that a fleet file or the command line describes.

        :param values: by key of ``HOST_OPTIONS``, in the form of a fleet file.
        :param where: where they come from, for errors.
        :param directory: what the path of a file is relative to.
        :param files: the files that other hosts have read.
        :raises InvalidInputError: when a value cannot be used.
        """
        check_name(name)
        given = dict(values)
        files = files or TextFiles()
        if 'dimms' in given:
            given['dimms'] = tuple(given['dimms']) or None
        if 'listing' in given:
            given['listing'] = _read(files, given['listing'], directory, 'listing', where)
        if given.get('hardware', profiles.NAMES[0]) not in profiles.NAMES:
            given['hardware'] = _hardware_text(files, given['hardware'], directory)
        for key in ('listen', 'listen_tls'):
            if given.get(key) is not None:
                given[key] = numbered(given[key], number)
        if given.get('certificates') is not None:
            given['certificates'] = str((directory / given['certificates']).absolute())
        given['files'] = {path: _size(path, size) for path, size in given.get('files', {}).items()}
        given['directories'] = tuple(given.get('directories', ()))
        for path in given['directories']:
            check_path(path, 'directory')
        made = cls(name=name, number=number, **given)
        made.check()
        return made

    @property
    def random(self) -> bool:
        """Whether the seed determines the namespaces."""
        hardware = self._hardware()
        return self.pmem is None and self.dimms is None and self.listing is None and not (
            hardware is not None and hardware.dimms)

    def check(self) -> None:
        """Raise InvalidInputError unless such a host can be made."""
        self._machine(Randomness(0))
        releases.choose(self.release)
        self._remote()

    def _remote(self) -> RemoteAccess | None:
        return RemoteAccess.of(self.listen, self.listen_tls, self.certificates)

    def _hardware(self) -> Hardware | None:
        if self.hardware is None or self.hardware in profiles.NAMES:
            return profiles.chosen(self.hardware)
        return document.parse(self.hardware)

    def _machine(self, randomness: Randomness) -> tuple[Hardware | None, Inventory]:
        return numa_nodes.together(
            randomness, self._hardware(), inventory=None, pmem=self.pmem, dimms=self.dimms,
            listing=self.listing, profile=self.profile, default_profile=self.default_profile)

    def make(self, directory: Path, randomness: Randomness, audit: AuditLog | None,
             neighbours: dict[str, Neighbour]) -> Host:
        """Return the host, not started yet.

        :param directory: the directory of the fleet's hosts.
        :param randomness: the source of all random values of the fleet.
        :param neighbours: the hosts of the fleet that have started, by name.
        """
        own = randomness.derive('host', self.number)
        hardware, inventory = self._machine(own)
        return Host(
            self.name, inventory, directory=directory, randomness=own, files=self.files,
            directories=self.directories, as_user=self.as_user, first_region=self.first_region,
            hardware=hardware, audit=audit, release=releases.choose(self.release),
            split_daemons=self.split_daemons, remote=self._remote(), private_names=False,
            neighbours=neighbours)


def numbered(endpoint: str, number: int) -> str:
    """Return a listening address with a host's number for ``{}``.

    If that is the last part of an IPv4 address, the part before it counts on after 255, so that
    host 256 of ``127.0.1.{}`` has the address 127.0.2.0.
    """
    network, _, port = endpoint.partition('{}')
    if number > 255 and network.endswith('.'):
        with contextlib.suppress(ValueError):
            return f'{ipaddress.IPv4Address(f"{network}0") + number}{port}'
    return endpoint.replace('{}', str(number))


def _read(files: TextFiles, name: str, directory: Path, what: str, where: str) -> str:
    try:
        return files.read(name, directory)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(f'{what} in {where}', directory / name, error) from error


def _hardware_text(files: TextFiles, name: str, directory: Path) -> str:
    path = 'standard input' if name == STANDARD_INPUT else str(directory / name)
    text = document.read_argument(name, lambda: files.read(name, directory))
    document.parse(text, path)
    return text


def _size(path: str, size: str) -> int:
    check_path(path, 'file')
    return spec.parse_size(size, f'size of {path}')
