"""Servers move while they are off: resize and cold migration, confirmed or reverted.

Source: nova/compute/manager.py, prep_resize to finish_revert_resize. Unlike Nova, a confirmed move
wipes the namespaces that it leaves, as Nova means to: they are the next server's.
"""

from __future__ import annotations

import dataclasses

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.build import GONE, BuildOperations
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.database import Instance, Migration, MigrationContext
from vpmem_harness.cloud.stub.request_steps import not_found, step

LOG = logging.getLogger(__name__)


class ResizeOperations(BuildOperations):
    """Moving servers with their power off."""

    @step('compute_prep_resize')
    def prep_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor, migration: Migration,
    ) -> None:
        """On the destination: claim, and tell the source to send the server."""
        if self.superseded(instance, TaskState.RESIZE_PREP):
            return
        try:
            self._prep_resize(instance, flavor, migration)
        except GONE:
            self.release_allocations(migration.uuid)
            self.release_allocations(instance.uuid)
            raise
        except errors.UnexpectedTaskStateError:
            return      # it is evacuated: see note_claim
        except Exception as error:
            self.check_alive()
            conductor = self.services.conductor
            conductor.return_allocations(migration, instance)
            try:
                conductor.reschedule_resize(context, instance, flavor, migration, error)
            except errors.NoValidHost as exhausted:
                self.services.add_fault(instance, exhausted)
                self.save_migration(migration, status='error')
                self.error_out(instance)
                raise error from None
            self.services.add_fault(instance, error)
            return
        source = self.services.compute(migration.source_compute)
        source.cast(source.resize_instance, context, instance, flavor, migration)

    def _prep_resize(self, instance: Instance, flavor: Flavor, migration: Migration) -> None:
        self.make_way(instance)
        self.save(instance, new_flavor=flavor, old_vm_state=instance.vm_state)
        resources, cell = self.tracker.claim(
            instance, flavor, self.allocated_here(instance.uuid), side='new')
        try:
            self.note_claim(instance, migration, 'pre-migrating', MigrationContext(
                migration, instance.resources, resources, instance.cell, cell))
        except (errors.InstanceNotFound, errors.UnexpectedTaskStateError):
            self.tracker.release(instance, resources, side='new')
            raise

    def note_claim(
        self, instance: Instance, migration: Migration, status: str, claim: MigrationContext,
    ) -> None:
        """Note what a server is to get here by a move.

        :raises UnexpectedTaskStateError: when its host has been lost, and it is evacuated.
        """
        with self.services.database.lock:
            self.save(instance, (TaskState.RESIZE_PREP, TaskState.MIGRATING, TaskState.DELETING))
            self.save_migration(migration, dest_compute=self.host, status=status)
            self.save(instance, migration_context=claim)

    @step('compute_resize_instance', here=not_found)
    def resize_instance(
        self, context: RequestContext, instance: Instance, flavor: Flavor, migration: Migration,
    ) -> None:
        """On the source: turn the server off and send it."""
        if self.superseded(instance, TaskState.RESIZE_PREP):
            return
        destination = self.services.compute(self.require_destination(migration))
        try:
            self.save_migration(migration, status='migrating')
            self.save(
                instance, (TaskState.RESIZE_PREP,), task_state=TaskState.RESIZE_MIGRATING)
            _check_disks(instance.flavor, flavor)
            self.driver.power_off(instance.uuid)
            self.driver.set_aside_image(instance.uuid)
            self.save_migration(migration, status='post-migrating')
            self.save(
                instance, (TaskState.RESIZE_MIGRATING,), host=migration.dest_compute,
                old_flavor=instance.flavor, task_state=TaskState.RESIZE_MIGRATED)
        except Exception as error:
            self.check_alive()
            self.save_migration(migration, status='error')
            self.services.conductor.return_allocations(migration, instance)
            destination.drop_new_claim(instance)
            if not isinstance(error, errors.ResizeError):
                self.error_out(instance)
            raise
        destination.cast(destination.finish_resize, context, instance, flavor, migration)

    def drop_new_claim(self, instance: Instance) -> None:
        """On the destination: the server will not come."""
        context = instance.migration_context
        if context is None:
            return
        with self.services.database.lock:
            if not instance.deleted:
                self.services.database.save(instance, migration_context=None)
        # Only now: what this service reads back from the records must not claim it again.
        if self._life is not None:
            self._life.tracker.release(instance, context.new_resources, side='new')

    @step('compute_finish_resize', here=not_found)
    def finish_resize(
        self, context: RequestContext, instance: Instance, flavor: Flavor, migration: Migration,
    ) -> None:
        """On the destination: start the server as what it has become."""
        if self.superseded(instance, TaskState.RESIZE_MIGRATED):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - prep_resize has made it
        old_flavor = instance.flavor
        try:
            self.save(
                instance, (TaskState.RESIZE_MIGRATED,), task_state=TaskState.RESIZE_FINISH,
                flavor=flavor, resources=move.new_resources, cell=move.new_cell)
            self.driver.create_image(instance.uuid, flavor)
            power_state = self.start_guest(
                instance, power_on=instance.old_vm_state != VMState.STOPPED)
            self.save_migration(migration, status='finished')
            self.save(
                instance, (TaskState.RESIZE_FINISH,), vm_state=VMState.RESIZED,
                task_state=None, power_state=power_state, launched_at=self.services.now())
        except Exception:
            self.check_alive()
            # The server stays here, where a hard reboot may bring it back; the source lets go.
            self.save_migration(migration, status='error')
            self.release_allocations(migration.uuid)
            self.error_out(instance)
            with self.services.database.lock:
                if not instance.deleted:
                    self.save(instance, flavor=old_flavor)
            source = self.services.compute(migration.source_compute)
            source.cast(source.leave_source, instance, move)
            raise

    def leave_source(self, instance: Instance, move: MigrationContext) -> None:
        """On the source: remove what a server has left behind, and end the move.

        The namespaces are wiped: who gets them next must not find them as they were.
        """
        self.leave_behind(instance, move.old_resources)
        destination = self.services.compute(self.require_destination(move.migration))
        destination.settle(instance, move)
        self.clean_up(instance)

    def settle(self, instance: Instance, move: MigrationContext) -> None:
        """On the destination: the move is over."""
        if self._life is not None:
            self._life.tracker.settle(instance)
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
        """On the source: let go of the server."""
        self.confirm(instance, migration)

    @step('compute_confirm_resize')
    def confirm_in_place(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: let go of a server that was to be deleted, and is not any more."""
        try:
            if self.confirm(instance, migration):
                self.save(instance, task_state=None)
        except Exception:
            self.check_alive()
            self.save(instance, task_state=None)
            raise

    def confirm(self, instance: Instance, migration: Migration) -> bool:
        """The inner part, which a delete of an unconfirmed server goes through too.

        False when the move has been confirmed already: then nothing changes.
        """
        if migration.status not in ('finished', 'confirming'):
            LOG.warning('Unexpected status %s of a migration to confirm', migration.status)
            return False
        move = instance.migration_context
        try:
            if move is not None:
                self.leave_source(instance, move)
            # Otherwise it had begun before a restart, and what was left has been cleaned up.
            stopped = instance.power_state == PowerState.SHUTDOWN
            self.save_migration(migration, status='confirmed')
            self.save(
                instance, (None, TaskState.DELETING),
                vm_state=VMState.STOPPED if stopped else VMState.ACTIVE)
        except Exception:
            self.check_alive()
            self.save_migration(migration, status='error')
            self.error_out(instance)
            raise
        finally:
            # Whatever happened, the server is on the destination now.
            self.release_allocations(migration.uuid)
        return True

    @step('compute_confirm_resize')
    def confirm_for_deleting(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: let go of a server that is being deleted, and have it deleted."""
        try:
            self.confirm(instance, migration)
        finally:
            if instance.host is not None:
                self.check_alive()
                destination = self.services.compute(instance.host)
                deletion = self.services.database.start_action(
                    instance, 'delete', context.request_id)
                if destination.is_up:
                    destination.cast(
                        destination.terminate_instance,
                        RequestContext(context.request_id, deletion), instance)
                else:
                    self.services.conductor.delete_local(instance)

    # Revert

    @step('compute_revert_resize', here=not_found)
    def revert_resize(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the destination: remove the server, and tell the source to take it back."""
        self.save(instance)     # one that is gone by now is not brought back
        if self.superseded(instance, TaskState.RESIZE_REVERTING) or (
                migration.status != 'reverting'):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - an unconfirmed server has one
        try:
            self.driver.destroy(instance.uuid)
            self.wipe(self.tracker.held_by(instance, move.new_resources))
            self.driver.undefine(instance.uuid)
            self.driver.remove_image(instance.uuid)
            self.tracker.release(instance, move.new_resources, side='new')
            self.save(
                instance, (TaskState.RESIZE_REVERTING,), resources=(),
                migration_context=dataclasses.replace(move, new_resources=()))
            self.save_migration(migration, status='reverted')
        except Exception:
            self.check_alive()
            self.save_migration(migration, status='error')
            self.error_out(instance)
            raise
        source = self.services.compute(migration.source_compute)
        source.cast(source.finish_revert_resize, context, instance, migration)

    @step('compute_finish_revert_resize')
    def finish_revert_resize(
        self, context: RequestContext, instance: Instance, migration: Migration,
    ) -> None:
        """On the source: start the server as what it was."""
        self.save(instance)
        if self.superseded(instance, TaskState.RESIZE_REVERTING):
            return
        move = instance.migration_context
        assert move is not None  # noqa: S101 - the destination has left it
        try:
            power_on = instance.old_vm_state != VMState.STOPPED
            self.save(
                instance, flavor=instance.old_flavor, host=self.host,
                resources=move.old_resources, cell=move.old_cell)
            self.services.conductor.return_allocations(migration, instance)
            self.driver.bring_back_image(instance.uuid)
            power_state = self.start_guest(instance, power_on)
            self.save(
                instance, (TaskState.RESIZE_REVERTING,), migration_context=None,
                launched_at=self.services.now(), power_state=power_state, old_flavor=None,
                new_flavor=None, old_vm_state=None, task_state=None,
                vm_state=VMState.ACTIVE if power_on else VMState.STOPPED)
        except Exception:
            self.check_alive()
            self.save_migration(migration, status='error')
            self.error_out(instance)
            raise


def _check_disks(old: Flavor, new: Flavor) -> None:
    """No disk becomes smaller.

    Source: nova/virt/libvirt/driver.py, migrate_disk_and_power_off, which raises this within an
    InstanceFaultRollback: the server stays what it is, and its guest has not been touched. A disk
    that is to be smaller than it was at the start is refused by the API.
    """
    if new.disk < old.disk or new.ephemeral < old.ephemeral:
        raise errors.ResizeError(reason='Unable to resize disk down.')
