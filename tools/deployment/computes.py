"""The simulated hosts and a nova-compute for each."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

from tools.deployment import configuration, hardware, processes, second_machine
from tools.deployment.cloud import Cloud
from tools.deployment.settings import Settings, program
from vpmem_harness.fleet.host_spec import numbered

#: The name of the fleet of simulated hosts, and of that on the second machine.
FLEET = 'deployment'
SECOND_FLEET = 'deployment-second'

#: The port for logins to the hosts: tempest cannot be told another one.
SSH_PORT = 22

#: The addresses of the hosts, with the number of the host for the braces.
_ADDRESSES = '127.0.1.{}'


def start_hosts(settings: Settings) -> None:
    """Start the simulated hosts, and write the configuration of their computes."""
    hardware.write(_hardware_file(settings))
    _up(settings, FLEET, 'compute{}', settings.computes, (
        second_machine.endpoints(1) if settings.second else
        f'{_ADDRESSES}:{settings.ports["libvirt"]}'))
    if settings.second:
        _up(settings, SECOND_FLEET, 'second{}', settings.second, second_machine.endpoints(2),
            second_machine.PREFIX)
    for number, host in enumerate(names(settings), 1):
        _complete(settings, computes(settings) / host / 'nova.conf', number)


def start(settings: Settings) -> None:
    """Start the computes and wait until Nova has found them."""
    parent = None
    if settings.forked:
        parent = _start_forked(settings, names(settings)[:settings.computes])
        if settings.second:
            _start_forked(settings, names(settings)[settings.computes:], second_machine.PREFIX)
    else:
        for host in names(settings):
            start_one(settings, host)
    cloud = Cloud(settings)
    processes.wait('start of the computes',
                   lambda: cloud.computes_up() >= set(names(settings)),
                   processes.START + 10 * len(names(settings)), parent)
    processes.run(settings.directory, [
        program('nova-manage'), '--config-file', configuration.path(settings, 'nova'),
        'cell_v2', 'discover_hosts'])


def start_one(settings: Settings, host: str) -> None:
    """Start the nova-compute of a host as a process of its own."""
    own = computes(settings) / host
    lines = (own / 'env').read_text().splitlines()
    processes.start(settings.directory, f'nova-{host}', command(settings, host),
                    dict(line.split('=', 1) for line in lines))


def stop_one(settings: Settings, host: str, seconds: float = 30) -> int:
    """End the nova-compute of a host and its helper; return the number of processes.

    :param seconds: how long they may take until they are killed.
    """
    return processes.stop(settings.directory, seconds, matching=f'computes/{host}/nova.conf')


def command(settings: Settings, host: str) -> list[str | Path]:
    """Return the command of a host's nova-compute."""
    prefix = second_machine.PREFIX if on_second(settings, host) else ()
    return [*prefix, program('nova-compute'),
            '--config-file', configuration.path(settings, 'nova-compute'),
            '--config-file', computes(settings) / host / 'nova.conf']


def names(settings: Settings) -> list[str]:
    """Return the names of the hosts."""
    return [*(f'compute{number + 1}' for number in range(settings.computes)),
            *(f'second{number + 1}' for number in range(settings.second))]


def on_second(settings: Settings, host: str) -> bool:
    """Whether a host is on the second machine."""
    return host in names(settings)[settings.computes:]


def address(number: int) -> str:
    """Return the IP address of a host, by its number from 1, if there is only one machine."""
    return numbered(_ADDRESSES, number)


def computes(settings: Settings) -> Path:
    """Return the directory of the computes' files."""
    return settings.directory / 'computes'


def _up(settings: Settings, fleet: str, pattern: str, hosts: int, listen: str,
        prefix: tuple[str, ...] = ()) -> None:
    """Start the hosts of a machine and write the files of their computes."""
    harness = program('vpmem-harness')
    processes.run(settings.directory, [
        *prefix, harness, 'up', '--name', fleet, '--name', pattern,
        '--hosts', str(hosts), '--pmem', settings.pmem,
        '--hardware', _hardware_file(settings), '--release', settings.release,
        '--listen', listen])
    # All computes share one directory of instances, on both machines.
    processes.run(settings.directory, [
        harness, 'nova-conf', '--name', fleet, '--ssh-port', str(SSH_PORT), computes(settings)])


def _start_forked(settings: Settings, hosts: list[str],
                  prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """Start the parent of the computes of a machine."""
    return processes.start(
        settings.directory, f'nova-computes-{hosts[0]}',
        [*prefix, program('vpmem-harness'), 'nova-computes', computes(settings), *hosts,
         '--common', configuration.path(settings, 'nova-compute')])


def _hardware_file(settings: Settings) -> Path:
    return computes(settings) / 'hardware.yaml'


def _complete(settings: Settings, file: Path, number: int) -> None:
    """Add to the configuration of a compute what is particular to this deployment.

    :param number: the number of its host, from 1.
    """
    parser = configparser.ConfigParser(interpolation=None, default_section='')
    parser.read(file)
    shared, dedicated = hardware.cpu_sets(number)
    parser.read_dict({'compute': {'cpu_shared_set': shared, 'cpu_dedicated_set': dedicated}})
    if os.getuid():
        # An ordinary user starts privsep-helper as root of a user namespace of its own.
        helper = parser['nova_sys_admin']
        helper['helper_command'] = f'unshare --map-root-user --keep-caps {helper["helper_command"]}'
    if settings.driver:
        parser['DEFAULT']['compute_driver'] = settings.driver
    configuration.write_file(file, parser)
