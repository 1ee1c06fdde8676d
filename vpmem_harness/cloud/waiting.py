"""Waiting for the state of a server, with a timeout and the reason of a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Backend, Fault, InstanceAction, MigrationRecord, ServerRecord
from vpmem_harness.cloud.states import (
    MIGRATION_FAILED,
    STATUSES_AT_REST,
    status_from_state,
)
from vpmem_harness.exceptions import HarnessError, InvalidInputError, WaitTimeoutError

S = TypeVar('S')

#: The status of a server that is gone. Nova's API says 404 instead.
DELETED = 'DELETED'

ERROR = 'ERROR'


class UnexpectedStateError(HarnessError):
    """A server reached another state than the expected one.

    ``expected`` and ``status`` are the two states, and ``fault`` is the server's fault, if it has
    one. If a request failed and left the server as it was, ``reason`` has the details of the event
    that failed.
    """

    def __init__(
        self, name: str, expected: str, status: str, fault: Fault | None, reason: str,
        seen: list[str],
    ) -> None:
        why = (fault.message if fault is not None else reason).strip().removesuffix('.')
        found = (f'the request failed, and server {name!r} is still {status}'
                 if status == expected else
                 f'server {name!r} is {status}, expected {expected}')
        super().__init__(f'{found}{": " + why if why else ""}; seen: {" -> ".join(seen)}')
        self.expected = expected
        self.status = status
        self.fault = fault
        self.reason = reason
        self.seen = seen


def check_status(status: str | None) -> None:
    """Check a status to wait for, before the request is made; None means not to wait.

    :raises InvalidInputError: when no server without a task can have it.
    """
    if status not in (None, *STATUSES_AT_REST):
        known = ', '.join(sorted(STATUSES_AT_REST))
        raise InvalidInputError(
            'status', expected=f'the status of a server without a task, {known}',
            got=repr(status), remedy='use one of these, or expect=None to not wait')


@dataclass
class Wait:
    """One wait for a server to have a status and no task.

    :param request_id: a request that must have finished; None to look at the state only.
    :param success: whether the request must have succeeded, for a request that leads back to the
        state in which it began.
    :param fault: whether ERROR includes the fault. Nova records it later than the state, and some
        failures leave none; the wait then ends when no service works on the server.
    """

    backend: Backend
    server: str
    name: str
    status: str
    request_id: str | None = None
    fault: bool = True
    success: bool = False
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_status(self.status)

    def run(self, seconds: float) -> ServerRecord | None:
        """Wait, and return the state of the server; None if it was deleted as expected.

        :raises UnexpectedStateError: when the server reaches another state.
        :raises WaitTimeoutError: when the server still has a task after ``seconds``.
        :raises InstanceNotFound: when the server was deleted unexpectedly.
        """
        outcome = self.backend.wait_for(self._look, seconds)
        if outcome is None:
            raise WaitTimeoutError(f'server {self.name!r} to be {self.status}', seconds, self.seen)
        return outcome if isinstance(outcome, ServerRecord) else None

    def _look(self) -> ServerRecord | str | None:
        # Most looks find a task, and need no record.
        found = self._existing(self.backend.state)
        if found is None:
            return DELETED
        status, task = status_from_state(found.vm_state, found.task_state), found.task_state
        state = status if task is None else f'{status} ({task})'
        if not self.seen or self.seen[-1] != state:
            self.seen.append(state)
        if task is not None:
            return None
        record = found if isinstance(found, ServerRecord) else self.backend.server(self.server)
        action = self._action()
        complete = (action is None or action.finished) and (
            status != ERROR or record.fault is not None or not self.fault)
        if not complete and status not in (ERROR, self.status):
            return None
        move = self._failed_move()
        if not complete or move is not None:
            # Some failures leave no fault, an event during which its service died never ends, and
            # of two events of one name, as of a build that is retried, Nova may end only one. The
            # source of a migration that has failed may still put the server into ERROR.
            if not self.backend.at_rest(self.server):
                return None
            # What has come to rest since the first look may have changed it.
            again, action, move = (self._existing(self.backend.server), self._action(),
                                   self._failed_move())
            if again is None:
                return DELETED
            if again.task_state is not None:
                return None
            record = again
        failure = _failure(action, move) if self.success else None
        if record.status == self.status and failure is None:
            return record
        if self.request_id is not None or record.status == ERROR:
            raise UnexpectedStateError(
                self.name, self.status, record.status, record.fault,
                _reason(action) or failure or '', self.seen)
        return None

    def _failed_move(self) -> MigrationRecord | None:
        """The latest move of the server if the request was to succeed, and the move has failed.

        The action of a live migration has succeeded as soon as the migration has started.
        """
        if not self.success:
            return None
        move = next(reversed(self.backend.migrations(self.server)), None)
        return move if move is not None and move.status in MIGRATION_FAILED else None

    def _existing(self, read: Callable[[str], S]) -> S | None:
        """What is read of the server; None if it was deleted as expected."""
        try:
            return read(self.server)
        except errors.InstanceNotFound:
            if self.status != DELETED:
                raise
            return None

    def _action(self) -> InstanceAction | None:
        if self.request_id is None:
            return None
        # One request can be several actions: deleting a resized server confirms the resize first.
        actions = [action for action in self.backend.actions(self.server)
                   if action.request_id == self.request_id]
        return next((action for action in actions if not action.finished),
                    actions[-1] if actions else None)


def _failure(action: InstanceAction | None, move: MigrationRecord | None) -> str | None:
    """What a request failed with that leads back to the state in which it began, or None."""
    if action is not None and (action.failed or not action.finished):
        return _reason(action) or 'the request has failed'
    if move is None:
        return None
    return (f'the migration from {move.source_compute} to {move.dest_compute} has the '
            f'status {move.status!r}')


def _reason(action: InstanceAction | None) -> str:
    """The details of the last event of an action that failed."""
    events = () if action is None else reversed(action.events)
    return next((event.details for event in events if event.details), '')
