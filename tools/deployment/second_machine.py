"""A network namespace that stands for a second machine with simulated hosts.

A pair of virtual Ethernet devices connects the machines. Each has a network for documentation
(RFC 5737) with an address for each host. Their file system is the same, as if the directory of
instances were shared by NFS.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from tools.deployment import processes
from tools.deployment.settings import SHARED_ADDRESS, Settings

#: The name of the network namespace.
NAMESPACE = 'vpmem-fleet'

#: What runs a program on the second machine.
PREFIX = ('ip', 'netns', 'exec', NAMESPACE)

#: The devices on the first and on the second machine.
_DEVICES = ('vpmem-fleet0', 'vpmem-fleet1')

#: The networks of the machines, without the number of the host.
_NETWORKS = {1: '198.51.100', 2: '203.0.113'}

#: The number of addresses for hosts in a network; SHARED_ADDRESS is not one of them.
HOSTS = 253

#: The port of libvirt in Nova's default of ``live_migration_uri``.
_PORT = 16509


def check(settings: Settings) -> None:
    """Check that this user can make network namespaces, and that the addresses are enough.

    :raises processes.DeploymentError: when not.
    """
    if os.getuid() or shutil.which('ip') is None:
        raise processes.DeploymentError('--second-machine needs root, and the program ip')
    most = max(settings.computes, settings.second)
    if most > HOSTS:
        raise processes.DeploymentError(
            f'--second-machine allows at most {HOSTS} computes on a machine, not {most}')


def address(machine: int, number: int | str) -> str:
    """Return the IP address of a host; its network has 24 bits."""
    return f'{_NETWORKS[machine]}.{number}'


def endpoints(machine: int) -> str:
    """Return the listening addresses of a machine's hosts, as an option of ``up``."""
    return f'{address(machine, "{}")}:{_PORT}'


def create(settings: Settings) -> None:
    """Create the network namespace, the devices, and an address for each host.

    :raises processes.DeploymentError: when the namespace or an address exists.
    """
    first, second = _DEVICES
    commands = [f'ip netns add {NAMESPACE}',
                f'ip link add {first} type veth peer name {second} netns {NAMESPACE}',
                f'ip address add {SHARED_ADDRESS}/24 dev {first}']
    commands += [f'ip address add {address(1, number + 1)}/24 dev {first}'
                 for number in range(settings.computes)]
    commands += [f'ip -netns {NAMESPACE} address add {address(2, number + 1)}/24 dev {second}'
                 for number in range(settings.second)]
    commands += [f'ip link set {first} up', f'ip -netns {NAMESPACE} link set {second} up',
                 f'ip -netns {NAMESPACE} link set lo up',
                 f'ip route add {address(2, 0)}/24 dev {first}',
                 f'ip -netns {NAMESPACE} route add {address(1, 0)}/24 dev {second}']
    for command in commands:
        processes.run(settings.directory, command.split())


def remove(directory: Path) -> None:
    """Remove the devices and the namespace of the deployment in a directory."""
    try:
        second = Settings.load(directory).second
    except processes.DeploymentError:
        return
    if second:
        # The kernel removes the devices of a namespace some time after the namespace.
        for command in (f'ip link delete {_DEVICES[0]}', f'ip netns delete {NAMESPACE}'):
            with contextlib.suppress(processes.DeploymentError):
                processes.run(directory, command.split())
