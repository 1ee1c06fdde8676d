"""MariaDB and RabbitMQ, started by pifpaf from Debian's packages on private paths and ports."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.deployment import processes
from tools.deployment.settings import DATABASES, Settings, missing_programs, program

#: Directories of Debian's programs that are not on the PATH of an ordinary user.
_PATH = ('/usr/sbin', '/usr/lib/rabbitmq/bin')

#: Programs, and Debian's package of each.
_PACKAGES = {'mysqld': 'mariadb-server', 'mysql_install_db': 'mariadb-server',
             'mysql': 'mariadb-client', 'rabbitmqctl': 'rabbitmq-server'}

#: The longest path of a UNIX socket, in bytes.
_LONGEST_SOCKET = 107


def check(packages: Mapping[str, str] = _PACKAGES) -> None:
    """Check that packages are installed, by default those of the engines.

    :param packages: Debian's package of each program.
    :raises processes.DeploymentError: when one is missing.
    """
    missing = missing_programs(list(packages), path())
    if missing:
        names = ' '.join(sorted({packages[name] for name in missing}))
        raise processes.DeploymentError(
            f'packages are missing: apt-get install --no-install-recommends {names}')


def start(settings: Settings) -> tuple[Settings, Callable[[], None]]:
    """Start both engines, and create the databases.

    Returns settings with the addresses of the engines, and a function that waits for RabbitMQ.
    """
    directory = settings.directory / 'engines'
    directory.mkdir(parents=True, exist_ok=True)
    ports = settings.ports
    shared = {'PATH': path(), 'TMPDIR': str(directory)}
    database = _pifpaf(settings, 'mysql', [], shared)
    messages = _pifpaf(
        settings, 'rabbitmq',
        ['--port', str(ports['rabbitmq']), '--username', 'openstack',
         '--password', settings.password],
        {**shared, 'RABBITMQ_DIST_PORT': str(ports['rabbitmq_distribution']),
         'ERL_EPMD_PORT': str(ports['epmd']), 'ERL_EPMD_ADDRESS': '127.0.0.1'})
    socket = database()['PIFPAF_MYSQL_SOCKET']
    if len(os.fsencode(socket)) > _LONGEST_SOCKET:
        raise processes.DeploymentError(f'the path is too long for a socket: {socket}')
    _create_databases(socket)

    def ready() -> None:
        clients = messages()
        if settings.second:
            _listen(settings, clients)

    return dataclasses.replace(
        settings, socket=socket,
        transport_url=f'rabbit://openstack:{settings.password}@{settings.address}:'
                      f'{ports["rabbitmq"]}/'), ready


def _pifpaf(settings: Settings, name: str, options: list[str],
            extra: dict[str, str]) -> Callable[[], dict[str, str]]:
    """Start an engine; a call waits until it runs and returns the environment of its clients."""
    file = settings.directory / 'engines' / f'{name}.env'
    # pifpaf runs the engine for as long as a command runs in its environment.
    command = f'env -0 > {file}.new && mv {file}.new {file} && exec sleep infinity'
    process = processes.start(
        settings.directory, name,
        [program('pifpaf'), 'run', name, *options, '--', 'sh', '-c', command], extra)

    def environment() -> dict[str, str]:
        processes.wait(f'start of {name}', file.exists, processes.START, process)
        lines = file.read_text().split('\0')
        return dict(line.split('=', 1) for line in lines if '=' in line)

    return environment


def _listen(settings: Settings, environment: dict[str, str]) -> None:
    """Let RabbitMQ listen on the address of the services; pifpaf's listens on 127.0.0.1 only."""
    # Debian's rabbitmqctl on the PATH of root runs as another user, without this HOME.
    first = os.pathsep.join([_PATH[1], environment['PATH']])
    processes.run(settings.directory, [
        'rabbitmqctl', '--node', environment['PIFPAF_RABBITMQ_NODENAME'], 'eval',
        'ok = rabbit_networking:start_tcp_listener('
        f'{{"{settings.address}", {settings.ports["rabbitmq"]}}}, 10).',
    ], {**environment, 'PATH': first, 'HOME': environment['PIFPAF_RABBITMQ_HOME']})


def _create_databases(socket: str) -> None:
    # Only here, so that the rest can be tested without the packages of the deployment.
    import pymysql

    with pymysql.connect(unix_socket=socket, user='root') as connection, \
            connection.cursor() as cursor:
        for name in DATABASES:
            cursor.execute(f'CREATE DATABASE {name} CHARACTER SET utf8mb4')
        cursor.execute('SET GLOBAL max_connections = 4096')
        # Nobody needs the data after a power failure.
        cursor.execute('SET GLOBAL innodb_flush_log_at_trx_commit = 0')


def path() -> str:
    """Return PATH with the directories of programs that an ordinary user's lacks."""
    return os.pathsep.join([os.environ.get('PATH', os.defpath),
                            *(path for path in _PATH if Path(path).exists())])
