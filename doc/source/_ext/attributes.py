"""Descriptions of attributes that the source describes only as a group.

A dataclass explains its fields in its docstring. The reference also shows each field with its type;
this extension adds a description to the fields that have none of their own.
"""

from __future__ import annotations

import importlib
import inspect

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

from vpmem_harness.cloud import errors

#: The descriptions, by class and attribute.
ATTRIBUTES: dict[str, dict[str, str]] = {
    'cloud.compute.Compute': {
        'is_up': 'Whether the compute service runs.',
    },
    'cloud.server.Server': {
        'vm_state': "Nova's vm_state, the state at rest.",
        'task_state': "Nova's task_state: what is being done to the server, or None.",
        'power_state': 'The state of the domain, as the compute service last saw it.',
        'flavor': 'The current flavor.',
    },
    'cloud.flavors.Flavor': {
        'name': 'The name.',
        'flavorid': 'The id that the API uses.',
        'vcpus': 'The number of virtual CPUs.',
        'ram': 'Memory in MiB, without persistent memory.',
        'disk': 'Root disk in GiB.',
        'ephemeral': 'Ephemeral disk in GiB.',
        'swap': 'Swap disk in MiB.',
        'extra_specs': 'Extra specs, such as ``hw:pmem``.',
    },
    'cloud.api.ServerRecord': {
        'id': 'The UUID.',
        'name': 'The name.',
        'instance_name': 'The name of the domain.',
        'vm_state': "Nova's vm_state.",
        'task_state': "Nova's task_state, or None.",
        'power_state': 'The state of the domain, as the compute service last saw it.',
        'host': 'The name of the host, or None.',
        'flavor': 'The flavor.',
        'fault': 'The latest fault, or None.',
        'namespaces': 'The namespaces on ``host``, in the order of ``hw:pmem``.',
        'old_namespaces': 'The namespaces on the source of an unconfirmed move.',
        'created': 'When the server was created.',
        'launched': 'When its guest started for the first time.',
    },
    'cloud.api.VPMEMDevice': {
        'label': 'The label in ``pmem_namespaces``.',
        'name': "The namespace's name, such as ``ns_0``.",
        'devpath': 'The path of the device, such as ``/dev/dax0.0``.',
        'size': 'The size in bytes.',
        'align': 'The alignment in bytes.',
    },
    'cloud.api.Fault': {
        'message': 'The message that the API shows.',
        'code': 'The HTTP status code of the error.',
        'details': 'A traceback if ``code`` is 500, otherwise empty.',
        'created': 'When the fault was recorded.',
    },
    'cloud.api.InstanceAction': {
        'action': "Nova's name of the request, such as ``resize``.",
        'request_id': 'The id of the request.',
        'message': "``'Error'`` if the request failed, otherwise None.",
        'events': 'The steps, oldest first.',
        'start_time': 'When the request was made.',
    },
    'cloud.api.InstanceActionEvent': {
        'event': "Nova's name of the step, such as ``compute_finish_resize``.",
        'host': 'The host on which the step ran.',
        'result': "``'Success'``, ``'Error'``, or None while the step runs.",
        'traceback': 'The traceback of the error.',
        'details': 'The message of the error.',
        'start_time': 'When the step began.',
        'finish_time': 'When the step ended, or None while it runs.',
    },
    'cloud.api.MigrationRecord': {
        'uuid': 'The UUID; also the consumer that holds the allocations on the source.',
        'instance_uuid': 'The id of the server.',
        'migration_type': '``resize``, ``migration``, ``live-migration`` or ``evacuation``.',
        'status': "Nova's status of the move, such as ``finished`` or ``error``.",
        'source_compute': 'The name of the source host.',
        'dest_compute': 'The name of the destination host, or None if none is chosen yet.',
    },
    'cloud.api.Inventory': {
        'total': 'How much the provider has.',
        'reserved': 'How much of it cannot be allocated.',
        'min_unit': 'The smallest amount of one allocation.',
        'max_unit': 'The largest amount of one allocation.',
        'step_size': 'Every amount is a multiple of this.',
        'allocation_ratio': 'The overcommit factor.',
    },
    'host.audit.Kind': {
        'LEAKED': "A guest started on a namespace that held another server's data.",
        'TAKEN': 'A namespace was wiped or given to another server while it was in use.',
        'SHARED': 'Two guests run on one namespace.',
        'LOST': 'Data are lost, and no request asked for it.',
        'LEFT': 'A server is gone, and its data are still there.',
    },
    'host.audit.Report': {
        'kind': 'What went wrong.',
        'operation': "What was requested at that time, such as ``'confirmResize of server1'``.",
        'host': 'The name of the host.',
        'namespace': 'The name of the namespace.',
        'device': 'The path of its device.',
        'servers': 'The ids of the servers, beginning with the one that suffers.',
        'over': 'Whether the operation had ended before.',
    },
    'pmem.CommandResult': {
        'returncode': 'The exit status.',
        'stdout': 'Standard output.',
        'stderr': 'Standard error.',
        'pieces': 'The texts of both streams in the order of output.',
        'payload': 'Binary output of daxio after ``stdout``, as a description, or None.',
    },
    'pmem.Namespace': {
        'dev': "ndctl's name, such as ``namespace0.1``.",
        'mode': '``devdax``, ``fsdax``, ``sector`` or ``raw``.',
        'map': '``dev`` or ``mem``: where the page structures are, or None.',
        'size': 'The usable size in bytes.',
        'raw_size': 'The size in bytes that the namespace takes from its region.',
        'uuid': 'The UUID, or None.',
        'name': 'The name in its label, such as ``ns_0``, or None.',
        'align': 'The alignment in bytes, or None.',
        'sector_size': 'The sector size in bytes, or None.',
        'region': "The region's name, such as ``region0``.",
        'numa_node': 'The NUMA node of the region.',
        'chardev': 'The character device, such as ``dax0.0``, or None.',
        'blockdev': 'The block device, such as ``pmem0``, or None.',
        'state': '``enabled`` or ``disabled``.',
        'address': "The start in the machine's physical memory.",
        'openable': 'Whether the device can be opened.',
        'minor': 'The minor number of the character device, or None.',
    },
    'pmem.DimmSpec': {
        'size': 'The size in bytes, without the label area.',
        'numa_node': 'The NUMA node of the region.',
        'target_node': 'The NUMA node that the memory becomes when it is onlined.',
        'firmware_commands': 'Whether the firmware answers the commands for health and errors.',
        'labels': '``blank``, ``initialized`` or ``none``.',
        'label_area': 'The size of the label area in bytes.',
        'interleave': 'DIMMs with the same word form one interleaved region.',
        'id': 'The identity: vendor, place and date of manufacture, and serial number.',
        'handle': 'The NFIT device handle.',
        'phys_id': 'The handle of the entry in the SMBIOS.',
        'offset': 'Where its part of the region starts, in bytes of its own addresses.',
        'position': 'The place in the interleave set.',
        'iset_id': 'The identity of the interleave set.',
        'security': 'The state of the security features.',
        'security_frozen': 'Whether that state is frozen until the next power cycle.',
        'health': 'What the firmware reports of the health.',
        'firmware': 'What the DIMM reports of its firmware.',
        'flags': 'Problems that the platform reports.',
        'provider': 'The bus.',
        'persistence_domain': 'Up to where the platform flushes stores when power fails.',
        'mapping': "The place in the firmware's description of the region.",
        'region_align': 'The alignment of the region in bytes.',
        'label_version': 'The version of initialized labels.',
        'address': 'The physical address of the region.',
    },
    'novatests.integrated_helpers.InstanceHelperMixin': {
        'cloud': 'The cloud of the test. Set it in ``setUp``.',
        '_wait_until_deleted': 'Wait until a server is deleted.',
        '_delete_server': 'Delete a server and wait until it is deleted.',
        '_evacuate_server': 'Evacuate a server and wait for its state.',
        '_get_provider_usages': 'Return the used amounts of a provider by resource class.',
        '_get_provider_uuid_by_host': 'Return the UUID of the provider of a host.',
        '_host_by_provider_uuid': 'Return the name of the host of a provider.',
    },
}


def describe(app: Sphinx) -> None:
    """Add the descriptions to the attributes that have none, before autodoc reads them.

    :raises AttributeError: for a class that is not there any more.
    """
    for path, descriptions in ATTRIBUTES.items():
        module, _, name = f'vpmem_harness.{path}'.rpartition('.')
        owner = getattr(importlib.import_module(module), name)
        analyzer = ModuleAnalyzer.for_module(owner.__module__)
        analyzer.analyze()
        for attribute, description in descriptions.items():
            member = inspect.getattr_static(owner, attribute, None)
            if inspect.isfunction(member) or inspect.isdatadescriptor(member):
                # A named tuple describes its fields by their position only.
                if (member.__doc__ or 'Alias for field number').startswith('Alias for field'):
                    member.__doc__ = description
            else:
                # A member of an enumeration, or a field.
                analyzer.attr_docs.setdefault((owner.__qualname__, attribute), [description, ''])
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.NovaException):
            # The base class would describe it otherwise.
            error.__doc__ = vars(error).get('__doc__') or (
                f'Message: ``{" ".join(error.msg_fmt.split())}``')


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect('builder-inited', describe)
    return {'parallel_read_safe': True}
