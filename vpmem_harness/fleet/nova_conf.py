"""Configuration files for nova-computes on the hosts of a fleet."""

from __future__ import annotations

import configparser
import io
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import vpmem_harness.cloud.nova
from vpmem_harness.exceptions import unwritable
from vpmem_harness.fleet import service_files
from vpmem_harness.fleet.snapshot import HostState

#: Programs that nova-compute or a login runs, and that must not change this machine.
STAND_INS = ('e2label', 'mkfs', 'mkswap', 'qemu-img', 'ssh', 'sudo')

#: Seconds in which a stopped nova-compute ends. Nova 34's defaults keep it alive for 160 s.
#: The timeout of the manager must be less than that of the service.
SHUTDOWN_TIMEOUT = 10

#: The port of libvirt in Nova's default of ``live_migration_uri``.
LIBVIRT_PORT = 16509

#: Where the services of the cloud have the options that they share.
COMMON = Path('/etc/nova/nova.conf')

_COMMENT = """\
# For nova-compute on the simulated host {name}. Pass it after the file with the options that all
# services of the cloud share (transport_url, placement, keystone_authtoken, ...). Set the
# environment variables in the file env of this directory:
#   nova-compute --config-file /etc/nova/nova.conf --config-file {file}
"""


def write(hosts: Iterable[HostState], directory: Path) -> list[Path]:
    """Write ``bin`` with the stand-ins, and ``HOST/nova.conf`` and ``HOST/env`` for each host.

    Files that exist are replaced. Returns the configuration files.

    :raises InvalidInputError: when a file cannot be written.
    """
    directory = directory.absolute()
    try:
        _install(directory / 'bin')
        (directory / 'instances').mkdir(mode=0o755, exist_ok=True)
        return [_write_host(host, directory) for host in hosts]
    except OSError as error:
        raise unwritable('DIR', directory, error, kind='directory') from error


def options(host: HostState, directory: Path) -> Mapping[str, Mapping[str, str]]:
    """Return the options of a host's nova-compute by group."""
    own = directory / host.name
    return {
        'DEFAULT': {
            'host': host.name,
            'state_path': str(own / 'state'),
            # One directory for all hosts: a cold migration copies nothing then.
            'instances_path': str(directory / 'instances'),
            'compute_driver': 'libvirt.LibvirtDriver',
            'manager_shutdown_timeout': str(SHUTDOWN_TIMEOUT),
            'graceful_shutdown_timeout': str(2 * SHUTDOWN_TIMEOUT),
            **({'my_ip': host.address} if host.address else {}),
        },
        'libvirt': {
            'virt_type': 'qemu',
            'images_type': 'raw',
            'connection_uri': host.uri,
            **_live_migration(host),
            **({'pmem_namespaces': host.pmem_namespaces} if host.pmem_namespaces else {}),
        },
        'nova_sys_admin': {
            # sudo and rootwrap would find the machine's own ndctl, through their secure_path.
            'helper_command': f'privsep-helper --config-file {own / "nova.conf"}',
        },
        'oslo_concurrency': {'lock_path': str(own / 'state' / 'locks')},
        # Otherwise Nova copies the disk of a running guest to a qcow2 file, and there is no guest
        # that copies. With this option, Nova saves the guest and copies the file itself.
        'workarounds': {'disable_libvirt_livesnapshot': 'true'},
    }


def _live_migration(host: HostState) -> Mapping[str, str]:
    """Return the options with which other computes find a host's libvirt."""
    if host.address is None:
        return {}
    options = {'live_migration_inbound_addr': host.address}
    port = urlsplit(host.tcp_uri or '').port
    if port not in (None, LIBVIRT_PORT):
        # The source fills in the address of the destination: all hosts need the same port.
        options['live_migration_uri'] = f'qemu+tcp://%s:{port}/system'
    return options


def environment(host: HostState, directory: Path, path: str) -> dict[str, str]:
    """Return the environment of a host's nova-compute."""
    own = f'{host.tools}{os.pathsep}{Path(host.tools).parent / "nowhere"}'
    return {'PATH': os.pathsep.join([own, str(directory / 'bin'), path]),
            'LIBVIRT_DEFAULT_URI': host.uri}


def write_services(hosts: Sequence[HostState], directory: Path, *, manager: str | None = None,
                   common: Path = COMMON, ssh_port: int | None = None) -> list[Path]:
    """Write what starts the nova-computes and sshd, after :func:`write`; return the files.

    :param manager: ``supervisor`` or ``systemd``, or None for neither.
    :param common: the configuration file that all services of the cloud share.
    :param ssh_port: the port for sshd, or None for no configuration of sshd.
    :raises InvalidInputError: when the hosts have no addresses for sshd.
    """
    directory = directory.absolute()
    path = os.environ.get('PATH', os.defpath)
    environments = {host.name: environment(host, directory, path) for host in hosts}
    wait = 3 * SHUTDOWN_TIMEOUT
    written = []
    if manager == 'supervisor':
        written.append(service_files.write_supervisor(
            hosts, directory, common, wait, environments))
    elif manager == 'systemd':
        written.append(service_files.write_systemd(hosts, directory, common, wait))
    if ssh_port is not None:
        written.append(service_files.write_sshd(hosts, directory, ssh_port, environments))
    return written


def _write_host(host: HostState, directory: Path) -> Path:
    own = directory / host.name
    (own / 'state').mkdir(parents=True, exist_ok=True)
    file = own / 'nova.conf'
    parser = configparser.ConfigParser(interpolation=None, default_section='')
    parser.read_dict(options(host, directory))
    text = io.StringIO()
    parser.write(text)
    file.write_text(f'{_COMMENT.format(name=host.name, file=file)}\n{text.getvalue().rstrip()}\n')
    lines = environment(host, directory, os.environ.get('PATH', os.defpath)).items()
    (own / 'env').write_text(''.join(f'{name}={value}\n' for name, value in lines))
    return file


def _install(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    source = Path(next(iter(vpmem_harness.cloud.nova.__path__)), 'tools')
    for name in STAND_INS:
        shutil.copyfile(source / name, directory / name)
        (directory / name).chmod(0o755)
