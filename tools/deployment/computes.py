"""The simulated hosts and a nova-compute for each."""

from __future__ import annotations

import os
from pathlib import Path

from tools.deployment import configuration, processes
from tools.deployment.cloud import Cloud
from tools.deployment.settings import Settings, program

#: The name of the fleet of simulated hosts.
FLEET = 'deployment'


def start_hosts(settings: Settings) -> None:
    """Start the simulated hosts, and write the configuration of their computes."""
    harness = program('vpmem-harness')
    processes.run(settings.directory, [
        harness, 'up', '--name', FLEET, '--name', 'compute{}',
        '--hosts', str(settings.computes), '--pmem', settings.pmem])
    processes.run(settings.directory, [
        harness, 'nova-conf', '--name', FLEET, str(computes(settings))])


def start(settings: Settings) -> None:
    """Start the computes and wait until Nova has found them."""
    for host in names(settings):
        start_one(settings, host)
    cloud = Cloud(settings)
    processes.wait('start of the computes',
                   lambda: cloud.computes_up() >= set(names(settings)),
                   120 + 10 * settings.computes)
    processes.run(settings.directory, [
        program('nova-manage'), '--config-file', configuration.path(settings, 'nova'),
        'cell_v2', 'discover_hosts'])


def start_one(settings: Settings, host: str) -> None:
    """Start the nova-compute of a host."""
    own = computes(settings) / host
    lines = (own / 'env').read_text().splitlines()
    processes.start(settings.directory, f'nova-{host}', command(settings, host),
                    dict(line.split('=', 1) for line in lines))


def command(settings: Settings, host: str) -> list[str | Path]:
    """Return the command of a host's nova-compute."""
    return [program('nova-compute'),
            '--config-file', configuration.path(settings, 'nova-compute'),
            '--config-file', computes(settings) / host / 'nova.conf',
            *(['--config-file', _privileges(settings, host)] if os.getuid() else [])]


def names(settings: Settings) -> list[str]:
    """Return the names of the hosts."""
    return [f'compute{number + 1}' for number in range(settings.computes)]


def computes(settings: Settings) -> Path:
    """Return the directory of the computes' files."""
    return settings.directory / 'computes'


def _privileges(settings: Settings, host: str) -> Path:
    """Write how an ordinary user starts privsep-helper: as root of a user namespace of its own."""
    own = computes(settings) / host
    file = own / 'privileges.conf'
    configuration.write_file(file, {'nova_sys_admin': {
        'helper_command': 'unshare --map-root-user --keep-caps '
                          f'{program("privsep-helper")} --config-file {own / "nova.conf"} '
                          f'--config-file {file}'}})
    return file
