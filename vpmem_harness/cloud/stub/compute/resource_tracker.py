"""The resource tracker: claims on namespaces and NUMA cells of a host.

Source: nova/compute/resource_tracker.py and nova/virt/hardware.py. Nova takes any free
namespace of a label, in the order of a set; this tracker takes the one that ``choose`` returns.
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
from vpmem_harness.cloud.stub.objects import Instance, Resource

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
    """Usage of a NUMA cell by one side of an instance."""

    cell: HostCell | None
    flavor: Flavor


class ResourceTracker:
    """The claims on one host; thread-safe.

    :param devices: the devices of ``pmem_namespaces`` by resource class.
    :param cells: reads the NUMA cells of the host when they are needed.
    :param choose: chooses one of several equal free namespaces.
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
        #: Each resource by itself; equal ones can have another device.
        self._current = {one: one for of_class in self._resources.values() for one in of_class}
        self._assigned: dict[Resource, str] = {}
        self._uses: dict[tuple[str, str], _Use] = {}

    def inventories(self) -> dict[str, Inventory]:
        """Return the namespaces as Placement's inventory, which counts them regardless of size."""
        return {
            name: Inventory(len(resources), max_unit=len(resources))
            for name, resources in self._resources.items()}

    def assigned(self) -> dict[str, str]:
        """Return the instance of each claimed namespace."""
        with self._lock:
            return {resource.identifier: uuid for resource, uuid in self._assigned.items()}

    def held_by(self, instance: Instance, resources: Iterable[Resource]) -> list[Resource]:
        """Return those of ``resources`` that are claimed for an instance."""
        with self._lock:
            return [one for one in resources if self._assigned.get(one) == instance.uuid]

    def present(self, resource: Resource) -> Resource | None:
        """Return a claimed resource with its current device, which a reboot may have renumbered.

        None if the configuration does not contain it any longer.
        """
        return self._current.get(resource)

    def claim(
        self, instance: Instance, flavor: Flavor, allocated: Resources, side: str = '',
    ) -> tuple[tuple[Resource, ...], HostCell | None]:
        """Claim what Placement has allocated on this host.

        :param side: ``new`` for the destination of a move, which may be the same host.
        :raises ComputeResourcesUnavailable: if fewer namespaces are free than Placement has
            allocated, or if no NUMA cell is large enough.
        """
        if flavor.pmem and self._cells is None:
            self._cells = self._read_cells()
        with self._lock:
            cell = self._fit(self._cells, flavor) if flavor.pmem and self._cells else None
            claimed: list[Resource] = []
            # Compare names, because the label of a claimed namespace may have changed.
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
        """Release claims of an instance; other claims are not affected.

        :param side: as in :meth:`claim`; None if the instance keeps its NUMA cell.
        """
        with self._lock:
            for resource in resources:
                if self._assigned.get(resource) == instance.uuid:
                    del self._assigned[resource]
            if side is not None:
                self._uses.pop((instance.uuid, side), None)

    def settle(self, instance: Instance) -> None:
        """End a move to this host: the claims of side ``new`` become ordinary claims."""
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
        """Restore the claims from the database, as a service does when it starts.

        Nova prevents this during a claim with COMPUTE_RESOURCE_SEMAPHORE.

        :param moving: instances with an unconfirmed move, on any host.
        :param left_behind: resources that instances have left behind on this host.
        :param busy: whether the service works on an instance, by UUID. Its claims do not change,
            because they may not be in the database yet.
        :raises AssignedResourceNotFound: if the configuration does not contain a claimed
            namespace; the claims take effect anyway.
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
                    if one not in self._current]
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
        # A server that has just arrived still has the resources of its source.
        own = [one for one in resources if one.provider_uuid == self._provider_uuid]
        self._assigned.update(dict.fromkeys(own, instance.uuid))

    def _fit(self, cells: Sequence[NUMACell], flavor: Flavor) -> HostCell:
        """Select a NUMA cell: the one with the fewest CPUs in use, then the most free memory.

        Source: nova/virt/hardware.py, numa_fit_instance_to_host, without limits: a cell must
        be as large as the guest's cell, and may be overcommitted.
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
