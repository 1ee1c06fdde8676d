"""Keystone, Placement, Glance, Neutron and Nova: schemas, catalog and processes."""

from __future__ import annotations

import contextlib
import grp
import http.client
import os
import pwd
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.deployment import configuration, processes
from tools.deployment.cloud import Cloud
from tools.deployment.settings import APIS, REGION, Settings, data_file, program

#: The WSGI modules of the web interfaces.
MODULES = {'keystone': 'keystone.wsgi.api', 'placement': 'placement.wsgi.api',
           'glance': 'glance.wsgi.api', 'neutron': 'neutron.wsgi.api',
           'nova': 'nova.wsgi.osapi_compute'}

#: What a service of Keystone's catalog is.
TYPES = {'placement': 'placement', 'glance': 'image', 'neutron': 'network', 'nova': 'compute'}

#: Processes of each web interface, so that services can call each other.
_API_PROCESSES = 2


def create_schemas(settings: Settings) -> None:
    """Create the tables of all databases; all services at the same time."""
    def manage(name: str, command: str, *lines: str) -> None:
        for line in lines:
            processes.run(settings.directory,
                          [program(command), '--config-file', configuration.path(settings, name),
                           *line.split()])

    owner = (f'--keystone-user {pwd.getpwuid(os.getuid()).pw_name} '
             f'--keystone-group {grp.getgrgid(os.getgid()).gr_name}')
    cell0, cell1 = settings.database('nova_cell0'), settings.database('nova_cell1')
    for name in ('fernet-keys', 'credential-keys'):
        (settings.etc / 'keystone' / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        for done in [
            pool.submit(manage, 'neutron', 'neutron-db-manage', 'upgrade heads'),
            pool.submit(manage, 'keystone', 'keystone-manage', 'db_sync',
                        f'fernet_setup {owner}', f'credential_setup {owner}'),
            pool.submit(manage, 'nova', 'nova-manage', 'api_db sync',
                        f'cell_v2 map_cell0 --database_connection {cell0}',
                        'cell_v2 create_cell --name cell1 --database_connection '
                        f'{cell1} --transport-url {settings.transport_url}', 'db sync'),
            pool.submit(manage, 'glance', 'glance-manage', 'db_sync'),
            pool.submit(manage, 'placement', 'placement-manage', 'db sync'),
        ]:
            done.result()
    processes.run(settings.directory, [
        program('keystone-manage'), '--config-file', configuration.path(settings, 'keystone'),
        'bootstrap', '--bootstrap-password', settings.password,
        '--bootstrap-region-id', REGION,
        *(word for kind in ('public', 'internal')
          for word in (f'--bootstrap-{kind}-url', settings.url('keystone')))])


def start(settings: Settings) -> None:
    """Start all services and fill Keystone's catalog."""
    _start_api(settings, 'keystone')()
    Cloud(settings).create_catalog({name: (TYPES[name], settings.url(name)) for name in TYPES})
    waits = [_start_api(settings, name) for name in APIS if name != 'keystone']
    for name in ('nova-conductor', 'nova-scheduler'):
        processes.start(settings.directory, name, [
            program(name), '--config-file', configuration.path(settings, 'nova')])
    for ready in waits:
        ready()


def environment(settings: Settings, name: str) -> Mapping[str, str]:
    """Return the variables that tell a WSGI module its configuration."""
    directory = str(configuration.path(settings, name).parent)
    # By default, Neutron also reads ml2_conf.ini, which must exist.
    files = {'OS_NEUTRON_CONFIG_FILES': 'neutron.conf'} if name == 'neutron' else {}
    return {f'OS_{name.upper()}_CONFIG_DIR': directory, **files}


def uwsgi(settings: Settings, name: str) -> list[str]:
    """Return the command of a web interface."""
    return [program('uwsgi'), '--http-socket', f'{settings.address}:{settings.ports[name]}',
            '--module', MODULES[name], '--master', '--processes', str(_API_PROCESSES),
            '--enable-threads', '--lazy-apps', '--need-app', '--die-on-term', '--no-orphans',
            '--buffer-size', '65535', '--disable-logging',
            # Nova uploads snapshots in chunks of one MiB, for which the default is too small by
            # their headers. By default, an upload also fails when its client waits four seconds.
            '--http-chunked-input', '--chunked-input-limit', str(4 << 20),
            '--chunked-input-timeout', '120', '--socket-timeout', '120',
            '--add-header', 'Connection: close', '--procname', f'uwsgi {name}']


def _start_api(settings: Settings, name: str) -> Callable[[], None]:
    """Start a web interface; a call waits until it answers."""
    if name == 'nova':
        _copy_paste_file(settings)
    process = processes.start(settings.directory, f'{name}-api', uwsgi(settings, name),
                              environment(settings, name))
    address = f'{settings.address}:{settings.ports[name]}'
    return lambda: processes.wait(
        f'start of {name}', lambda: _answers(address), processes.START, process)


def _answers(address: str) -> bool:
    with contextlib.closing(http.client.HTTPConnection(address, timeout=60)) as web:
        try:
            web.request('GET', '/')
            return web.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False


def _copy_paste_file(settings: Settings) -> None:
    """Nova looks for its api-paste.ini beside nova.conf."""
    copy = Path(configuration.path(settings, 'nova').parent, 'api-paste.ini')
    copy.write_text(data_file('nova', 'api-paste.ini').read_text())
