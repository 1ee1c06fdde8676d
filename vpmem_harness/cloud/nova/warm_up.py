"""Database calls of common operations, which compile their statements before the forks."""

from __future__ import annotations

import contextlib
import uuid

from nova import context as nova_context
from nova import exception, objects
from nova.db.main import api as main_db_api

#: What Nova reads together with a server, and when it updates one. A statement for other columns is
#: compiled at its first use.
_BASE = ['metadata', 'system_metadata']
_READ: tuple[list[str], ...] = (
    [],
    ['info_cache'],
    [*_BASE, 'extra', 'extra.flavor'],
    [*_BASE, 'security_groups', 'info_cache', 'extra', 'extra.numa_topology', 'extra.flavor'],
    ['services', 'pci_devices', *_BASE, 'security_groups', 'info_cache', 'extra',
     'extra.numa_topology', 'extra.pci_requests', 'extra.flavor', 'extra.vcpu_model',
     'extra.trusted_certs', 'extra.resources'],
)
_UPDATED: tuple[list[str], ...] = (
    [*_BASE, 'info_cache'],
    [*_BASE, 'info_cache', 'security_groups'],
    [*_BASE, 'info_cache', 'security_groups', 'tags'],
    [*_BASE, 'info_cache', 'security_groups', 'services'],
)


def compile_statements() -> None:
    """Read and write like common operations, in databases that are discarded afterwards."""
    context = nova_context.RequestContext('user', 'project', is_admin=True)
    server = str(uuid.uuid4())
    main_db_api.instance_create(context, {
        'uuid': server, 'project_id': 'project', 'metadata': {'key': 'value'},
        'system_metadata': {'key': 'value'}, 'security_groups': ['default']})
    for columns in _READ:
        main_db_api.instance_get_by_uuid(context, server, columns_to_join=columns)
    for columns in _UPDATED:
        main_db_api.instance_update_and_get_original(
            context, server, {'vm_state': 'active'}, columns_to_join=columns)
    objects.FlavorList.get_all(context)
    objects.AggregateList.get_all(context)
    objects.AggregateList.get_by_host(context, 'host')
    objects.CellMappingList.get_all(context)
    objects.InstanceList.get_by_host(context, 'host')
    objects.MigrationList.get_in_progress_by_host_and_node(context, 'host', 'node')
    objects.BlockDeviceMappingList.get_by_instance_uuid(context, server)
    for kind, method, key in (
            (objects.Flavor, 'get_by_flavor_id', 'flavor'),
            (objects.HostMapping, 'get_by_host', 'host'),
            (objects.InstanceMapping, 'get_by_instance_uuid', server),
            (objects.BuildRequest, 'get_by_instance_uuid', server),
            (objects.RequestSpec, 'get_by_instance_uuid', server)):
        with contextlib.suppress(exception.NotFound, exception.HostMappingNotFound):
            getattr(kind, method)(context, key)
