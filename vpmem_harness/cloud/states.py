"""The states of a server, with Nova's names.

Sources: nova/objects/fields.py (InstanceState, InstanceTaskState, InstancePowerState) and
nova/api/openstack/common.py (the map to the status that the API shows).
"""

from __future__ import annotations

import enum


class VMState(enum.StrEnum):
    """The ``vm_state`` of a server."""

    ACTIVE = 'active'
    BUILDING = 'building'
    PAUSED = 'paused'
    SUSPENDED = 'suspended'
    STOPPED = 'stopped'
    RESCUED = 'rescued'
    RESIZED = 'resized'
    SOFT_DELETED = 'soft-delete'
    DELETED = 'deleted'
    ERROR = 'error'
    SHELVED = 'shelved'
    SHELVED_OFFLOADED = 'shelved_offloaded'


class TaskState(enum.StrEnum):
    """The ``task_state`` of a server, the operation in progress; None if there is none."""

    SCHEDULING = 'scheduling'
    BLOCK_DEVICE_MAPPING = 'block_device_mapping'
    NETWORKING = 'networking'
    SPAWNING = 'spawning'
    RESIZE_PREP = 'resize_prep'
    RESIZE_MIGRATING = 'resize_migrating'
    RESIZE_MIGRATED = 'resize_migrated'
    RESIZE_FINISH = 'resize_finish'
    RESIZE_REVERTING = 'resize_reverting'
    REBOOTING = 'rebooting'
    REBOOT_PENDING = 'reboot_pending'
    REBOOT_STARTED = 'reboot_started'
    REBOOTING_HARD = 'rebooting_hard'
    REBOOT_PENDING_HARD = 'reboot_pending_hard'
    REBOOT_STARTED_HARD = 'reboot_started_hard'
    PAUSING = 'pausing'
    UNPAUSING = 'unpausing'
    SUSPENDING = 'suspending'
    RESUMING = 'resuming'
    POWERING_OFF = 'powering-off'
    POWERING_ON = 'powering-on'
    RESCUING = 'rescuing'
    UNRESCUING = 'unrescuing'
    REBUILDING = 'rebuilding'
    REBUILD_BLOCK_DEVICE_MAPPING = 'rebuild_block_device_mapping'
    REBUILD_SPAWNING = 'rebuild_spawning'
    MIGRATING = 'migrating'
    DELETING = 'deleting'
    SHELVING = 'shelving'
    SHELVING_IMAGE_PENDING_UPLOAD = 'shelving_image_pending_upload'
    SHELVING_IMAGE_UPLOADING = 'shelving_image_uploading'
    SHELVING_OFFLOADING = 'shelving_offloading'
    UNSHELVING = 'unshelving'


class PowerState(enum.IntEnum):
    """The ``power_state`` of a server, with the numbers of Nova's API."""

    NOSTATE = 0
    RUNNING = 1
    PAUSED = 3
    SHUTDOWN = 4
    CRASHED = 6
    SUSPENDED = 7


#: The statuses of a cold migration that has left its source, which still has the old claims.
MOVED = ('post-migrating', 'finished', 'confirming', 'reverting')

#: The statuses of a migration that has left its server where it was.
MIGRATION_FAILED = ('error', 'failed', 'cancelled')

_REBUILD = {
    TaskState.REBUILDING: 'REBUILD',
    TaskState.REBUILD_BLOCK_DEVICE_MAPPING: 'REBUILD',
    TaskState.REBUILD_SPAWNING: 'REBUILD',
}
_RESIZE = {
    TaskState.RESIZE_PREP: 'RESIZE',
    TaskState.RESIZE_MIGRATING: 'RESIZE',
    TaskState.RESIZE_MIGRATED: 'RESIZE',
    TaskState.RESIZE_FINISH: 'RESIZE',
}

#: The status of a server without a task, and the statuses during tasks.
_STATUS: dict[VMState, tuple[str, dict[TaskState, str]]] = {
    VMState.ACTIVE: ('ACTIVE', {
        TaskState.REBOOTING: 'REBOOT',
        TaskState.REBOOT_PENDING: 'REBOOT',
        TaskState.REBOOT_STARTED: 'REBOOT',
        TaskState.REBOOTING_HARD: 'HARD_REBOOT',
        TaskState.REBOOT_PENDING_HARD: 'HARD_REBOOT',
        TaskState.REBOOT_STARTED_HARD: 'HARD_REBOOT',
        TaskState.MIGRATING: 'MIGRATING',
        **_REBUILD,
        **_RESIZE,
    }),
    VMState.BUILDING: ('BUILD', {}),
    VMState.STOPPED: ('SHUTOFF', {**_RESIZE, **_REBUILD}),
    VMState.RESIZED: ('VERIFY_RESIZE', {TaskState.RESIZE_REVERTING: 'REVERT_RESIZE'}),
    VMState.PAUSED: ('PAUSED', {TaskState.MIGRATING: 'MIGRATING'}),
    VMState.SUSPENDED: ('SUSPENDED', {}),
    VMState.RESCUED: ('RESCUE', {}),
    VMState.ERROR: ('ERROR', _REBUILD),
    VMState.DELETED: ('DELETED', {}),
    VMState.SOFT_DELETED: ('SOFT_DELETED', {}),
    VMState.SHELVED: ('SHELVED', {}),
    VMState.SHELVED_OFFLOADED: ('SHELVED_OFFLOADED', {}),
}

#: Every status of the API.
STATUSES = frozenset(
    status for at_rest, tasks in _STATUS.values() for status in (at_rest, *tasks.values()))

#: The statuses of a server without a task.
STATUSES_AT_REST = frozenset(at_rest for at_rest, _ in _STATUS.values())


def status_from_state(vm_state: VMState, task_state: TaskState | None = None) -> str:
    """The status in Nova's API, such as ``VERIFY_RESIZE``."""
    at_rest, tasks = _STATUS[vm_state]
    return at_rest if task_state is None else tasks.get(task_state, at_rest)
