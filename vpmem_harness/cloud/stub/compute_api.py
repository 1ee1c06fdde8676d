"""The compute API: checks and records requests.

Source: nova/compute/api.py.
"""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.extra_specs import validate_extra_specs
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub import requests
from vpmem_harness.cloud.stub.compute.driver import GIB
from vpmem_harness.cloud.stub.context import RequestContext, Services
from vpmem_harness.cloud.stub.objects import Instance, Migration

#: Maximum length of a server's name.
NAME_LIMIT = 255

#: Casts a request after it has been recorded.
Send = Callable[[RequestContext], None]


def _check_name(name: str) -> None:
    """Refuse an invalid name of a server.

    Source: nova/api/validation/parameter_types.py.
    """
    if len(name) > NAME_LIMIT:
        raise errors.ValidationError(detail=f'Invalid input for field/attribute name. Value: '
                                     f'{name}. {name!r} is too long')
    categories = [unicodedata.category(character) for character in name]
    if name != name.strip() or any(
            each[0] == 'C' or each in ('Zl', 'Zp') for each in categories):
        raise errors.Invalid("An invalid 'name' value was provided. The name must be: printable "
                             'characters. Can not start or end with whitespace.')


class API:
    """Checks a request, records it, and casts it to the service that executes it."""

    def __init__(self, services: Services, image_id: str) -> None:
        self.services = services
        self._image_id = image_id
        self._flavors: dict[str, Flavor] = {}

    def create_flavor(self, flavor: Flavor) -> None:
        """Register a flavor.

        :raises ValidationError: if its extra specs are invalid.
        """
        validate_extra_specs(flavor.extra_specs)
        self._flavors[flavor.flavorid] = flavor

    def forget_flavors(self) -> None:
        """Remove all flavors."""
        self._flavors.clear()

    def create_server(self, name: str, flavor: Flavor, host: str | None) -> tuple[str, str]:
        """Record a server and start its build; return the ids of server and request."""
        _check_name(name)
        self._check_flavor(flavor)
        if host is not None:
            self.services.compute(host)
        database = self.services.database
        with database.lock:
            instance = Instance(
                self.services.new_uuid(), database.next_number(), name, flavor,
                self.services.now(), self._image_id, min_disk=flavor.disk)
            context = self._begin(instance, 'create')
            database.add_instance(instance)
            conductor = self.services.conductor
            conductor.cast(conductor.build_instance, context, instance, host)
        return instance.uuid, context.request_id

    def request(self, server: str, action: str, **arguments: object) -> str:
        """Send a request for a server; return the request id."""
        request = f'reboot:{arguments["type"]}' if action == 'reboot' else action
        database = self.services.database
        with database.lock:
            instance = database.instance(server)
            if action == 'evacuate':
                self._check_target(instance, **arguments)
            rule = requests.check(instance, request)
            send: Send | None
            if rule.step:
                send = self._on_host(instance, rule.step, *arguments.values())
            else:
                send = self._special[action](self, instance, **arguments)
            if send is None:
                return self._new_request()
            # The deletion of a server with an unconfirmed move begins with the confirmation.
            first = 'confirmResize' if action == 'delete' and self._unconfirmed(instance) else (
                rule.action or action)
            if rule.task is not None:
                database.save(instance, task_state=rule.task)
            if action == 'rebuild':     # its image is copied again
                instance.min_disk = instance.flavor.disk
            context = self._begin(instance, first)
            # Under the lock, so that a service that starts knows of every recorded request.
            send(context)
        return context.request_id

    def _new_request(self) -> str:
        return f'req-{self.services.new_uuid()}'

    def _begin(self, instance: Instance, action: str) -> RequestContext:
        request_id = self._new_request()
        record = self.services.database.start_action(instance, action, request_id)
        return RequestContext(request_id, record)

    def _check_flavor(self, flavor: Flavor) -> None:
        if flavor.flavorid not in self._flavors:
            raise errors.FlavorNotFound(flavor_id=flavor.flavorid)

    def _check_target(self, instance: Instance, host: object = None) -> None:
        """Check the target of an evacuation, which Nova's API does before the server's state.

        Source: nova/api/openstack/compute/evacuate.py. This includes a server without a host
        that is evacuated to an unspecified host.
        """
        if host is not None and host not in self.services.computes:
            raise errors.NotFound(f'Compute host {host} not found.')
        if host == instance.host:
            raise errors.Invalid("The target host can't be the same one.")

    def _on_host(self, instance: Instance, step: str, *arguments: object) -> Send:
        if instance.host is None:
            # Nova: check_instance_host.
            raise errors.InstanceNotReady(instance_id=instance.uuid)
        compute = self.services.compute(instance.host)
        return lambda context: compute.cast(
            operator.attrgetter(step)(compute), context, instance, *arguments)

    # Requests that involve more than one service. Each method runs under the lock of the database
    # and returns a function that casts the request, or None if there is nothing to cast.

    def _delete(self, instance: Instance) -> Send | None:
        conductor = self.services.conductor
        again = instance.task_state == TaskState.DELETING
        migration = self._unconfirmed(instance)
        if migration is not None:
            source = self.services.compute(migration.source_compute)
            if not source.is_up:
                return self._time_out
            # In Nova, a repeated deletion confirms the move and aborts the deletion.
            given_up = again and instance.host is not None and (
                self.services.compute(instance.host).is_up)
            confirm = (source.resize.confirm_in_place if given_up
                       else source.resize.confirm_for_deleting)
            self.services.database.save_migration(migration, status='confirming')
            return lambda context: source.cast(confirm, context, instance, migration)
        if instance.host is None or not self.services.compute(instance.host).is_up:
            return lambda context: conductor.delete_local(instance)
        return None if again else self._on_host(instance, 'build.terminate_instance')

    def _unconfirmed(self, instance: Instance) -> Migration | None:
        """Return the move to confirm before an instance can be deleted."""
        move = instance.migration_context
        if (move is None or instance.vm_state != VMState.RESIZED
                or move.migration.status not in ('finished', 'confirming')):
            return None
        return move.migration

    @staticmethod
    def _time_out(_context: RequestContext) -> None:
        """Fail as Nova does when the RPC call to a service that is down times out."""
        raise errors.NovaException(
            'Unexpected API Error. Please contact the administrator\n'
            "<class 'oslo_messaging.exceptions.MessagingTimeout'>")

    def _resize(self, instance: Instance, flavor: Flavor) -> Send:
        self._check_host_is_up(instance)
        self._check_flavor(flavor)
        if flavor == instance.flavor:
            raise errors.CannotResizeToSameFlavor()
        if flavor.disk == 0 and instance.flavor.disk != 0:
            raise errors.CannotResizeDisk(reason='Resize to zero disk flavor is not allowed.')
        if 0 < flavor.disk < instance.min_disk:
            raise errors.FlavorDiskSmallerThanMinDisk(
                flavor_size=flavor.disk * GIB, image_min_disk=instance.min_disk * GIB)
        same_host = self.services.allow_resize_to_same_host
        return self._move(instance, flavor, None, [] if same_host else [instance.host])

    def _migrate(self, instance: Instance, host: str | None = None) -> Send:
        self._check_host_is_up(instance)
        if host is not None:
            if host == instance.host:
                raise errors.CannotMigrateToSameHost()
            self.services.compute(host)
        return self._move(instance, instance.flavor, host, [instance.host])

    def _check_host_is_up(self, instance: Instance) -> None:
        """Nova's check_instance_host(check_is_up=True)."""
        if instance.host is None:
            raise errors.InstanceNotReady(instance_id=instance.uuid)
        if not self.services.compute(instance.host).is_up:
            raise errors.ServiceUnavailable()

    def _move(
        self, instance: Instance, flavor: Flavor, host: str | None, ignored: list[str | None],
    ) -> Send:
        conductor = self.services.conductor
        ignore = [name for name in ignored if name is not None]
        return lambda context: conductor.cast(
            conductor.migrate_server, context, instance, flavor, host, ignore)

    def _confirm_resize(self, instance: Instance) -> Send:
        migration = self._finished(instance)
        source = self.services.compute(migration.source_compute)
        if not source.is_up:
            raise errors.ServiceUnavailable()
        self.services.database.save_migration(migration, status='confirming')
        return lambda context: source.cast(
            source.resize.confirm_resize, context, instance, migration)

    def _revert_resize(self, instance: Instance) -> Send:
        migration = self._finished(instance)
        self.services.database.save_migration(migration, status='reverting')
        return self._on_host(instance, 'resize.revert_resize', migration)

    def _finished(self, instance: Instance) -> Migration:
        """Return the move of an instance that can be confirmed or reverted."""
        try:
            return self.services.database.migration(instance.uuid, 'finished')
        except errors.MigrationNotFoundByStatus as error:
            raise errors.Invalid('Instance has not been resized.') from error

    def _unshelve(self, instance: Instance, host: str | None = None) -> Send:
        conductor = self.services.conductor
        if host is not None:
            if instance.vm_state != VMState.SHELVED_OFFLOADED:
                raise errors.UnshelveInstanceInvalidState(
                    instance_uuid=instance.uuid, state=instance.vm_state)
            self.services.compute(host)
        return lambda context: conductor.cast(
            conductor.unshelve_instance, context, instance, host)

    def _live_migrate(self, instance: Instance, host: str | None = None) -> Send:
        if host is not None:
            self.services.compute(host)
        conductor = self.services.conductor
        return lambda context: conductor.cast(
            conductor.live_migrate_instance, context, instance, host)

    def _rebuild(self, instance: Instance) -> Send:
        host, conductor = instance.host, self.services.conductor
        if host is None:
            raise errors.InstanceNotReady(instance_id=instance.uuid)
        return lambda context: conductor.cast(conductor.rebuild_instance, context, instance, host)

    def _evacuate(self, instance: Instance, host: str | None = None) -> Send:
        if instance.host is not None and self.services.compute(instance.host).is_up:
            raise errors.ComputeServiceInUse(host=instance.host)
        conductor = self.services.conductor
        return lambda context: conductor.cast(
            conductor.evacuate_instance, context, instance, host)

    def _reset_state(self, instance: Instance, state: str) -> Send:
        return lambda _context: self.services.database.save(
            instance, vm_state=VMState(state), task_state=None)

    _special: dict[str, Callable[..., Send | None]] = {
        'delete': _delete,
        'resize': _resize,
        'migrate': _migrate,
        'confirmResize': _confirm_resize,
        'revertResize': _revert_resize,
        'unshelve': _unshelve,
        'live-migration': _live_migrate,
        'rebuild': _rebuild,
        'evacuate': _evacuate,
        'resetState': _reset_state,
    }
