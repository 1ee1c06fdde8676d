"""The settings of a deployment: directory, addresses, password and number of computes."""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.deployment import processes
from vpmem_harness.releases import DEFAULT

ROOT = Path(__file__).resolve().parents[2]

#: The directory of the deployment.
DIRECTORY = ROOT / '.cache' / 'fleet'

#: The namespaces of each simulated host.
PMEM = 'SMALL:4x1GiB,LARGE:2x4GiB'

#: Services with a web interface, by the names of their users in Keystone.
APIS = ('keystone', 'placement', 'glance', 'neutron', 'nova')

#: Databases: Nova has one for its API and two for its cells.
DATABASES = ('keystone', 'placement', 'glance', 'neutron', 'nova_api', 'nova_cell0', 'nova_cell1')

#: Ports besides those of the web interfaces.
_OTHER_PORTS = ('rabbitmq', 'rabbitmq_distribution', 'epmd', 'libvirt')

REGION = 'RegionOne'

#: The address of the services if there is a second machine.
SHARED_ADDRESS = '198.51.100.254'


@dataclass(frozen=True)
class Settings:
    """What the parts of a deployment must agree on.

    ``ports`` are TCP ports by name; ``socket`` is MariaDB's, ``password`` is that of all users.
    ``pmem`` describes the namespaces of each host. ``forked`` computes share the memory of one
    parent. ``second`` is the number of computes on the second machine. ``driver`` is a driver of
    Nova for the computes, or '' for that of libvirt. ``release`` is that of the hosts.
    """

    directory: Path
    computes: int
    pmem: str
    ports: dict[str, int]
    password: str = field(repr=False)
    socket: str = ''
    transport_url: str = field(default='', repr=False)
    forked: bool = False
    second: int = 0
    driver: str = ''
    release: str = DEFAULT.name

    @classmethod
    def new(cls, computes: int, pmem: str = PMEM, directory: Path = DIRECTORY, *,
            forked: bool = False, second: int = 0, driver: str = '',
            release: str = DEFAULT.name) -> Settings:
        """Return settings with ports that are free now and a random password."""
        names = (*APIS, *_OTHER_PORTS)
        return cls(directory, computes, pmem,
                   dict(zip(names, processes.free_ports(len(names)), strict=True)),
                   secrets.token_hex(16), forked=forked, second=second, driver=driver,
                   release=release)

    @classmethod
    def load(cls, directory: Path = DIRECTORY) -> Settings:
        """Return the settings of the deployment in a directory.

        :raises processes.DeploymentError: when there is none.
        """
        try:
            values: dict[str, Any] = json.loads((directory / 'deployment.json').read_text())
        except OSError:
            raise processes.DeploymentError(
                'no deployment: start one with ./dev fleet') from None
        return cls(**{**values, 'directory': directory})

    def save(self) -> None:
        """Write the settings to the directory, for the next command."""
        file = self.directory / 'deployment.json'
        file.touch(mode=0o600)
        file.write_text(json.dumps(
            {**dataclasses.asdict(self), 'directory': str(self.directory)}, indent=1))

    @property
    def etc(self) -> Path:
        """The directory of the configuration files."""
        return self.directory / 'etc'

    @property
    def address(self) -> str:
        """The IP address of the services."""
        return SHARED_ADDRESS if self.second else '127.0.0.1'

    def url(self, api: str) -> str:
        """Return the URL of a service's web interface."""
        path = {'keystone': '/v3', 'nova': '/v2.1'}.get(api, '')
        return f'http://{self.address}:{self.ports[api]}{path}'

    def database(self, name: str) -> str:
        """Return the address of a database for SQLAlchemy."""
        return f'mysql+pymysql://root@localhost/{name}?unix_socket={self.socket}&charset=utf8mb4'


def program(name: str) -> str:
    """Return the path of a program of this environment.

    :raises processes.DeploymentError: when it is missing.
    """
    path = shutil.which(name, path=sysconfig.get_path('scripts'))
    if path is None:
        raise processes.DeploymentError(f'{name} is missing: run this with ./dev fleet')
    return path


def data_file(*parts: str) -> Path:
    """Return the path of a file that a service installs below ``etc``."""
    return Path(sysconfig.get_path('data'), 'etc', *parts)


def missing_programs(names: Sequence[str], path: str | None = None) -> list[str]:
    """Return the programs that are not on PATH."""
    return [name for name in names if shutil.which(name, path=path) is None]
