"""Objects in the database of a cloud: instances, migrations, actions, resources."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import (
    Fault,
    InstanceAction,
    InstanceActionEvent,
    MigrationRecord,
    ServerRecord,
    VPMEMDevice,
)
from vpmem_harness.cloud.flavors import Flavor, pmem_resource_class
from vpmem_harness.cloud.states import MOVED, PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.compute.guest import HostCell


@dataclass(frozen=True)
class Resource:
    """A claimed namespace: Nova's Resource with its LibvirtVPMEMDevice.

    Two resources are equal if host and name are. A reboot may change the number of the device, and
    the resource stays the same.
    """

    provider_uuid: str
    resource_class: str
    device: VPMEMDevice = field(compare=False)
    identifier: str

    def __hash__(self) -> int:
        return hash(self.identifier)


@dataclass
class MigrationContext:
    """Resources of a move: old ones on the source, new ones on the destination."""

    migration: Migration
    old_resources: tuple[Resource, ...]
    new_resources: tuple[Resource, ...]
    old_cell: HostCell | None
    new_cell: HostCell | None


@dataclass(eq=False)
class Migration:
    """One move of an instance."""

    uuid: str
    instance_uuid: str
    migration_type: str
    source_compute: str
    dest_compute: str | None = None
    status: str = 'pre-migrating'

    def record(self) -> MigrationRecord:
        return MigrationRecord(
            self.uuid, self.instance_uuid, self.migration_type, self.status,
            self.source_compute, self.dest_compute)


@dataclass
class Action:
    """One request for an instance, with its events."""

    action: str
    request_id: str
    start_time: datetime.datetime
    events: list[InstanceActionEvent] = field(default_factory=list)
    failed: bool = False

    def record(self) -> InstanceAction:
        return InstanceAction(
            self.action, self.request_id, 'Error' if self.failed else None, tuple(self.events),
            self.start_time)


@dataclass(eq=False)
class Instance:
    """A server, as in Nova's database."""

    uuid: str
    number: int
    display_name: str
    flavor: Flavor
    created_at: datetime.datetime
    image_id: str
    vm_state: VMState = VMState.BUILDING
    task_state: TaskState | None = TaskState.SCHEDULING
    power_state: PowerState = PowerState.NOSTATE
    host: str | None = None
    resources: tuple[Resource, ...] = ()
    cell: HostCell | None = None
    migration_context: MigrationContext | None = None
    old_flavor: Flavor | None = None
    new_flavor: Flavor | None = None
    old_vm_state: VMState | None = None
    launched_at: datetime.datetime | None = None
    fault: Fault | None = None
    deleted: bool = False
    #: Minimum disk size in GiB: that of the flavor for which the image was first copied.
    min_disk: int = 0
    #: Resources on hosts that the instance has left, until they clean up.
    left_behind: dict[str, tuple[Resource, ...]] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of its domain, from Nova's default template."""
        return f'instance-{self.number:08x}'

    def ordered(self, resources: Iterable[Resource], flavor: Flavor) -> tuple[Resource, ...]:
        """Return the resources that a guest gets, in the order of the labels of ``flavor``.

        A label selects a resource by its resource class, as the scheduler and the claim do.
        Resources that other extra specs request are claimed, but no guest gets them.
        """
        rest = list(resources)
        ordered = []
        for label in flavor.pmem if rest else ():
            name = pmem_resource_class(label)
            found = next((one for one in rest if one.resource_class == name), None)
            if found is not None:
                rest.remove(found)
                ordered.append(found)
        return tuple(ordered)

    def record(self) -> ServerRecord:
        context = self.migration_context
        moved = context is not None and context.migration.status in MOVED
        old = context.old_resources if context is not None and moved else ()
        ordered = self.ordered(self.resources, self.flavor)
        beside = [one for one in self.resources if one not in ordered]
        return ServerRecord(
            id=self.uuid,
            name=self.display_name,
            instance_name=self.name,
            vm_state=self.vm_state,
            task_state=self.task_state,
            power_state=self.power_state,
            host=self.host,
            flavor=self.flavor,
            # The API shows faults only in these states.
            fault=self.fault if self.vm_state in (VMState.ERROR, VMState.DELETED) else None,
            namespaces=tuple(one.device for one in (*ordered, *beside)),
            old_namespaces=tuple(one.device for one in old),
            created=self.created_at,
            launched=self.launched_at,
        )


def about(arguments: Iterable[object]) -> str | None:
    """Return the server in the arguments of some work; None if there is none."""
    return next((one.uuid for one in arguments if isinstance(one, Instance)), None)


def conflicting(
    instance: Instance, expected: Iterable[TaskState | None],
) -> errors.UnexpectedTaskStateError:
    """Return the error of a change that finds an unexpected task state."""
    kind = (errors.UnexpectedDeletingTaskStateError if instance.task_state == TaskState.DELETING
            else errors.UnexpectedTaskStateError)
    return kind(
        instance_uuid=instance.uuid,
        expected={'task_state': [task and str(task) for task in expected]},
        actual={'task_state': instance.task_state and str(instance.task_state)})

