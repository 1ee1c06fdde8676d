"""Tests of whitebox-tempest-plugin: they log in to the hosts and look at domains and services.

An sshd on the address of each host gives a login there the tools and the libvirt of the host.
Tempest connects to port 22 and cannot be told another one, so that this needs root.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.deployment import computes, configuration, engines, hardware, processes, tempest
from tools.deployment.computes import FLEET, SSH_PORT
from tools.deployment.settings import ROOT, Settings, program
from vpmem_harness.releases import RELEASES

#: The tests of the plugin.
TESTS = r'^whitebox_tempest_plugin'

#: sshd uses this directory, and does not make it.
_SSHD_DIRECTORY = Path('/run/sshd')


def run(settings: Settings, regex: str = TESTS) -> int:
    """Run the tests that match, one at a time because they restart services.

    Returns 0 if none failed.

    :raises processes.DeploymentError: when this is not possible here.
    """
    if settings.second or os.getuid():
        raise processes.DeploymentError(
            'these tests need root, and a deployment without a second machine')
    key = _start_sshd(settings)
    nodes = computes.computes(settings) / 'nodes.yaml'
    # Each JSON document is a YAML document.
    nodes.write_text(json.dumps({name: node(settings, name)
                                 for name in computes.names(settings)}, indent=1))
    fleet = json.loads(processes.run(settings.directory, [
        program('vpmem-harness'), 'show', '--name', FLEET, '--json']))
    size = expected_size(fleet, _label(settings))
    return tempest.run(settings, regex, name='whitebox', workers=1,
                       more=options(settings, nodes, key, size))


def options(settings: Settings, nodes: Path, key: Path, size: int) -> configuration.Options:
    """Return the plugin's options: how to log in, and what the hosts have.

    :param nodes: the file that describes the services of each host.
    :param key: the private key for logins.
    :param size: the size that :func:`expected_size` returns, in bytes.
    """
    # Nova gives the attribute ``secure`` to every loader.
    uefi = str(not RELEASES[settings.release].refuses_loader_attributes).lower()
    return {
        'whitebox': {
            'nodes_yaml': str(nodes),
            'ctlplane_ssh_username': 'root',
            'ctlplane_ssh_private_key_path': str(key),
            'ctlplane_addresses': ','.join(
                f'{name}:{computes.address(number)}'
                for number, name in enumerate(computes.names(settings), 1)),
            'max_compute_nodes': str(settings.computes),
            'pmem_flavor_size': _label(settings), 'pmem_expected_size': f'{size}B',
            'file_backed_memory_size': '4096',
            # In MiB: a guest fills its largest huge pages.
            'hugepage_guest_ram_size': str(max(hardware.HUGE_PAGES) // 1024),
            'default_video_model': 'virtio',
        },
        'whitebox-hardware': {
            'smt_hosts': ','.join(computes.names(settings)),
            'cpu_topology': ','.join(f'{number}: {list(cpus)}'
                                     for number, cpus in hardware.CPUS.items()),
            'configured_hugepage_sizes': ','.join(map(str, hardware.HUGE_PAGES)),
            'dedicated_cpus_per_numa': str(hardware.DEDICATED),
            'shared_cpus_per_numa': str(hardware.SHARED),
        },
        'compute-feature-enabled': {
            'virtio_rng': 'true', 'vencrypt': 'false',
            'uefi_boot': uefi, 'uefi_secure_boot': uefi,
        },
    }


def expected_size(fleet: Mapping[str, Any], label: str) -> int:
    """Return what the test of persistent memory computes from a domain with one namespace.

    Nova's size of the device is that of the namespace, and the test adds the alignment.

    :param fleet: what ``vpmem-harness show --json`` prints.
    """
    return next(namespace['size'] + namespace['align']
                for host in fleet['hosts'] for region in host['regions']
                for namespace in region['namespaces'] if namespace['label'] == label)


def node(settings: Settings, host: str) -> dict[str, object]:
    """Return the description of a host: how its services are configured and restarted."""
    fault = f'{program("vpmem-harness")} fault --name {FLEET} {host} '
    deployment = f'env --chdir={ROOT} {sys.executable} -m tools.deployment '
    shared, dedicated = hardware.cpu_sets(computes.names(settings).index(host) + 1)
    return {'cpu_shared_set': shared, 'cpu_dedicated_set': dedicated, 'services': {
        'libvirt': {
            'start_command': f'{fault}--clear', 'stop_command': f'{fault}daemon-down',
        },
        'nova-compute': {
            'config_path': str(computes.computes(settings) / host / 'nova.conf'),
            'start_command': f'{deployment}start {host}',
            'stop_command': f'{deployment}stop {host}',
        },
    }}


def _label(settings: Settings) -> str:
    return settings.pmem.partition(':')[0]


def _start_sshd(settings: Settings) -> Path:
    """Start sshd unless it runs, and return the private key for logins."""
    engines.check(dict.fromkeys(('sshd', 'ssh-keygen'), 'openssh-server'))
    directory = computes.computes(settings)
    key = directory / 'login_key'
    if any(f' -f {directory}' in line for line in processes.find(settings.directory).values()):
        return key
    for name in ('ssh_host_key', 'login_key'):
        if not (directory / name).exists():
            processes.run(settings.directory, [
                'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', directory / name])
    sshd = shutil.which('sshd', path=engines.path())
    last = computes.address(settings.computes)
    if processes.listens(SSH_PORT, last):
        raise processes.DeploymentError(f'another process uses port {SSH_PORT} of {last}')
    _SSHD_DIRECTORY.mkdir(mode=0o755, exist_ok=True)
    # sshd sets its title and leaves its directory, so that it is found by its parent only.
    process = processes.start(settings.directory, 'sshd', [
        'sh', '-c', '"$@"; exit $?', 'sh',
        str(sshd), '-D', '-e', '-f', directory / 'sshd_config', '-o',
        f'AuthorizedKeysFile={key}.pub', '-o', 'StrictModes=no', '-o', 'PermitRootLogin=yes'])
    processes.wait('start of sshd', lambda: processes.listens(SSH_PORT, last), 30, process)
    return key
