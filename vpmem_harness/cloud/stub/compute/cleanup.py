"""Cleanup of what servers leave on a host, and of unfinished moves."""

from __future__ import annotations

from collections.abc import Iterable

from oslo_log import log as logging

from vpmem_harness.cloud.stub.compute.operations import Operations
from vpmem_harness.cloud.stub.objects import Instance, Resource

LOG = logging.getLogger(__name__)


class CleanupOperations(Operations):
    """Removing the domains, data and claims that servers leave on a host."""

    def leave_behind(self, instance: Instance, resources: Iterable[Resource]) -> None:
        """Record what this host still holds of a server that has left, for a later cleanup."""
        with self.services.database.lock:
            before = instance.left_behind.get(self.host, ())
            more = tuple(one for one in resources if one not in before)
            self.services.database.set_left_behind(instance, self.host, before + more)

    def keep(self, instance: Instance, resources: Iterable[Resource]) -> None:
        """Remove resources that a server uses again from the record of leftovers."""
        database = self.services.database
        with database.lock:
            left = instance.left_behind.get(self.host, ())
            rest = tuple(one for one in left if one not in resources)
            database.set_left_behind(instance, self.host, rest or None)

    def clean_up(self, instance: Instance) -> None:
        """Remove what a server has left behind on this host, data first.

        The claims remain until then, so that no server gets a namespace with another's data.
        """
        with self.service.instance_lock(instance):
            resources = instance.left_behind.get(self.host)
            if resources is None:
                return
            still_here = not instance.deleted and instance.host == self.host
            if not still_here:
                self.driver.destroy(instance.uuid)
            self.service.wipe(self.tracker.held_by(instance, resources))
            if not still_here:
                self.driver.undefine(instance.uuid)
                self.driver.remove_image(instance.uuid)
            self.driver.remove_aside_image(instance.uuid)
            self.tracker.release(instance, resources, side=None if still_here else '')
            self.services.database.set_left_behind(instance, self.host, None)

    def clean_up_all(self) -> None:
        """Remove the leftovers of all servers; keep what cannot be removed."""
        for instance, _resources in self.services.database.left_behind(self.host):
            try:
                self.clean_up(instance)
            except Exception as error:
                self.service.check_alive()
                LOG.error('Cannot remove what a server has left behind: %s', error)

    def own(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        """Return the resources on this host; a server may still have those of its source."""
        return tuple(one for one in resources if one.provider_uuid == self.provider_uuid)

    def leave_deleted(self, instance: Instance) -> None:
        """Record the leftovers of a server that was deleted while this service was down."""
        self.leave_sides(instance, self.leave_host(instance))

    def leave_host(self, instance: Instance) -> tuple[Resource, ...]:
        """Record what a server holds on this host, for a later cleanup; return the resources."""
        held = self.own(instance.resources)
        self.leave_behind(instance, held)
        return held

    def leave_sides(self, instance: Instance, removed: Iterable[Resource]) -> None:
        """Record what both hosts hold of a server that is deleted during a move.

        :param removed: resources that have been released.
        """
        move = instance.migration_context
        if move is None:
            return
        self.services.database.save_migration(move.migration, status='error')
        sides = (
            (move.migration.source_compute, move.old_resources),
            (move.migration.dest_compute, move.new_resources))
        for host, resources in sides:
            rest = [one for one in resources if one not in removed]
            if host is not None and (rest or host != instance.host):
                self.services.compute(host).cleanup.leave_behind(instance, rest)

    def abandon_move(self, instance: Instance) -> None:
        """Release what a failed move holds, before the server moves again.

        Otherwise the next move would lose track of these resources.
        """
        move = instance.migration_context
        if move is None:
            return
        source = self.services.compute(move.migration.source_compute)
        # After a revert that failed late, the server has its old resources.
        source.cleanup.leave_behind(
            instance, [one for one in move.old_resources if one not in instance.resources])
        self.service.build.release_allocations(move.migration.uuid)
        destination = self.services.compute(self.service.require_destination(move.migration))
        destination.resize.settle(instance, move)
        source.cast(source.cleanup.clean_up, instance)
