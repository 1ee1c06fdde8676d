"""What a compute service has claimed on its host: namespaces, and room on its NUMA cells.

Source: nova/compute/resource_tracker.py and nova/virt/hardware.py. Where Nova takes any free
namespace of a label, as the order of a set has it, the tracker takes the one it is told to.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Inventory, Resources, VPMEMDevice
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.stub.compute.guest import HostCell
from vpmem_harness.cloud.stub.database import Instance, Resource

LOG = logging.getLogger(__name__)

Choose = Callable[[Sequence[Resource]], Resource]


@dataclass(frozen=True)
class NUMACell:
    """One NUMA cell of a host; memory in MiB."""

    id: int
    cpus: tuple[int, ...]
    memory: int


@dataclass(frozen=True)
class _Use:
    """What one side of one instance takes of its NUMA cell."""

    cell: HostCell | None
    flavor: Flavor


class ResourceTracker:
    """The claims on one host. Thread-safe.

    :param devices: what ``pmem_namespaces`` names, by resource class.
    :param cells: reads the NUMA cells of the host, once they are needed.
    :param choose: takes one of some namespaces that are free and alike.
    """

    def __init__(
        self,
        host: str,
        provider_uuid: str,
        devices: Mapping[str, Iterable[VPMEMDevice]],
        cells: Callable[[], Sequence[NUMACell]],
        choose: Choose,
    ) -> None:
        self._host = host
        self._provider_uuid = provider_uuid
        self.choose = choose
        self._read_cells = cells
        self._cells: Sequence[NUMACell] | None = None
        self._lock = threading.Lock()
        self._resources = {
            name: [Resource(provider_uuid, name, device, device.name) for device in of_class]
            for name, of_class in devices.items()}
        self._assigned: dict[Resource, str] = {}
        self._uses: dict[tuple[str, str], _Use] = {}

    def inventories(self) -> dict[str, Inventory]:
        """The namespaces as Placement counts them: in pieces, whatever their size."""
        return {
            name: Inventory(len(resources), max_unit=len(resources))
            for name, resources in self._resources.items()}

    def assigned(self) -> dict[str, str]:
        """Which instance each namespace is claimed for."""
        with self._lock:
            return {resource.identifier: uuid for resource, uuid in self._assigned.items()}

    def held_by(self, instance: Instance, resources: Iterable[Resource]) -> list[Resource]:
        """Those of ``resources`` that are claimed for an instance."""
        with self._lock:
            return [one for one in resources if self._assigned.get(one) == instance.uuid]

    def present(self, resource: Resource) -> Resource | None:
        """A claimed resource as the host has it now, after a reboot has renumbered devices.

        None when the configuration no longer names it.
        """
        for one in self._resources.get(resource.resource_class, ()):
            if one == resource:
                return one
        return None

    def claim(
        self, instance: Instance, flavor: Flavor, allocated: Resources, side: str = '',
    ) -> tuple[tuple[Resource, ...], HostCell | None]:
        """Claim what Placement has allocated of this host.

        :param side: ``new`` for the destination of a move, whose instance may be here already.
        :raises ComputeResourcesUnavailable: when fewer namespaces are free than Placement
            believes, or no NUMA cell is large enough.
        """
        if flavor.pmem and self._cells is None:
            self._cells = self._read_cells()
        with self._lock:
            cell = self._fit(self._cells, flavor) if flavor.pmem and self._cells else None
            claimed: list[Resource] = []
            # By its name: a claimed namespace may have got another label since.
            held = {one.identifier for one in self._assigned}
            for name, amount in allocated.items():
                if name not in self._resources:
                    continue
                free = [one for one in self._resources[name] if one.identifier not in held]
                if amount > len(free):
                    raise errors.ComputeResourcesUnavailable(reason=(
                        f'Needed {amount} units of resource class {name}, but {len(free)} are '
                        'available.'))
                for _ in range(amount):
                    one = self.choose(free)
                    free.remove(one)
                    claimed.append(one)
            self._assigned.update(dict.fromkeys(claimed, instance.uuid))
            self._uses[instance.uuid, side] = _Use(cell, flavor)
        LOG.info('Claimed for server %s: %s', instance.uuid,
                 ', '.join(one.identifier for one in claimed) or 'no namespace')
        return tuple(claimed), cell

    def release(
        self, instance: Instance, resources: Iterable[Resource], side: str | None = '',
    ) -> None:
        """Give back what was claimed; what is not claimed for the instance stays.

        :param side: as in :meth:`claim`; None when the instance keeps its room on its cell.
        """
        with self._lock:
            for resource in resources:
                if self._assigned.get(resource) == instance.uuid:
                    del self._assigned[resource]
            if side is not None:
                self._uses.pop((instance.uuid, side), None)

    def settle(self, instance: Instance) -> None:
        """The instance of a move is here for good: what it took as ``new`` is its own."""
        with self._lock:
            use = self._uses.pop((instance.uuid, 'new'), None)
            if use is not None:
                self._uses[instance.uuid, ''] = use

    def restore(
        self,
        instances: Iterable[Instance],
        moving: Iterable[Instance],
        left_behind: Iterable[tuple[Instance, Iterable[Resource]]] = (),
        busy: Callable[[str], bool] = lambda uuid: False,
    ) -> None:
        """Read the claims back from the records, as a service does when it starts.

        Nova excludes that while a claim is being made and recorded, by COMPUTE_RESOURCE_SEMAPHORE.

        :param moving: instances whose move is not confirmed, to or from wherever.
        :param left_behind: what is still claimed here for instances that have gone.
        :param busy: whether the service is at work on an instance, by its UUID. The claims of such
            an instance stay as they are: they may not have been recorded yet.
        :raises AssignedResourceNotFound: when the configuration no longer names a namespace
            that is claimed; the claims are in force all the same.
        """
        busy = functools.cache(busy)
        with self._lock:
            self._assigned = {one: uuid for one, uuid in self._assigned.items() if busy(uuid)}
            self._uses = {key: use for key, use in self._uses.items() if busy(key[0])}
            for instance, resources in left_behind:
                if not busy(instance.uuid):
                    self._assign(instance, resources)
            for instance in moving:
                if not busy(instance.uuid):
                    self._restore_move(instance)
            for instance in instances:
                if not busy(instance.uuid):
                    self._assign(instance, instance.resources)
                    if (instance.uuid, 'new') not in self._uses:
                        self._uses[instance.uuid, ''] = _Use(instance.cell, instance.flavor)
            lost = [(one.identifier, one.resource_class) for one in self._assigned
                    if one not in self._resources.get(one.resource_class, ())]
        if lost:
            raise errors.AssignedResourceNotFound(reason=(
                'The following resources are assigned to instances, but were not listed in the '
                f'configuration: {lost} Please check if this will influence your instances, and '
                'restore your configuration if necessary'))

    def _restore_move(self, instance: Instance) -> None:
        move = instance.migration_context
        if move is None:
            return
        if move.migration.source_compute == self._host:
            self._assign(instance, move.old_resources)
            self._uses[instance.uuid, ''] = _Use(
                move.old_cell, instance.old_flavor or instance.flavor)
        if move.migration.dest_compute == self._host:
            self._assign(instance, move.new_resources)
            self._uses[instance.uuid, 'new'] = _Use(
                move.new_cell, instance.new_flavor or instance.flavor)

    def _assign(self, instance: Instance, resources: Iterable[Resource]) -> None:
        # A server that has just come still has the resources of where it was.
        own = [one for one in resources if one.provider_uuid == self._provider_uuid]
        self._assigned.update(dict.fromkeys(own, instance.uuid))

    def _fit(self, cells: Sequence[NUMACell], flavor: Flavor) -> HostCell:
        """The NUMA cell for a guest: the one with fewest CPUs in use, then most memory free.

        Source: nova/virt/hardware.py, numa_fit_instance_to_host, without limits: a cell must
        be as large as the guest's, and may be overcommitted.
        """
        cpus = dict.fromkeys((cell.id for cell in cells), 0)
        memory = {cell.id: cell.memory for cell in cells}
        for use in self._uses.values():
            if use.cell is not None and use.cell.id in cpus:
                cpus[use.cell.id] += use.flavor.vcpus
                memory[use.cell.id] -= use.flavor.ram
        order = sorted(cells, key=lambda cell: (cpus[cell.id], -memory[cell.id]))
        for cell in order:
            if flavor.ram <= cell.memory and flavor.vcpus <= len(cell.cpus):
                return HostCell(cell.id, cell.cpus)
        raise errors.ComputeResourcesUnavailable(
            reason='Requested instance NUMA topology cannot fit the given host NUMA topology')
