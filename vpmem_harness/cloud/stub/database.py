"""The database of a cloud: instances, migrations, actions, and waiting for changes."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import TypeVar

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import InstanceActionEvent
from vpmem_harness.cloud.states import TaskState
from vpmem_harness.cloud.stub.objects import Action, Instance, Migration, Resource, conflicting

T = TypeVar('T')


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class _Watch:
    """A waiting thread: ``found`` returns its result, or None to wait on."""

    def __init__(self, found: Callable[[], object]) -> None:
        self.found = found
        self.result: object = None
        self.event = threading.Event()

    def look(self) -> bool:
        """Whether the wait is over; an error of ``found`` also ends it."""
        try:
            self.result = self.found()
        except Exception as error:
            self.result = error
        if self.result is not None:
            self.event.set()
        return self.result is not None


class Database:
    """Instances and migrations, protected by one lock.

    Changes do not wake every waiting thread. The thread that makes a change evaluates the
    conditions of the waiting threads and wakes those whose wait is over, because a thread switch
    costs more than the evaluation.

    :param check: called under the lock before a change; an error prevents the change.
    """

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self.lock = threading.RLock()
        self._check = check
        self._instances: dict[str, Instance] = {}
        self._numbered = 0
        self._migrations: list[Migration] = []
        self._migrations_of: dict[str, list[Migration]] = {}
        self._watches: list[_Watch] = []

    # Instances

    def add_instance(self, instance: Instance) -> None:
        with self.lock:
            self._instances[instance.uuid] = instance
            self.changed()

    def next_number(self) -> int:
        """Return the number of the next instance, which its domain's name contains."""
        with self.lock:
            self._numbered += 1
            return self._numbered

    def instance(self, uuid: str) -> Instance:
        """Return an instance that is not deleted.

        :raises InstanceNotFound: if there is none, or if it has been deleted.
        """
        with self.lock:
            instance = self._instances.get(uuid)
            if instance is None or instance.deleted:
                raise errors.InstanceNotFound(instance_id=uuid)
            return instance

    def any_instance(self, uuid: str) -> Instance:
        """Return an instance, deleted or not."""
        with self.lock:
            try:
                return self._instances[uuid]
            except KeyError:
                raise errors.InstanceNotFound(instance_id=uuid) from None

    def instances(self) -> list[Instance]:
        """Return the instances that are not deleted, oldest first."""
        with self.lock:
            return [one for one in self._instances.values() if not one.deleted]

    def all_instances(self) -> list[Instance]:
        """Return all instances including deleted ones, oldest first."""
        with self.lock:
            return list(self._instances.values())

    def save(
        self,
        instance: Instance,
        expected_task_state: Iterable[TaskState | None] | None = None,
        **changes: object,
    ) -> None:
        """Change an instance.

        :param expected_task_state: the accepted current task states.
        :raises UnexpectedDeletingTaskStateError: if it is being deleted.
        :raises UnexpectedTaskStateError: if it has another task state.
        :raises InstanceNotFound: if it has been deleted.
        """
        with self.lock:
            self._check()
            if instance.deleted:
                raise errors.InstanceNotFound(instance_id=instance.uuid)
            if expected_task_state is not None:
                expected = list(expected_task_state)
                if instance.task_state not in expected:
                    raise conflicting(instance, expected)
            for name, value in changes.items():
                setattr(instance, name, value)
            self.changed()

    def left_behind(self, host: str) -> list[tuple[Instance, tuple[Resource, ...]]]:
        """Return what servers, including deleted ones, have left behind on a host."""
        with self.lock:
            return [(one, one.left_behind[host]) for one in self._instances.values()
                    if host in one.left_behind]

    def set_left_behind(
        self, instance: Instance, host: str, resources: tuple[Resource, ...] | None,
    ) -> None:
        """Record what an instance has left behind on a host; None after the cleanup."""
        with self.lock:
            self._check()
            if resources is None:
                instance.left_behind.pop(host, None)
            else:
                instance.left_behind[host] = resources
            self.changed()

    def archive(self) -> None:
        """Remove deleted instances that have left nothing behind.

        This corresponds to ``nova-manage db archive_deleted_rows`` and keeps the database small.
        """
        with self.lock:
            self._instances = {uuid: one for uuid, one in self._instances.items()
                               if not one.deleted or one.left_behind}
            self._migrations = [one for one in self._migrations
                                if one.instance_uuid in self._instances]
            self._migrations_of = {uuid: moves for uuid, moves in self._migrations_of.items()
                                   if uuid in self._instances}

    def reset(self) -> None:
        """Remove deleted instances and all migrations, and restart numbering at 1."""
        with self.lock:
            self._instances = {uuid: one for uuid, one in self._instances.items()
                               if not one.deleted}
            self._migrations.clear()
            self._migrations_of.clear()
            if not self._instances:
                self._numbered = 0

    # Migrations

    def add_migration(self, migration: Migration) -> None:
        with self.lock:
            self._check()
            self._migrations.append(migration)
            self._migrations_of.setdefault(migration.instance_uuid, []).append(migration)
            self.changed()

    def save_migration(self, migration: Migration, **changes: object) -> None:
        with self.lock:
            self._check()
            for name, value in changes.items():
                setattr(migration, name, value)
            self.changed()

    def migrations(self, instance_uuid: str | None = None) -> list[Migration]:
        with self.lock:
            return list(self._migrations if instance_uuid is None
                        else self._migrations_of.get(instance_uuid, ()))

    def migration(self, instance_uuid: str, *statuses: str) -> Migration:
        """Return the latest migration of an instance with one of ``statuses``.

        :raises MigrationNotFoundByStatus: if it has none.
        """
        for migration in reversed(self.migrations(instance_uuid)):
            if migration.status in statuses:
                return migration
        raise errors.MigrationNotFoundByStatus(
            instance_id=instance_uuid, status=' or '.join(statuses))

    # Actions

    def start_action(self, instance: Instance, action: str, request_id: str) -> Action:
        record = Action(action, request_id, _now())
        with self.lock:
            self._check()
            instance.actions.append(record)
        return record

    def start_event(self, action: Action, event: str, host: str | None) -> str:
        """Note that a step of a request begins; returns what :meth:`finish_event` wants."""
        with self.lock:
            self._check()
            action.events.append(InstanceActionEvent(event, host, start_time=_now()))
            return event

    def finish_event(self, action: Action, event: str, error: Exception | None = None) -> None:
        """Note that a step has ended, and what it failed with.

        Of two of one name it is always the first that ends: one that was done twice, as by a
        service that starts and by what waited for it, leaves an event without an end.
        Source: nova/db/main/api.py, action_event_finish.
        """
        index, begun = next((index, one) for index, one in enumerate(action.events)
                            if one.event == event)
        ended = dataclasses.replace(begun, result='Success', finish_time=_now())
        if error is not None:
            ended = dataclasses.replace(
                ended, result='Error', traceback=''.join(traceback.format_exception(error)),
                details=errors.message_of(error))
        with self.lock:
            self._check()
            action.events[index] = ended
            action.failed |= error is not None
            self.changed()

    # Waiting

    def changed(self) -> None:
        """Wake the threads whose wait is over; call it under the lock after every change."""
        if self._watches:
            self._watches = [watch for watch in self._watches if not watch.look()]

    def look(self) -> None:
        """Wake the threads whose wait is over, after a change outside the database."""
        if self._watches:
            with self.lock:
                self.changed()

    def wait_for(self, found: Callable[[], T | None], seconds: float) -> T | None:
        """Wait at most ``seconds`` until ``found`` does not return None.

        :raises Exception: any error that ``found`` raises.
        """
        watch = _Watch(found)
        with self.lock:
            if not watch.look():
                self._watches.append(watch)
        if not watch.event.wait(seconds):
            with self.lock:
                if watch in self._watches:
                    self._watches.remove(watch)
                watch.look()
        result = watch.result
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[return-value]
