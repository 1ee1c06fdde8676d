"""Requests that the API accepts, and the states in which it accepts them.

Source: the decorators of nova/compute/api.py, and what its methods check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub.objects import Instance

_AT_REST: frozenset[TaskState | None] = frozenset({None})

#: Task states that a hard reboot may interrupt. Source: task_states.ALLOW_REBOOT.
_REBOOTABLE: frozenset[TaskState | None] = frozenset({
    None, TaskState.REBOOTING, TaskState.REBOOT_PENDING, TaskState.REBOOT_STARTED,
    TaskState.RESUMING, TaskState.REBOOTING_HARD, TaskState.UNPAUSING, TaskState.PAUSING,
    TaskState.SUSPENDING})


@dataclass(frozen=True)
class Rule:
    """The states that a request needs, and the task that it begins.

    :param host: whether the server must be on a host, which is checked first.
    :param vm_states: the accepted VM states; None for any.
    :param tasks: the accepted task states; None for any.
    :param step: the step of the compute service of the server's host, with its operation group;
        empty if the request takes more than one step.
    :param action: the name of the instance action, if it differs from the request's name.
    """

    vm_states: frozenset[VMState] | None
    task: TaskState | None
    tasks: frozenset[TaskState | None] | None = _AT_REST
    must_have_launched: bool = True
    step: str = ''
    action: str = ''
    host: bool = False


def _rule(
    task: TaskState | None, *vm_states: VMState, step: str = '', action: str = '',
    host: bool = False,
) -> Rule:
    return Rule(frozenset(vm_states), task, step=step, action=action, host=host)


#: Rules by request; the names of reboots include their type.
RULES: Mapping[str, Rule] = {
    'delete': Rule(None, TaskState.DELETING, tasks=None, must_have_launched=False),
    'stop': _rule(
        TaskState.POWERING_OFF, VMState.ACTIVE, VMState.ERROR, step='power.stop_instance',
        host=True),
    'start': _rule(TaskState.POWERING_ON, VMState.STOPPED, step='power.start_instance', host=True),
    'reboot:SOFT': _rule(
        TaskState.REBOOTING, VMState.ACTIVE, step='power.reboot_instance', action='reboot'),
    'reboot:HARD': Rule(
        frozenset({VMState.ACTIVE, VMState.STOPPED, VMState.PAUSED, VMState.SUSPENDED,
                   VMState.ERROR}),
        TaskState.REBOOTING_HARD, tasks=_REBOOTABLE, step='power.reboot_instance', action='reboot'),
    'pause': _rule(TaskState.PAUSING, VMState.ACTIVE, step='power.pause_instance'),
    'unpause': _rule(TaskState.UNPAUSING, VMState.PAUSED, step='power.unpause_instance'),
    'suspend': _rule(TaskState.SUSPENDING, VMState.ACTIVE, step='power.suspend_instance'),
    'resume': _rule(TaskState.RESUMING, VMState.SUSPENDED, step='power.resume_instance'),
    'rescue': _rule(
        TaskState.RESCUING, VMState.ACTIVE, VMState.STOPPED, VMState.ERROR,
        step='power.rescue_instance'),
    'unrescue': _rule(TaskState.UNRESCUING, VMState.RESCUED, step='power.unrescue_instance'),
    'rebuild': _rule(
        TaskState.REBUILDING, VMState.ACTIVE, VMState.STOPPED, VMState.ERROR),
    'resize': _rule(TaskState.RESIZE_PREP, VMState.ACTIVE, VMState.STOPPED),
    'migrate': _rule(TaskState.RESIZE_PREP, VMState.ACTIVE, VMState.STOPPED),
    'confirmResize': _rule(None, VMState.RESIZED),
    'revertResize': _rule(TaskState.RESIZE_REVERTING, VMState.RESIZED),
    'shelve': _rule(
        TaskState.SHELVING, VMState.ACTIVE, VMState.STOPPED, VMState.PAUSED,
        VMState.SUSPENDED, step='shelve.shelve_instance'),
    'shelveOffload': _rule(
        TaskState.SHELVING_OFFLOADING, VMState.SHELVED, step='shelve.shelve_offload_instance'),
    'unshelve': _rule(TaskState.UNSHELVING, VMState.SHELVED, VMState.SHELVED_OFFLOADED),
    'live-migration': _rule(TaskState.MIGRATING, VMState.ACTIVE, VMState.PAUSED),
    'evacuate': Rule(
        frozenset({VMState.ACTIVE, VMState.STOPPED, VMState.ERROR}), TaskState.REBUILDING,
        tasks=None),
    'resetState': Rule(None, None, tasks=None, must_have_launched=False),
}

#: The names of requests as the API's refusals show them, where they differ.
_SHOWN = {'live-migration': 'os-migrateLive', 'reboot:SOFT': 'reboot', 'reboot:HARD': 'reboot'}


def check(instance: Instance, request: str) -> Rule:
    """The rule of a request that ``instance`` allows now.

    :raises InstanceInvalidState: when it does not.
    :raises InstanceNotReady: when it has to be on a host, and is on none.
    """
    rule = RULES[request]
    if rule.host and instance.host is None:
        raise errors.InstanceNotReady(instance_id=instance.uuid)
    attr: str | None = None
    state: object = None
    if rule.vm_states is not None and instance.vm_state not in rule.vm_states:
        attr, state = 'vm_state', instance.vm_state
    elif rule.tasks is not None and instance.task_state not in rule.tasks:
        attr, state = 'task_state', instance.task_state
    elif rule.must_have_launched and instance.launched_at is None:
        attr = 'launched_at'
    if attr is not None:
        raise errors.InstanceInvalidState(
            action=_SHOWN.get(request, request), server_id=instance.uuid, attr=attr, state=state)
    return rule
