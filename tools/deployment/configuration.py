"""The configuration files of the services.

A function for each service returns its options by group. They are the options that a deployment on
one machine needs; everything else has its default. ``vpmem-harness nova-conf`` writes the options
of the computes.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.deployment.settings import REGION, Settings, data_file

Options = Mapping[str, Mapping[str, str]]

#: The filters of Nova's scheduler: those of its default, and three that tests need.
FILTERS = ('ComputeFilter', 'ComputeCapabilitiesFilter', 'ImagePropertiesFilter',
           'ServerGroupAntiAffinityFilter', 'ServerGroupAffinityFilter', 'NUMATopologyFilter',
           'SameHostFilter', 'DifferentHostFilter')


def keystone(settings: Settings) -> Options:
    """Identity: Fernet tokens, and passwords whose check is cheap."""
    keys = settings.etc / 'keystone'
    return {
        'database': {'connection': settings.database('keystone')},
        'token': {'provider': 'fernet'},
        # The least that bcrypt allows: each login takes a millisecond instead of a quarter second.
        'identity': {'password_hash_rounds': '4'},
        'fernet_tokens': {'key_repository': str(keys / 'fernet-keys')},
        'fernet_receipts': {'key_repository': str(keys / 'fernet-keys')},
        'credential': {'key_repository': str(keys / 'credential-keys')},
    }


def placement(settings: Settings) -> Options:
    """Inventories and allocations."""
    return {
        'placement_database': {'connection': settings.database('placement')},
        'keystone_authtoken': _authtoken(settings, 'placement'),
    }


def glance(settings: Settings) -> Options:
    """Images, in a directory."""
    images = settings.directory / 'images'
    return {
        'DEFAULT': {'enabled_backends': 'local:file',
                    'transport_url': settings.transport_url},
        'database': {'connection': settings.database('glance')},
        'glance_store': {'default_backend': 'local'},
        'local': {'filesystem_store_datadir': str(images / 'store')},
        'os_glance_staging_store': {'filesystem_store_datadir': str(images / 'staging')},
        'os_glance_tasks_store': {'filesystem_store_datadir': str(images / 'tasks')},
        'paste_deploy': {'flavor': 'keystone',
                         'config_file': str(data_file('glance', 'glance-api-paste.ini'))},
        'keystone_authtoken': _authtoken(settings, 'glance'),
        'oslo_concurrency': _locks(settings, 'glance'),
    }


def neutron(settings: Settings) -> Options:
    """Networks; the harness's mechanism driver binds ports without agents."""
    return {
        'DEFAULT': {'core_plugin': 'ml2', 'service_plugins': 'router',
                    'transport_url': settings.transport_url,
                    'api_paste_config': str(data_file('neutron', 'api-paste.ini')),
                    'dhcp_agent_notification': 'false'},
        'database': {'connection': settings.database('neutron')},
        'keystone_authtoken': _authtoken(settings, 'neutron'),
        'nova': _user(settings, 'nova'),
        'ml2': {'type_drivers': 'vxlan', 'tenant_network_types': 'vxlan',
                'mechanism_drivers': 'vpmem_harness', 'extension_drivers': 'port_security'},
        'ml2_type_vxlan': {'vni_ranges': '1:65535'},
        'quotas': {f'quota_{name}': '-1' for name in (
            'network', 'subnet', 'port', 'router', 'security_group', 'security_group_rule')},
        'oslo_concurrency': _locks(settings, 'neutron'),
    }


def nova(settings: Settings) -> Options:
    """Nova's services: the options of the computes, and the databases."""
    return {
        **nova_compute(settings),
        'api_database': {'connection': settings.database('nova_api')},
        'database': {'connection': settings.database('nova_cell1')},
    }


def nova_compute(settings: Settings) -> Options:
    """Options that all computes share; they have no access to the databases."""
    return {
        'DEFAULT': {'transport_url': settings.transport_url, 'my_ip': settings.address,
                    'state_path': str(settings.directory / 'nova'),
                    # Seconds: many computes on few processors report late, and are not down.
                    'service_down_time': str(max(60, settings.computes + settings.second)),
                    # Nothing but servers uses the memory of a simulated host.
                    'reserved_host_memory_mb': '0'},
        'keystone_authtoken': _authtoken(settings, 'nova'),
        'service_user': {**_user(settings, 'nova'), 'send_service_user_token': 'true'},
        'placement': _user(settings, 'placement'),
        'glance': {'region_name': REGION},
        'neutron': _user(settings, 'neutron'),
        'conductor': {'workers': '1'},
        'scheduler': {'workers': '1'},
        # Many hosts are equal. Requests at the same time would all choose the first one.
        'filter_scheduler': {'enabled_filters': ','.join(FILTERS),
                             'shuffle_best_same_weighed_hosts': 'true'},
        'quota': {'instances': '10000', 'cores': '20000', 'ram': '51200000'},
        # Ports are active as soon as they are bound, so that Neutron sends no event on arrival.
        'compute': {'live_migration_wait_for_vif_plug': 'false'},
        'oslo_concurrency': _locks(settings, 'nova'),
    }


#: The functions by the name of the file without its suffix.
FILES: Mapping[str, Callable[[Settings], Options]] = {
    'keystone': keystone, 'placement': placement, 'glance': glance, 'neutron': neutron,
    'nova': nova, 'nova-compute': nova_compute,
}


def path(settings: Settings, name: str) -> Path:
    """Return the path of a service's configuration file."""
    file = 'glance-api' if name == 'glance' else name
    return settings.etc / name / f'{file}.conf'


def write(settings: Settings) -> None:
    """Write the files of all services, readable for this user only."""
    for name, options in FILES.items():
        write_file(path(settings, name), options(settings))
    # Nova lets only administrators use flavors without a disk size.
    path(settings, 'nova').with_name('policy.yaml').write_text(
        'os_compute_api:servers:create:zero_disk_flavor: rule:project_member_or_admin\n')


def write_file(file: Path, options: Options) -> None:
    """Write one file, readable for this user only, and create its directory."""
    file.parent.mkdir(parents=True, exist_ok=True)
    parser = configparser.ConfigParser(interpolation=None, default_section='')
    parser.read_dict(options)
    file.touch(mode=0o600)
    with file.open('w') as output:
        parser.write(output)


def _user(settings: Settings, name: str) -> dict[str, str]:
    """How a service logs in to Keystone."""
    return {
        'auth_type': 'password', 'auth_url': settings.url('keystone'), 'region_name': REGION,
        'username': name, 'password': settings.password, 'user_domain_id': 'default',
        'project_name': 'service', 'project_domain_id': 'default',
    }


def _authtoken(settings: Settings, name: str) -> dict[str, str]:
    """How a service checks the tokens of its requests."""
    return {**_user(settings, name), 'www_authenticate_uri': settings.url('keystone'),
            'service_token_roles_required': 'true'}


def _locks(settings: Settings, name: str) -> dict[str, str]:
    return {'lock_path': str(settings.directory / 'locks' / name)}
