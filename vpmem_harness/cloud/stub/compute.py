"""The compute service of one host: its life, and what its operations have in common."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import libvirt
import os_resource_classes as orc
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Inventory, SimulatedHost, VPMEMDevice
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub import placement_errors, pmem_namespaces
from vpmem_harness.cloud.stub.context import RequestContext, Services
from vpmem_harness.cloud.stub.database import Instance, Migration, Resource, about
from vpmem_harness.cloud.stub.driver import LibvirtDriver
from vpmem_harness.cloud.stub.guest import Guest, domain_xml
from vpmem_harness.cloud.stub.life import Life, ServiceKilled
from vpmem_harness.cloud.stub.tracker import Choose, ResourceTracker

LOG = logging.getLogger(__name__)

#: GiB that a host has for disks: a property of the simulated machine, not of the one it runs on.
LOCAL_GB = 4096

#: Nova's defaults: ``initial_cpu_allocation_ratio`` and ``reserved_host_memory_mb``.
CPU_ALLOCATION_RATIO = 4.0
RESERVED_HOST_MEMORY_MB = 512


class ComputeBase:
    """The life of a compute service, and what its operations share."""

    def __init__(
        self, host: SimulatedHost, services: Services, option: Sequence[str],
    ) -> None:
        self.host = host.name
        self.services = services
        self.pmem_namespaces = tuple(option)
        self.disabled = False
        self._simulated = host
        self._lock = threading.Lock()
        self._life: Life | None = None
        self._current = threading.local()
        self._inbox: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    # Its life

    @property
    def is_up(self) -> bool:
        life = self._life
        return life is not None and life.accepting

    @property
    def runs(self) -> bool:
        """Whether there is a run of it, if only one that comes up or goes down."""
        return self._life is not None

    @property
    def driver(self) -> LibvirtDriver:
        return self._running().driver

    @property
    def tracker(self) -> ResourceTracker:
        return self._running().tracker

    @property
    def provider_uuid(self) -> str:
        return self.services.providers[self.host]

    def start(self) -> None:
        """Read the configuration and the host, take up the claims, and then the work that waits.

        :raises PMEMNamespaceConfigInvalid: when the configuration does not fit the host.
        :raises GetPMEMNamespacesFailed: when ndctl fails.
        :raises HypervisorUnavailable: when libvirt does not answer.
        """
        driver = LibvirtDriver(self._simulated)
        try:
            devices = pmem_namespaces.discover(self.pmem_namespaces, driver.list_namespaces)
            tracker = ResourceTracker(
                self.host, self.provider_uuid, devices, driver.numa_cells,
                self._chooser())
        except BaseException:
            driver.close()
            driver.give_back()
            raise
        life = self._life = Life(driver, tracker)
        try:
            self.in_service(self.init_host)
        except Exception:
            self.kill()
            raise
        with self._lock:
            life.accepting = True
            waiting, self._inbox = self._inbox, []
        for work, args in waiting:
            self.cast(work, *args)

    def _chooser(self) -> Choose:
        draw = self.services.randomness.derive('claims', self.host).choice
        return lambda free: (self.services.choose or draw)(free)

    def in_service(self, work: Callable[[], None]) -> None:
        """Do work in the service's name, in the caller's thread."""
        life = self._running()
        before = getattr(self._current, 'life', None)
        self._current.life = life
        life.under_way.begin(None)
        try:
            work()
        finally:
            self._current.life = before
            life.done(None)

    def init_host(self) -> None:
        """What a service does before it takes work; the operations add to it."""

    def stop(self, seconds: float) -> bool:
        """End once the work in progress is done.

        What is not done after ``seconds`` is cut off, as systemd does; then this is False.
        """
        life = self._life
        if life is None:
            return True
        with self._lock:
            life.accepting = False
        done = life.under_way.rest(seconds)
        self.kill()
        return done

    def kill(self) -> None:
        """End on the spot; work in progress gets no further than its next step."""
        with self._lock:
            life, self._life = self._life, None
        if life is not None:
            life.end()

    def cast(self, work: Callable[..., None], *args: Any) -> None:
        """Have work done soon. What is cast to a service that is down waits until it starts."""
        with self._lock:
            life = self._life
            if life is None or not life.accepting:
                self._inbox.append((work, args))
                return
            life.under_way.begin(about(args))
        self.services.workers.submit(functools.partial(self._do, life, work, *args))

    def again(
        self, instance: Instance, action: str, work: Callable[..., None], *args: object,
    ) -> None:
        """Have a step done under a request of the service's own."""
        request_id = f'req-{self.services.new_uuid()}'
        record = self.services.database.start_action(instance, action, request_id)
        self.cast(work, RequestContext(request_id, record), instance, *args)

    def once_more(
        self, instance: Instance, work: Callable[..., None], *args: object,
    ) -> None:
        """Do a step over that the last run may have begun, before what waits for this one.

        It counts to the latest request. Source: nova/db/main/api.py, action_event_start.
        """
        latest = instance.actions[-1]
        work(RequestContext(latest.request_id, latest), instance, *args)

    def waits_for(self, instance: Instance) -> bool:
        """Whether something about an instance waits for this service to start."""
        with self._lock:
            return any(instance in args for _work, args in self._inbox)

    def _do(self, life: Life, work: Callable[..., None], *args: Any) -> None:
        self._current.life = life
        try:
            work(*args)
        except ServiceKilled:
            LOG.debug('A compute service was killed at its work')
        finally:
            self._current.life = None
            life.done(about(args))
            self.services.database.look()

    def at_rest(self, server: str | None) -> bool:
        """Whether the run of the service that there is has no work under way: see ``Tally``."""
        life = self._life
        return life is None or life.under_way.empty(server)

    def _running(self) -> Life:
        """The run of the service that this is done in the name of.

        :raises ServiceKilled: when it has ended.
        """
        self.check_alive()
        life = self._life
        if life is None:
            raise ServiceKilled
        return life

    def check_alive(self) -> None:
        """Go on only if the run of the service that began this work goes on.

        :raises ServiceKilled: when it has ended.
        """
        life = getattr(self._current, 'life', None)
        if life is not None and life is not self._life:
            raise ServiceKilled

    def instance_lock(self, instance: Instance) -> threading.RLock:
        """Nova's ``synchronized(instance.uuid)``: it holds within one process."""
        return self._running().locks[instance.uuid]

    # Records

    def save(
        self, instance: Instance, expected_task_state: Iterable[TaskState | None] | None = None,
        **changes: object,
    ) -> None:
        """Change an instance, unless the service has been killed."""
        self.check_alive()
        self.services.database.save(instance, expected_task_state, **changes)

    def save_migration(self, migration: Migration, **changes: object) -> None:
        """Change a migration, unless the service has been killed."""
        self.check_alive()
        self.services.database.save_migration(migration, **changes)

    def revert_task_state(self, instance: Instance, error: Exception) -> None:
        """Leave no task behind a failed step, unless it is another request's."""
        if isinstance(error, errors.UnexpectedTaskStateError):
            return
        with self.services.database.lock:
            if not instance.deleted and instance.task_state != TaskState.DELETING:
                self.save(instance, task_state=None)

    def add_fault(self, instance: Instance, error: Exception) -> None:
        """Nova's wrap_instance_fault: a server that is not found gets no fault."""
        if not isinstance(error, errors.InstanceNotFound):
            self.services.add_fault(instance, error)

    def superseded(self, instance: Instance, *tasks: TaskState) -> bool:
        """Whether a step comes too late: its request was given up when a service restarted."""
        late = instance.task_state not in tasks and instance.task_state != TaskState.DELETING
        if late and not instance.deleted:
            LOG.info('A step came too late for its request, which had been given up')
        return late and not instance.deleted

    def error_out(self, instance: Instance) -> None:
        """Nova's _set_instance_obj_error_state: the task is left for the step to revert."""
        if not instance.deleted:
            self.save(instance, vm_state=VMState.ERROR)

    # What is left behind

    def leave_behind(self, instance: Instance, resources: Iterable[Resource]) -> None:
        """Note what this host holds of a server that has gone from it, until it is cleaned up."""
        with self.services.database.lock:
            before = instance.left_behind.get(self.host, ())
            more = tuple(one for one in resources if one not in before)
            self.services.database.set_left_behind(instance, self.host, before + more)

    def keep(self, instance: Instance, resources: Iterable[Resource]) -> None:
        """Note that a server stays with what could not be cleaned up: that is its own."""
        database = self.services.database
        with database.lock:
            left = instance.left_behind.get(self.host, ())
            rest = tuple(one for one in left if one not in resources)
            database.set_left_behind(instance, self.host, rest or None)

    def clean_up(self, instance: Instance) -> None:
        """Remove what a server has left behind on this host, its data first.

        The claims hold until that is done: nobody gets a namespace with another's data on it.
        """
        with self.instance_lock(instance):
            resources = instance.left_behind.get(self.host)
            if resources is None:
                return
            still_here = not instance.deleted and instance.host == self.host
            if not still_here:
                self.driver.destroy(instance.uuid)
            self.wipe(self.tracker.held_by(instance, resources))
            if not still_here:
                self.driver.undefine(instance.uuid)
                self.driver.remove_image(instance.uuid)
            self.driver.remove_aside_image(instance.uuid)
            self.tracker.release(instance, resources, side=None if still_here else '')
            self.services.database.set_left_behind(instance, self.host, None)

    # The host

    def audit(self) -> None:
        """Report the inventory, and check the claims against the configuration.

        Source: nova/compute/resource_tracker.py, update_available_resource; what goes wrong is
        logged, and the service runs on.
        """
        database, life = self.services.database, self._running()
        try:
            with database.lock:
                instances = database.instances()
                here = [one for one in instances if one.host == self.host]
                moving = [one for one in instances if one.migration_context is not None]
                life.tracker.restore(here, moving, database.left_behind(self.host),
                                     lambda uuid: not life.under_way.empty(uuid))
        except errors.AssignedResourceNotFound as error:
            LOG.error('Error updating resources for node: %s', error)
        self.report_inventory()

    def report_inventory(self) -> None:
        """Tell Placement what the host has."""
        memory, cpus = self.driver.memory_and_cpus()
        inventories = {
            orc.VCPU: Inventory(
                cpus, max_unit=cpus, allocation_ratio=CPU_ALLOCATION_RATIO),
            orc.MEMORY_MB: Inventory(
                memory, reserved=min(RESERVED_HOST_MEMORY_MB, memory), max_unit=memory),
            orc.DISK_GB: Inventory(LOCAL_GB, max_unit=LOCAL_GB),
            **self.tracker.inventories(),
        }
        ledger = self.services.ledger
        while ledger.inventories(self.provider_uuid) != inventories:
            generation = ledger.provider_generation(self.provider_uuid)
            try:
                ledger.set_inventories(self.provider_uuid, generation, inventories)
            except placement_errors.ResourceProviderGenerationConflict:
                continue
            except placement_errors.InventoryInUse as error:
                LOG.error('Error updating resources for node: %s', error)
                return

    def allocated_here(self, consumer: str) -> dict[str, int]:
        """What a consumer holds of this host."""
        held = self.services.ledger.allocations_for_consumer(consumer)
        return held.allocations.get(self.provider_uuid, {})

    def guest_xml(
        self, instance: Instance, flavor: Flavor | None = None, rescue: bool = False,
    ) -> str:
        """The domain of an instance on this host, on the namespaces that it holds."""
        flavor = flavor or instance.flavor
        return domain_xml(Guest(
            uuid=instance.uuid,
            name=instance.name,
            display_name=instance.display_name,
            created=self.services.now(),
            flavor=flavor,
            image_id=instance.image_id,
            owner=self.services.owner,
            instance_path=str(self.driver.instance_path(instance.uuid)),
            cell=instance.cell,
            vpmems=self.devices(instance.ordered(instance.resources, flavor)),
            rescue=rescue))

    def start_guest(self, instance: Instance, power_on: bool = True) -> PowerState:
        """Define the domain of an instance and start it; one that does not start is forgotten.

        Source: nova/virt/libvirt/driver.py, _create_guest_with_network. Unlike there, nothing is
        wiped, and a guest that runs because only the answer was lost keeps its configuration.
        """
        try:
            domain = self.driver.define(self.guest_xml(instance))
            if power_on:
                domain.createWithFlags(0)
        except Exception:
            self.check_alive()
            if self.observe(instance) != PowerState.RUNNING:
                self.driver.undefine(instance.uuid)
            raise
        return self.driver.power_state_of(domain)

    def devices(self, resources: Iterable[Resource]) -> list[VPMEMDevice]:
        """Claimed resources as this host has them now."""
        return [(self.tracker.present(one) or one).device for one in resources]

    def paths(self, instance: Instance, resources: tuple[Resource, ...]) -> list[str]:
        """The device paths of claimed namespaces here, in the order of the guest's devices."""
        ordered = instance.ordered(resources, instance.flavor)
        return [device.devpath for device in self.devices(ordered)]

    def wipe(self, resources: Iterable[Resource]) -> None:
        """Write zeroes over claimed namespaces."""
        self.driver.wipe(self.devices(resources))

    def observe(self, instance: Instance) -> PowerState:
        """What the hypervisor says of an instance."""
        try:
            return self.driver.power_state(instance.uuid)
        except (libvirt.libvirtError, errors.HypervisorUnavailable) as error:
            LOG.warning('The power state of a server could not be read: %s', error)
            return PowerState.NOSTATE

    def assigned_namespaces(self) -> dict[str, str]:
        life = self._life
        return {} if life is None else life.tracker.assigned()
