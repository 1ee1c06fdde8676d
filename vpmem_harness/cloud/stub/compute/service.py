"""The compute service of one host, composed of operation groups."""

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
from vpmem_harness.cloud.stub import placement_errors
from vpmem_harness.cloud.stub.compute import pmem_namespaces
from vpmem_harness.cloud.stub.compute.build import BuildOperations
from vpmem_harness.cloud.stub.compute.cleanup import CleanupOperations
from vpmem_harness.cloud.stub.compute.driver import LibvirtDriver
from vpmem_harness.cloud.stub.compute.evacuation import EvacuationOperations
from vpmem_harness.cloud.stub.compute.guest import Guest, domain_xml
from vpmem_harness.cloud.stub.compute.live_migration import LiveMigrationOperations
from vpmem_harness.cloud.stub.compute.power import PowerOperations
from vpmem_harness.cloud.stub.compute.resize import ResizeOperations
from vpmem_harness.cloud.stub.compute.resource_tracker import Choose, ResourceTracker
from vpmem_harness.cloud.stub.compute.service_run import ServiceKilled, ServiceRun
from vpmem_harness.cloud.stub.compute.shelve import ShelveOperations
from vpmem_harness.cloud.stub.compute.startup import StartupOperations
from vpmem_harness.cloud.stub.context import RequestContext, Services
from vpmem_harness.cloud.stub.objects import Instance, Migration, Resource, about

LOG = logging.getLogger(__name__)

#: Disk space of a simulated host in GiB.
LOCAL_GB = 4096

#: Nova's defaults: ``initial_cpu_allocation_ratio`` and ``reserved_host_memory_mb``.
CPU_ALLOCATION_RATIO = 4.0
RESERVED_HOST_MEMORY_MB = 512


class ComputeService:
    """A compute service: its runs, its work, and what its operation groups share."""

    def __init__(
        self, host: SimulatedHost, services: Services, option: Sequence[str],
    ) -> None:
        self.host = host.name
        self.services = services
        self.pmem_namespaces = tuple(option)
        self.disabled = False
        self.simulated_host = host
        self._lock = threading.Lock()
        self.current_run: ServiceRun | None = None
        self._inbox: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.build = BuildOperations(self)
        self.power = PowerOperations(self)
        self.resize = ResizeOperations(self)
        self.shelve = ShelveOperations(self)
        self.live_migration = LiveMigrationOperations(self)
        self.evacuation = EvacuationOperations(self)
        self.cleanup = CleanupOperations(self)
        self.startup = StartupOperations(self)

    # Start and stop

    @property
    def is_up(self) -> bool:
        run = self.current_run
        return run is not None and run.accepting

    @property
    def runs(self) -> bool:
        """Whether the service has a process, even one that is starting or stopping."""
        return self.current_run is not None

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
        """Start the service: read configuration and host, restore claims, then do queued work.

        :raises PMEMNamespaceConfigInvalid: when the configuration does not fit the host.
        :raises GetPMEMNamespacesFailed: when ndctl fails.
        :raises HypervisorUnavailable: when libvirt does not answer.
        """
        driver = LibvirtDriver(self.simulated_host)
        try:
            devices = pmem_namespaces.discover(self.pmem_namespaces, driver.list_namespaces)
            tracker = ResourceTracker(
                self.host, self.provider_uuid, devices, driver.numa_cells,
                self._chooser())
        except BaseException:
            driver.close()
            driver.give_back()
            raise
        run = self.current_run = ServiceRun(driver, tracker)
        try:
            self.in_service(self.startup.init_host)
        except Exception:
            self.kill()
            raise
        with self._lock:
            run.accepting = True
            waiting, self._inbox = self._inbox, []
        for work, args in waiting:
            self.cast(work, *args)

    def _chooser(self) -> Choose:
        draw = self.services.randomness.derive('claims', self.host).choice
        return lambda free: (self.services.choose or draw)(free)

    def draw_anew(self) -> None:
        """Use the cloud's current randomness to choose among equal namespaces."""
        self.tracker.choose = self._chooser()

    def in_service(self, work: Callable[[], None]) -> None:
        """Do work of the service in the caller's thread."""
        run = self._running()
        with self.services.database.lock:
            self.services.busy.add(self)
            run.under_way.begin(None)
        try:
            with self.services.current_run.of_thread(run):
                work()
        finally:
            run.done(None)

    def stop(self, seconds: float) -> bool:
        """Stop the service when its work in progress is done.

        After ``seconds``, work in progress is aborted, as systemd does; returns False then.
        """
        run = self.current_run
        if run is None:
            return True
        with self._lock:
            run.accepting = False
        done = run.under_way.rest(seconds)
        self.kill()
        return done

    def kill(self) -> None:
        """Kill the service; work in progress ends at its next step."""
        with self.services.database.lock, self._lock:
            run, self.current_run = self.current_run, None
            if run is not None:
                run.ended = True
        if run is not None:
            run.end()

    def cast(self, work: Callable[..., None], *args: Any) -> None:
        """Queue work for a worker thread; a service that is down does it when it starts."""
        with self.services.database.lock, self._lock:
            self.check_alive()
            run = self.current_run
            self.services.busy.add(self)
            if run is None or not run.accepting:
                self._inbox.append((work, args))
                return
            run.under_way.begin(about(args))
        self.services.workers.submit(functools.partial(self._do, run, work, *args))

    def again(
        self, instance: Instance, action: str, work: Callable[..., None], *args: object,
    ) -> None:
        """Queue a step under a new request of the service."""
        request_id = f'req-{self.services.new_uuid()}'
        record = self.services.database.start_action(instance, action, request_id)
        self.cast(work, RequestContext(request_id, record), instance, *args)

    def once_more(
        self, instance: Instance, work: Callable[..., None], *args: object,
    ) -> None:
        """Repeat a step that the previous run may have begun, before queued work.

        The step belongs to the latest request. Source: nova/db/main/api.py, action_event_start.
        """
        latest = instance.actions[-1]
        work(RequestContext(latest.request_id, latest), instance, *args)

    def waits_for(self, instance: Instance) -> bool:
        """Whether queued work concerns an instance."""
        with self._lock:
            return any(instance in args for _work, args in self._inbox)

    def _do(self, run: ServiceRun, work: Callable[..., None], *args: Any) -> None:
        try:
            with self.services.current_run.of_thread(run):
                work(*args)
        except ServiceKilled:
            LOG.debug('A compute service was killed while it worked')
        finally:
            run.done(about(args))
            self.services.database.look()

    @property
    def is_idle(self) -> bool:
        """Whether the current run has no work in progress, and nothing is queued for the next."""
        with self._lock:
            return not self._inbox and self.at_rest(None)

    def at_rest(self, server: str | None) -> bool:
        """Whether the current run has no work in progress; see ``Tally``."""
        run = self.current_run
        return run is None or run.under_way.empty(server)

    def _running(self) -> ServiceRun:
        """Return the run of the service that the current work belongs to.

        :raises ServiceKilled: when it has ended.
        """
        self.check_alive()
        run = self.current_run
        if run is None:
            raise ServiceKilled
        return run

    def check_alive(self) -> None:
        """Check that the run of the service that began this work has not ended.

        :raises ServiceKilled: when it has ended.
        """
        self.services.current_run.check()

    def instance_lock(self, instance: Instance) -> threading.RLock:
        """Nova's ``synchronized(instance.uuid)``, which applies within one process."""
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
        """Reset the task state after a failed step, unless another request has set it."""
        if isinstance(error, errors.UnexpectedTaskStateError):
            return
        with self.services.database.lock:
            if not instance.deleted and instance.task_state != TaskState.DELETING:
                self.save(instance, task_state=None)

    def add_fault(self, instance: Instance, error: Exception) -> None:
        """Record a fault as Nova's wrap_instance_fault does: not for InstanceNotFound."""
        if not isinstance(error, errors.InstanceNotFound):
            self.services.add_fault(instance, error)

    def superseded(self, instance: Instance, *tasks: TaskState) -> bool:
        """Whether a restart of a service has ended the request of this step."""
        late = instance.task_state not in tasks and instance.task_state != TaskState.DELETING
        if late and not instance.deleted:
            LOG.info('A step came too late: a restart has ended its request')
        return late and not instance.deleted

    def error_out(self, instance: Instance) -> None:
        """Set ERROR as Nova's _set_instance_obj_error_state does; the step reverts the task."""
        if not instance.deleted:
            self.save(instance, vm_state=VMState.ERROR)

    # The host

    def audit(self) -> None:
        """Report the inventory, and compare the claims with the configuration.

        Source: nova/compute/resource_tracker.py, update_available_resource; errors are logged,
        and the service continues.
        """
        database, run = self.services.database, self._running()
        try:
            with database.lock:
                instances = database.instances()
                here = [one for one in instances if one.host == self.host]
                moving = [one for one in instances if one.migration_context is not None]
                run.tracker.restore(here, moving, database.left_behind(self.host),
                                    lambda uuid: not run.under_way.empty(uuid))
        except errors.AssignedResourceNotFound as error:
            LOG.error('Error updating resources for node: %s', error)
        self.report_inventory()

    def report_inventory(self) -> None:
        """Report the host's inventory to Placement."""
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
        """Return a consumer's allocations on this host."""
        held = self.services.ledger.allocations_for_consumer(consumer)
        return held.allocations.get(self.provider_uuid, {})

    def guest_xml(
        self, instance: Instance, flavor: Flavor | None = None, rescue: bool = False,
    ) -> str:
        """Return the domain XML of an instance on this host."""
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
        """Define and start the domain of an instance; undefine it if it does not start.

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
        """Return the current devices of claimed resources."""
        return [(self.tracker.present(one) or one).device for one in resources]

    def paths(self, instance: Instance, resources: tuple[Resource, ...]) -> list[str]:
        """Return the device paths of claimed namespaces in the order of the guest's devices."""
        ordered = instance.ordered(resources, instance.flavor)
        return [device.devpath for device in self.devices(ordered)]

    def wipe(self, resources: Iterable[Resource]) -> None:
        """Write zeroes over claimed namespaces."""
        self.driver.wipe(self.devices(resources))

    def observe(self, instance: Instance) -> PowerState:
        """Return the power state that the hypervisor reports."""
        try:
            return self.driver.power_state(instance.uuid)
        except (libvirt.libvirtError, errors.HypervisorUnavailable) as error:
            LOG.warning('Cannot read the power state of a server: %s', error)
            return PowerState.NOSTATE

    def assigned_namespaces(self) -> dict[str, str]:
        run = self.current_run
        return {} if run is None else run.tracker.assigned()

    @staticmethod
    def require_destination(migration: Migration) -> str:
        if migration.dest_compute is None:
            raise errors.MigrationError(reason='Migration has no destination')
        return migration.dest_compute
