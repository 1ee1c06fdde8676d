"""Tempest's compute tests on the deployment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

from tools.deployment import configuration, processes
from tools.deployment.cloud import IMAGE, PUBLIC, Cloud
from tools.deployment.settings import ROOT, Settings, program

#: The tests that run without a regular expression from the user.
COMPUTE_TESTS = r'^tempest\.api\.compute'

#: Workers, each with projects of its own.
_WORKERS = 2


def options(settings: Settings, image: str, flavors: tuple[str, str], public_network: str,
            extensions: Iterable[str]) -> configuration.Options:
    """Return the options of tempest.conf: what this cloud has, and what it does not.

    :param flavors: the identifiers of the flavor for servers and of that for resizes.
    :param extensions: the aliases of Neutron's extensions.
    """
    return {
        'DEFAULT': {'log_file': str(settings.directory / 'log' / 'tempest.log')},
        'oslo_concurrency': {'lock_path': str(settings.directory / 'locks' / 'tempest')},
        'auth': {'admin_username': 'admin', 'admin_password': settings.password,
                 'admin_project_name': 'admin', 'admin_domain_name': 'Default',
                 'use_dynamic_credentials': 'true'},
        'identity': {'uri_v3': settings.url('keystone'), 'v3_endpoint_type': 'public'},
        'compute': {'image_ref': image, 'image_ref_alt': image, 'flavor_ref': flavors[0],
                    'flavor_ref_alt': flavors[1], 'min_compute_nodes': str(settings.computes),
                    'max_microversion': 'latest'},
        'compute-feature-enabled': {
            'resize': 'true', 'cold_migration': 'true', 'live_migration': 'true',
            'live_migrate_back_and_forth': 'true', 'can_migrate_between_any_hosts': 'true',
            # The computes share their instances, so that there are no disks to copy.
            'block_migration_for_live_migration': 'false',
            # There is no program that makes ISO images, and no proxy for VNC.
            'config_drive': 'false', 'vnc_console': 'false',
            # A simulated guest does not run, so that it prints nothing.
            'console_output': 'false',
            'attach_encrypted_volume': 'false',
            'scheduler_enabled_filters': ','.join(configuration.FILTERS),
        },
        'network': {'public_network_id': public_network, 'floating_network_name': PUBLIC,
                    'project_networks_reachable': 'false'},
        'network-feature-enabled': {'api_extensions': ','.join(extensions)},
        # A simulated guest does not run: nobody answers on its address.
        'validation': {'run_validation': 'false'},
        'service_available': {'cinder': 'false', 'swift': 'false', 'horizon': 'false',
                              'nova': 'true', 'neutron': 'true', 'glance': 'true'},
    }


def run(settings: Settings, regex: str, *, name: str = 'tempest', workers: int = _WORKERS,
        more: configuration.Options = MappingProxyType({})) -> int:
    """Run the tests that match, print how many passed, and return 0 if none failed.

    :param name: the name of the results in the directory of logs.
    :param more: options besides those of :func:`options`, or in place of them.
    """
    workspace = settings.directory / 'tempest'
    workspace.mkdir(exist_ok=True)
    file = workspace / 'tempest.conf'
    usual = _options(settings)
    configuration.write_file(file, {group: {**usual.get(group, {}), **more.get(group, {})}
                                    for group in {**usual, **more}})
    stream = settings.directory / 'log' / f'{name}.subunit'
    with stream.open('wb') as output:
        subprocess.run(  # noqa: S603 - our own command
            [program('tempest'), 'run', '--config-file', str(file), '--regex', regex,
             '--concurrency', str(workers), '--subunit'],
            stdout=output, cwd=workspace, env=processes.environment(settings.directory),
            check=False)
    return _count(stream)


def _options(settings: Settings) -> configuration.Options:
    connection = Cloud(settings).connection
    return options(
        settings, connection.image.find_image(IMAGE).id,
        (connection.compute.find_flavor('plain').id,
         connection.compute.find_flavor('plain-large').id),
        connection.network.find_network(PUBLIC).id,
        sorted(extension.alias for extension in connection.network.extensions()))


def _count(stream: Path) -> int:
    with stream.open('rb') as results:
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, str(ROOT / 'tools' / 'count_tests.py')], stdin=results,
            check=False).returncode
