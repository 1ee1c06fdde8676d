"""Live migration.

Source: nova/compute/manager.py, live_migration, _post_live_migration, _rollback_live_migration;
nova/virt/libvirt/migration.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import libvirt
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState
from vpmem_harness.cloud.stub.compute.driver import LibvirtDriver
from vpmem_harness.cloud.stub.compute.guest import with_paths
from vpmem_harness.cloud.stub.compute.operations import Operations, not_found, step
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.objects import Instance, Migration, MigrationContext

# For annotations only: the service creates its operations.
if TYPE_CHECKING:
    from vpmem_harness.cloud.stub.compute.service import ComputeService

LOG = logging.getLogger(__name__)


class LiveMigrationOperations(Operations):
    """Moving servers that run."""

    @step('compute_check_can_live_migrate_destination')
    def pre_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: claim resources, then cast to the source."""
        if self.services.conductor.moves.superseded(instance, migration, TaskState.MIGRATING):
            return
        try:
            self.service.build.make_way(instance)
            resources, cell = self.tracker.claim(
                instance, instance.flavor, self.service.allocated_here(instance.uuid), side='new')
            try:
                self.service.resize.note_claim(instance, migration, 'preparing', MigrationContext(
                    migration, instance.resources, resources, instance.cell, cell))
            except errors.UnexpectedTaskStateError:
                self.tracker.release(instance, resources, side='new')
                # The source has restarted, or the server is being evacuated; see note_claim.
                self.services.conductor.moves.abort(instance, migration)
                return
            self.driver.create_image(instance.uuid, instance.flavor)
        except Exception:
            self.service.check_alive()
            self.rollback_live_migration(context, instance, migration)
            raise
        source = self.services.compute(migration.source_compute)
        source.cast(source.live_migration.live_migration, context, instance, migration)

    @step('compute_live_migration', here=not_found, background=True)
    def live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: migrate the guest, then clean up."""
        if self.services.conductor.moves.superseded(instance, migration, TaskState.MIGRATING):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - pre_live_migration has made it
        destination = self.services.compute(self.service.require_destination(migration))
        try:
            self.service.save_migration(migration, status='running')
            domain = self.driver.require(instance.uuid)
            flags = libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
            xml = with_paths(
                domain.XMLDesc(flags), [one.device.devpath for one in instance.ordered(
                    move.new_resources, instance.flavor)])
            # Each simulated host has its own instances directory.
            xml = xml.replace(str(self.driver.instance_path(instance.uuid)),
                              f'{destination.simulated_host.instances_path}/{instance.uuid}')
            self.service.simulated_host.introduce(destination.simulated_host)
            try:
                self.driver.migrate(domain, destination.live_migration.uri, xml)
            except libvirt.libvirtError as error:
                if not self._has_moved(instance, destination):
                    raise
                LOG.info('A migration succeeded although the call failed: %s', error)
        except Exception:
            self.service.check_alive()
            destination.live_migration.rollback_live_migration(context, instance, migration)
            raise
        try:
            self._post_live_migration(context, instance, migration)
        except Exception as error:
            self.service.check_alive()
            self.service.add_fault(instance, error)
            raise

    def _has_moved(self, instance: Instance, destination: ComputeService) -> bool:
        """Whether a guest has left this host, or runs on the destination if this host is down.

        Nova assumes in that case that the guest has not left, and removes it on the destination.
        """
        try:
            return self.has_left(instance)
        except (errors.HypervisorUnavailable, libvirt.libvirtError) as error:
            LOG.warning('Checking on the destination whether a guest has left: %s', error)
        return LibvirtDriver(destination.simulated_host).runs_guest(instance.uuid)

    def has_left(self, instance: Instance) -> bool:
        """Whether a migrating guest has left this host, which ends the migration.

        Source: nova/virt/libvirt/migration.py, find_job_type, which takes a guest that has
        ended for one that has left.
        """
        return self.driver.domain(instance.uuid) is None

    @step('compute_live_migration')
    def post_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: finish the migration of a guest that left while the service was down."""
        if instance.host == self.host:
            self._post_live_migration(context, instance, migration)

    def _post_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        move = instance.migration_context
        assert move is not None  # noqa: S101 - pre_live_migration has made it
        destination = self.services.compute(self.service.require_destination(migration))
        with self.services.database.lock:
            self.service.save(instance, host=migration.dest_compute, resources=move.new_resources,
                      cell=move.new_cell,
                      migration_context=dataclasses.replace(move, old_resources=()))
            self.service.cleanup.leave_behind(instance, move.old_resources)
            destination.cast(
                destination.live_migration.post_live_migration_at_destination, context, instance,
                migration)
        try:
            self.service.cleanup.clean_up(instance)
        finally:
            # Even if the cleanup failed, the server is on the destination now.
            self.service.build.release_allocations(migration.uuid)

    @property
    def uri(self) -> str:
        return self.service.simulated_host.uri

    @step('compute_post_live_migration_at_destination')
    def post_live_migration_at_destination(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: finish the migration."""
        move = instance.migration_context
        if move is None or move.migration is not migration:
            return      # a restart repeats this step, and it was done before
        power_state = self.service.observe(instance)
        with self.services.database.lock:
            self.service.resize.settle(instance, move)
            self.service.save_migration(migration, status='completed')
            # A source that failed to clean up has reset the task, and another may have begun.
            task = instance.task_state
            self.service.save(instance, power_state=power_state,
                      task_state=None if task == TaskState.MIGRATING else task)

    def rollback_live_migration(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """Roll a migration back; the destination wipes and releases the new namespaces.

        The request ends after that.
        """
        move = instance.migration_context
        database = self.services.database
        with database.lock:
            database.save_migration(migration, status='error')
            self.services.conductor.moves.return_allocations(migration, instance)
            if move is not None and move.migration is migration:
                self.service.cleanup.leave_behind(instance, move.new_resources)
                self.drop_new_context(instance)
                begun = database.start_event(
                    context.action, 'compute_rollback_live_migration_at_destination', self.host)
                self.service.cast(self._clean_up_at_destination, context, instance, begun)

    def _clean_up_at_destination(
        self, context: RequestContext, instance: Instance, begun: str,
    ) -> None:
        failure: Exception | None = None
        try:
            self.service.cleanup.clean_up(instance)
        except Exception as error:
            self.service.check_alive()
            failure = error
        self.services.database.finish_event(context.action, begun, failure)

    def drop_new_context(self, instance: Instance) -> None:
        """Forget the new side of the move."""
        database = self.services.database
        with database.lock:
            if not instance.deleted:
                database.save(instance, migration_context=None)
