"""The argument checks of libvirt's public functions, by procedure.

libvirtd calls the public functions, so it repeats their checks for clients that make none. A row
is::

    PROCEDURE CHECK ...

with its checks in libvirt's order. In a check, ``A`` is an argument of the procedure, written
``A:B`` if the public function calls it ``B``:

====================  ===========================================================================
``A!=null``           A is not absent, empty or, for the length of a buffer, zero
``A!=''``             A is neither absent nor an empty string
``A!=0``              A, or its length, is not zero
``A>0``               A, or its length, is greater than zero
``A>=0``              A is zero or greater
``A<=LIMIT``          the daemon's own limit for the length of a result: see ``LIMITS``
``F^G``               the flags F and G exclude each other
``F->G``              the flag F requires the flag G
``F{G^H}``            short for ``FG^FH``, and likewise with ``->``
``ro``                the place of the refusal to a read-only client, which is else the first
``@name``             the function ``name`` of ``argument_checks.py``
====================  ===========================================================================

Flags are written without their ``VIR_``. Checks that no message can fail are left out, such as
that a string, which is never absent on the wire, is not NULL.

Source: libvirt 9.0.0, src/libvirt-*.c (virCheck*, VIR_EXCLUSIVE_FLAGS_*, VIR_REQUIRE_FLAG_*) and,
for the limits, src/remote/remote_daemon_dispatch.c, src/remote/remote_protocol.x and
src/rpc/gendispatch.pl, with Debian's patch against CVE-2024-2494.
"""

from __future__ import annotations

from typing import Final

CHECKS: Final = """
connect_baseline_cpu xmlCPUs!=null
connect_baseline_hypervisor_cpu xmlCPUs!=null ro
connect_list_defined_domains maxnames<=REMOTE_DOMAIN_LIST_MAX
connect_list_defined_interfaces maxnames<=REMOTE_INTERFACE_LIST_MAX
connect_list_defined_networks maxnames<=REMOTE_NETWORK_LIST_MAX
connect_list_defined_storage_pools maxnames<=REMOTE_STORAGE_POOL_LIST_MAX
connect_list_domains maxids<=REMOTE_DOMAIN_LIST_MAX
connect_list_interfaces maxnames<=REMOTE_INTERFACE_LIST_MAX
connect_list_networks maxnames<=REMOTE_NETWORK_LIST_MAX
connect_list_nwfilters maxnames<=REMOTE_NWFILTER_LIST_MAX
connect_list_secrets maxuuids<=REMOTE_SECRET_LIST_MAX
connect_list_storage_pools maxnames<=REMOTE_STORAGE_POOL_LIST_MAX

domain_authorized_ssh_keys_set @authorized_ssh_keys
        DOMAIN_AUTHORIZED_SSH_KEYS_SET_{APPEND^REMOVE} ro
domain_block_peek size<=REMOTE_DOMAIN_BLOCK_PEEK_BUFFER_MAX ro path:disk!=''
domain_block_rebase @block_rebase
domain_block_stats_flags nparams<=REMOTE_DOMAIN_BLOCK_STATS_PARAMETERS_MAX
domain_checkpoint_create_xml DOMAIN_CHECKPOINT_CREATE_{REDEFINE^QUIESCE}
        DOMAIN_CHECKPOINT_CREATE_{REDEFINE_VALIDATE->REDEFINE}
domain_checkpoint_delete DOMAIN_CHECKPOINT_DELETE_{CHILDREN^CHILDREN_ONLY}
domain_core_dump DUMP_{CRASH^LIVE} DUMP_{CRASH^RESET} DUMP_{LIVE^RESET}
domain_core_dump_with_format @dump_format DUMP_{CRASH^LIVE} DUMP_{CRASH^RESET} DUMP_{LIVE^RESET}
domain_del_iothread iothread_id!=0
domain_get_blkio_parameters nparams<=REMOTE_DOMAIN_BLKIO_PARAMETERS_MAX
        DOMAIN_AFFECT_{LIVE^CONFIG}
domain_get_block_info path:disk!=''
domain_get_block_io_tune nparams<=REMOTE_DOMAIN_BLOCK_IO_TUNE_PARAMETERS_MAX @block_io_tune
        DOMAIN_AFFECT_{LIVE^CONFIG}
domain_get_cpu_stats @cpu_stats
domain_get_disk_errors maxerrors<=REMOTE_DOMAIN_DISK_ERRORS_MAX
domain_get_emulator_pin_info @map_length maplen:cpumap!=null
        DOMAIN_AFFECT_{LIVE^CONFIG}
domain_get_interface_parameters nparams<=REMOTE_DOMAIN_INTERFACE_PARAMETERS_MAX
domain_get_iothread_info DOMAIN_AFFECT_{LIVE^CONFIG}
domain_get_job_stats DOMAIN_JOB_STATS_{KEEP_COMPLETED->COMPLETED}
domain_get_memory_parameters nparams<=REMOTE_DOMAIN_MEMORY_PARAMETERS_MAX
        DOMAIN_AFFECT_{LIVE^CONFIG}
domain_get_metadata DOMAIN_AFFECT_{LIVE^CONFIG} @metadata_to_read
domain_get_numa_parameters nparams<=REMOTE_DOMAIN_NUMA_PARAMETERS_MAX
domain_get_scheduler_parameters nparams<=REMOTE_DOMAIN_SCHEDULER_PARAMETERS_MAX
        nparams:params!=null
domain_get_scheduler_parameters_flags nparams<=REMOTE_DOMAIN_SCHEDULER_PARAMETERS_MAX
        nparams:params!=null DOMAIN_AFFECT_{LIVE^CONFIG}
domain_get_vcpu_pin_info @vcpu_maps ncpumaps>0 DOMAIN_AFFECT_{LIVE^CONFIG}
domain_get_vcpus @vcpu_maps maxinfo:info!=null
domain_get_vcpus_flags DOMAIN_AFFECT_{LIVE^CONFIG}
domain_lookup_by_id id>=0
domain_managed_save DOMAIN_SAVE_{RUNNING^PAUSED}
domain_managed_save_define_xml DOMAIN_SAVE_{RUNNING^PAUSED} ro
domain_memory_peek size<=REMOTE_DOMAIN_MEMORY_PEEK_BUFFER_MAX ro MEMORY_{VIRTUAL^PHYSICAL}
domain_memory_stats maxStats<=REMOTE_DOMAIN_MEMORY_STATS_MAX
domain_pin_emulator cpumap!=null
domain_pin_iothread cpumap!=null
domain_pin_vcpu cpumap!=null
domain_pin_vcpu_flags cpumap!=null
domain_rename new_name!='' ro
domain_restore_flags DOMAIN_SAVE_{RUNNING^PAUSED}
domain_restore_params DOMAIN_SAVE_{RUNNING^PAUSED}
domain_revert_to_snapshot DOMAIN_SNAPSHOT_REVERT_{RUNNING^PAUSED}
domain_save_flags DOMAIN_SAVE_{RUNNING^PAUSED}
domain_save_image_define_xml DOMAIN_SAVE_{RUNNING^PAUSED}
domain_save_params DOMAIN_SAVE_{RUNNING^PAUSED}
domain_send_key keycodes!=null @codeset
domain_send_process_signal pid_value!=0 ro
domain_set_blkio_parameters params!=null
domain_set_block_io_tune params:nparams>0
domain_set_interface_parameters params!=null
domain_set_iothread_params params!=null
domain_set_launch_security_state params!=null ro
domain_set_lifecycle_action @lifecycle_action
domain_set_max_memory memory!=0 @memory_limit
domain_set_memory memory!=0 @memory_limit
domain_set_memory_flags memory!=0 @memory_limit
domain_set_memory_parameters params!=null
domain_set_memory_stats_period period>=0
domain_set_metadata @metadata_to_write
domain_set_numa_parameters params!=null
domain_set_perf_events params!=null
domain_set_scheduler_parameters params!=null
domain_set_scheduler_parameters_flags params!=null
domain_set_user_password user!=null password!=null
domain_set_vcpus nvcpus!=0
domain_set_vcpus_flags DOMAIN_VCPU_MAXIMUM->DOMAIN_AFFECT_CONFIG
        DOMAIN_VCPU_GUEST^DOMAIN_AFFECT_CONFIG nvcpus!=0
domain_snapshot_create_xml DOMAIN_SNAPSHOT_CREATE_{CURRENT->REDEFINE}
        DOMAIN_SNAPSHOT_CREATE_{REDEFINE^NO_METADATA} DOMAIN_SNAPSHOT_CREATE_{REDEFINE^HALT}
domain_snapshot_delete DOMAIN_SNAPSHOT_DELETE_{CHILDREN^CHILDREN_ONLY}
domain_snapshot_list_children_names maxnames<=REMOTE_DOMAIN_SNAPSHOT_LIST_MAX
domain_snapshot_list_names maxnames<=REMOTE_DOMAIN_SNAPSHOT_LIST_MAX
domain_start_dirty_rate_calc DOMAIN_DIRTYRATE_MODE_{PAGE_SAMPLING^DIRTY_BITMAP}
        DOMAIN_DIRTYRATE_MODE_{PAGE_SAMPLING^DIRTY_RING}
        DOMAIN_DIRTYRATE_MODE_{DIRTY_BITMAP^DIRTY_RING}

node_alloc_pages pageSizes:npages!=0 pageCounts!=null cellCount!=0
node_device_list_caps maxnames<=REMOTE_NODE_DEVICE_CAPS_LIST_MAX
node_get_cells_free_memory maxcells<=REMOTE_NODE_MAX_CELLS maxcells:maxCells>0 startCell>=0
node_get_cpu_stats nparams<=REMOTE_NODE_CPU_STATS_MAX @cpu_number
node_get_free_pages @free_pages pages:npages!=0 cellCount!=0
node_get_memory_parameters nparams<=REMOTE_NODE_MEMORY_PARAMETERS_MAX
node_get_memory_stats nparams<=REMOTE_NODE_MEMORY_STATS_MAX @cell_number
node_list_devices maxnames<=REMOTE_NODE_DEVICE_LIST_MAX
node_set_memory_parameters params!=null

qemu_domain_attach pid_value!=0 ro

secret_set_value value!=null

storage_pool_list_volumes maxnames<=REMOTE_STORAGE_VOL_LIST_MAX
storage_vol_resize @volume_capacity
"""

#: The limits of ``A<=LIMIT``: the number, and what the daemon says of more. A negative argument
#: is refused with ``A must be non-negative``, unless it is unsigned.
LIMITS: Final[dict[str, tuple[int, str]]] = {
    'REMOTE_DOMAIN_BLKIO_PARAMETERS_MAX': (16, 'nparams too large'),
    'REMOTE_DOMAIN_BLOCK_IO_TUNE_PARAMETERS_MAX': (32, 'nparams too large'),
    'REMOTE_DOMAIN_BLOCK_PEEK_BUFFER_MAX': (4194304, 'size > maximum buffer size'),
    'REMOTE_DOMAIN_BLOCK_STATS_PARAMETERS_MAX': (16, 'nparams too large'),
    'REMOTE_DOMAIN_DISK_ERRORS_MAX': (256, 'maxerrors too large'),
    'REMOTE_DOMAIN_INTERFACE_PARAMETERS_MAX': (16, 'nparams too large'),
    'REMOTE_DOMAIN_MEMORY_PARAMETERS_MAX': (16, 'nparams too large'),
    'REMOTE_DOMAIN_MEMORY_PEEK_BUFFER_MAX': (4194304, 'size > maximum buffer size'),
    'REMOTE_DOMAIN_MEMORY_STATS_MAX': (1024, 'maxStats > REMOTE_DOMAIN_MEMORY_STATS_MAX'),
    'REMOTE_DOMAIN_NUMA_PARAMETERS_MAX': (16, 'nparams too large'),
    'REMOTE_DOMAIN_SCHEDULER_PARAMETERS_MAX': (16, 'nparams too large'),
    'REMOTE_NODE_CPU_STATS_MAX': (16, 'nparams too large'),
    'REMOTE_NODE_MEMORY_PARAMETERS_MAX': (64, 'nparams too large'),
    'REMOTE_NODE_MEMORY_STATS_MAX': (16, 'nparams too large'),
}

#: The limits of lists, whose errors have the code VIR_ERR_RPC and name the limit.
LIST_LIMITS: Final[dict[str, int]] = {
    'REMOTE_DOMAIN_LIST_MAX': 16384,
    'REMOTE_DOMAIN_SNAPSHOT_LIST_MAX': 16384,
    'REMOTE_INTERFACE_LIST_MAX': 16384,
    'REMOTE_NETWORK_LIST_MAX': 16384,
    'REMOTE_NODE_DEVICE_CAPS_LIST_MAX': 65536,
    'REMOTE_NODE_DEVICE_LIST_MAX': 65536,
    'REMOTE_NODE_MAX_CELLS': 1024,
    'REMOTE_NWFILTER_LIST_MAX': 16384,
    'REMOTE_SECRET_LIST_MAX': 16384,
    'REMOTE_STORAGE_POOL_LIST_MAX': 16384,
    'REMOTE_STORAGE_VOL_LIST_MAX': 16384,
}
