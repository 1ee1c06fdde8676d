"""Resize and cold migration, with confirm and revert.

Source: nova/compute/manager.py, prep_resize to finish_revert_resize. Unlike Nova, a confirmed move
wipes the namespaces that the server leaves, as Nova intends: the next server gets them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.compute.build import GONE
from vpmem_harness.cloud.stub.compute.operations import Operations, not_found, step
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.objects import Instance, Migration, MigrationContext

LOG = logging.getLogger(__name__)


class ResizeOperations(Operations):
    """Moving servers that are powered off."""

    @step('compute_prep_resize')
    def prep_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor, migration: Migration,
    ) -> None:
        """On the destination: claim resources, then cast to the source."""
        if self.services.conductor.moves.superseded(instance, migration, TaskState.RESIZE_PREP):
            return
        try:
            self._prep_resize(instance, flavor, migration)
        except GONE:
            self.service.build.release_allocations(migration.uuid)
            self.service.build.release_allocations(instance.uuid)
            raise
        except errors.UnexpectedTaskStateError:
            # The source has restarted, or the server is being evacuated; see note_claim.
            self.services.conductor.moves.abort(instance, migration)
            return
        except Exception as error:
            self.service.check_alive()
            self._reschedule(context, instance, flavor, migration, error)
            return
        source = self.services.compute(migration.source_compute)
        source.cast(source.resize.resize_instance, context, instance, flavor, migration)

    def _reschedule(
        self, context: RequestContext, instance: Instance, flavor: Flavor, migration: Migration,
        error: Exception,
    ) -> None:
        """Try the next host; raise the error again if there is none."""
        conductor = self.services.conductor
        with self.services.database.lock:
            if conductor.moves.superseded(instance, migration, TaskState.RESIZE_PREP):
                return
            conductor.moves.return_allocations(migration, instance)
            try:
                conductor.reschedule_resize(context, instance, flavor, migration, error)
            except errors.NoValidHost as exhausted:
                self.services.add_fault(instance, exhausted)
                self.service.save_migration(migration, status='error')
                self.service.error_out(instance)
                raise error from None
            self.services.add_fault(instance, error)

    def _prep_resize(self, instance: Instance, flavor: Flavor, migration: Migration) -> None:
        self.service.build.make_way(instance)
        self.service.save(instance, new_flavor=flavor, old_vm_state=instance.vm_state)
        resources, cell = self.tracker.claim(
            instance, flavor, self.service.allocated_here(instance.uuid), side='new')
        try:
            self.note_claim(instance, migration, 'pre-migrating', MigrationContext(
                migration, instance.resources, resources, instance.cell, cell))
        except (errors.InstanceNotFound, errors.UnexpectedTaskStateError):
            self.tracker.release(instance, resources, side='new')
            raise

    def note_claim(
        self, instance: Instance, migration: Migration, status: str, claim: MigrationContext,
    ) -> None:
        """Record the claim of a move on this host.

        :raises UnexpectedTaskStateError: when the source has restarted, or has been lost, so that
            the server is evacuated.
        """
        with self.services.database.lock:
            self.service.save(
                instance, (TaskState.RESIZE_PREP, TaskState.MIGRATING, TaskState.DELETING))
            self.services.conductor.moves.check_under_way(instance, migration)
            self.service.save_migration(migration, dest_compute=self.host, status=status)
            self.service.save(instance, migration_context=claim)

    @step('compute_resize_instance', here=not_found)
    def resize_instance(
        self, context: RequestContext, instance: Instance, flavor: Flavor, migration: Migration,
    ) -> None:
        """On the source: power the server off and send it."""
        if self.services.conductor.moves.superseded(instance, migration, TaskState.RESIZE_PREP):
            return
        destination = self.services.compute(self.service.require_destination(migration))
        try:
            self.service.save_migration(migration, status='migrating')
            self.service.save(
                instance, (TaskState.RESIZE_PREP,), task_state=TaskState.RESIZE_MIGRATING)
            _check_disks(instance.flavor, flavor)
            self.driver.power_off(instance.uuid)
            # Nova reads from the domain which disks to move.
            self.driver.require(instance.uuid)
            self.driver.set_aside_image(instance.uuid)
            with self.services.database.lock:
                self.service.save_migration(migration, status='post-migrating')
                self.service.save(
                    instance, (TaskState.RESIZE_MIGRATING,), host=migration.dest_compute,
                    old_flavor=instance.flavor, task_state=TaskState.RESIZE_MIGRATED)
                destination.cast(
                    destination.resize.finish_resize, context, instance, flavor, migration)
        except Exception as error:
            with self.services.database.lock:
                self.service.save_migration(migration, status='error')
                self.services.conductor.moves.return_allocations(migration, instance)
                destination.resize.drop_new_claim(instance)
                if not isinstance(error, errors.ResizeError):
                    self.service.error_out(instance)
            raise

    def drop_new_claim(self, instance: Instance) -> None:
        """On the destination: release the claim of a failed move."""
        context = instance.migration_context
        if context is None:
            return
        with self.services.database.lock:
            if not instance.deleted:
                self.services.database.save(instance, migration_context=None)
        # Only now: what this service reads back from the records must not claim it again.
        if self.service.current_run is not None:
            self.service.current_run.tracker.release(instance, context.new_resources, side='new')

    @step('compute_finish_resize', here=not_found)
    def finish_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor, migration: Migration,
    ) -> None:
        """On the destination: start the server with its new flavor."""
        if self.service.superseded(instance, TaskState.RESIZE_MIGRATED):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - prep_resize has made it
        try:
            self.service.save(
                instance, (TaskState.RESIZE_MIGRATED,), task_state=TaskState.RESIZE_FINISH,
                flavor=flavor, resources=move.new_resources, cell=move.new_cell)
            self.driver.create_image(instance.uuid, flavor)
            power_state = self.service.start_guest(
                instance, power_on=instance.old_vm_state != VMState.STOPPED)
            with self.services.database.lock:
                self.service.save_migration(migration, status='finished')
                self.service.save(
                    instance, (TaskState.RESIZE_FINISH,), vm_state=VMState.RESIZED,
                    task_state=None, power_state=power_state, launched_at=self.services.now())
        except Exception:
            source = self.services.compute(migration.source_compute)
            with self.services.database.lock:
                # The server stays here, where a hard reboot may start it; the source releases it.
                # Unlike in Nova, it keeps the flavor whose namespaces it has.
                self.service.save_migration(migration, status='error')
                self.service.build.release_allocations(migration.uuid)
                self.service.error_out(instance)
                source.cast(source.resize.leave_source, instance, move)
            raise

    def leave_source(self, instance: Instance, move: MigrationContext) -> None:
        """On the source: remove what the server has left behind, and end the move.

        The namespaces are wiped for the next server that gets them.
        """
        self.service.cleanup.leave_behind(instance, move.old_resources)
        destination = self.services.compute(self.service.require_destination(move.migration))
        destination.resize.settle(instance, move)
        self.service.cleanup.clean_up(instance)

    def settle(self, instance: Instance, move: MigrationContext) -> None:
        """On the destination: end the move."""
        if self.service.current_run is not None:
            self.service.current_run.tracker.settle(instance)
        database = self.services.database
        with database.lock:
            if not instance.deleted and instance.migration_context is move:
                database.save(
                    instance, migration_context=None, old_flavor=None, new_flavor=None,
                    old_vm_state=None)

    # Confirm

    @step('compute_confirm_resize')
    def confirm_resize(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: confirm the move."""
        self.confirm(instance, migration)

    @step('compute_confirm_resize')
    def confirm_in_place(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: confirm the move of a server whose deletion was aborted."""
        try:
            if self.confirm(instance, migration):
                self.service.save(instance, task_state=None)
        except Exception:
            self.service.check_alive()
            self.service.save(instance, task_state=None)
            raise

    def confirm(
        self, instance: Instance, migration: Migration,
        then: Callable[[], None] = lambda: None,
    ) -> bool:
        """Confirm a move; deletions of unconfirmed servers do this too.

        Returns False, without any change, if the move has been confirmed already.

        :param then: called at the end, even after an error.
        """
        if migration.status not in ('finished', 'confirming'):
            LOG.warning('Cannot confirm a migration with status %s', migration.status)
            then()
            return False
        move = instance.migration_context
        try:
            if move is not None:
                self.leave_source(instance, move)
            # Otherwise it began before a restart, which has cleaned up.
            stopped = instance.power_state == PowerState.SHUTDOWN
            with self.services.database.lock:
                self.service.save_migration(migration, status='confirmed')
                # In any case, the server is on the destination now.
                self.service.build.release_allocations(migration.uuid)
                self.service.save(
                    instance, (None, TaskState.DELETING),
                    vm_state=VMState.STOPPED if stopped else VMState.ACTIVE)
                then()
        except Exception:
            with self.services.database.lock:
                self.service.save_migration(migration, status='error')
                self.service.build.release_allocations(migration.uuid)
                self.service.error_out(instance)
                then()
            raise
        return True

    @step('compute_confirm_resize')
    def confirm_for_deleting(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: confirm the move of a server, then delete the server."""
        def delete() -> None:
            if instance.host is None:
                return
            destination = self.services.compute(instance.host)
            with self.services.database.lock:
                deletion = self.services.database.start_action(
                    instance, 'delete', context.request_id)
                if destination.is_up:
                    destination.cast(
                        destination.build.terminate_instance,
                        RequestContext(context.request_id, deletion), instance)
                else:
                    self.services.conductor.delete_local(instance)
        self.confirm(instance, migration, delete)

    # Revert

    @step('compute_revert_resize', here=not_found)
    def revert_resize(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: remove the server, then cast to the source."""
        self.service.save(instance)     # fails if the server has been deleted
        if self.service.superseded(instance, TaskState.RESIZE_REVERTING) or (
                migration.status != 'reverting'):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - an unconfirmed server has one
        try:
            self.driver.destroy(instance.uuid)
            self.service.wipe(self.tracker.held_by(instance, move.new_resources))
            self.driver.undefine(instance.uuid)
            self.driver.remove_image(instance.uuid)
            self.tracker.release(instance, move.new_resources, side='new')
            source = self.services.compute(migration.source_compute)
            with self.services.database.lock:
                self.service.save(
                    instance, (TaskState.RESIZE_REVERTING,), resources=(),
                    migration_context=dataclasses.replace(move, new_resources=()))
                self.service.save_migration(migration, status='reverted')
                source.cast(source.resize.finish_revert_resize, context, instance, migration)
        except Exception:
            with self.services.database.lock:
                self.service.save_migration(migration, status='error')
                self.service.error_out(instance)
            raise

    @step('compute_finish_revert_resize')
    def finish_revert_resize(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: start the server with its old flavor."""
        self.service.save(instance)
        if self.service.superseded(instance, TaskState.RESIZE_REVERTING):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - the destination has left it
        try:
            power_on = instance.old_vm_state != VMState.STOPPED
            with self.services.database.lock:
                self.service.save(
                    instance, flavor=instance.old_flavor, host=self.host,
                    resources=move.old_resources, cell=move.old_cell)
                self.services.conductor.moves.return_allocations(migration, instance)
            self.driver.bring_back_image(instance.uuid)
            power_state = self.service.start_guest(instance, power_on)
            self.service.save(
                instance, (TaskState.RESIZE_REVERTING,), migration_context=None,
                launched_at=self.services.now(), power_state=power_state, old_flavor=None,
                new_flavor=None, old_vm_state=None, task_state=None,
                vm_state=VMState.ACTIVE if power_on else VMState.STOPPED)
        except Exception:
            self.service.check_alive()
            self.service.save_migration(migration, status='error')
            self.service.error_out(instance)
            raise


def _check_disks(old: Flavor, new: Flavor) -> None:
    """Refuse a smaller disk.

    Source: nova/virt/libvirt/driver.py, migrate_disk_and_power_off, which raises this within an
    InstanceFaultRollback: the server keeps its state, and its guest is not touched. The API refuses
    a flavor with a smaller disk beforehand.
    """
    if new.disk < old.disk or new.ephemeral < old.ephemeral:
        raise errors.ResizeError(reason='Unable to resize disk down.')
