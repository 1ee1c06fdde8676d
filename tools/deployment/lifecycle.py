"""Start the whole cloud, and end it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tools.deployment import (
    cloud,
    computes,
    configuration,
    control_plane,
    engines,
    processes,
    second_machine,
)
from tools.deployment.settings import Settings
from vpmem_harness.fleet import places


def up(settings: Settings, say: Callable[[str], None]) -> Settings:
    """Start a cloud and return its settings with all addresses.

    First ends the processes of an earlier one in the same directory. When the start fails, the
    processes and logs remain for a look, until ``down`` or the next start.

    :raises processes.DeploymentError: when a part does not start.
    """
    engines.check()
    if settings.second:
        second_machine.check(settings)
    ended = down(settings.directory)
    if ended:
        say(f'ended {ended} processes of an earlier deployment')
    processes.working(settings.directory).mkdir(parents=True)
    settings.save()
    if settings.second:
        second_machine.create(settings)
    say('MariaDB, and RabbitMQ in the background')
    settings, messages_ready = engines.start(settings)
    settings.save()
    configuration.write(settings)
    computes.start_hosts(settings)
    say('database schemas')
    control_plane.create_schemas(settings)
    messages_ready()
    say('Keystone, Placement, Glance, Neutron and Nova')
    control_plane.start(settings)
    say(f'{settings.computes + settings.second} computes')
    computes.start(settings)
    say('all computes are up')
    connection = cloud.Cloud(settings)
    connection.create_resources()
    openrc = settings.directory / 'openrc'
    openrc.touch(mode=0o600)
    openrc.write_text(cloud.rc_file(settings))
    # Other drivers have no persistent memory.
    server = connection.boot('first', 'plain' if settings.driver else 'pmem')
    say('the first server is ACTIVE')
    connection.delete(server)
    return settings


def down(directory: Path) -> int:
    """End the processes of the deployment in a directory, and remove it.

    Clients end before the services that they use. Returns the number of processes.
    """
    count = sum(processes.stop(directory, matching=part)
                for part in ('/nova-compute ', '/nova-', 'uwsgi', '-m vpmem_harness', ''))
    second_machine.remove(directory)
    shutil.rmtree(directory, ignore_errors=True)
    places.running(None)    # removes what a killed process has left of the simulated hosts
    return count
