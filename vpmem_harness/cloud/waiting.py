"""Waiting for a server: on its changes, with a deadline, and with the reason when it fails."""

from __future__ import annotations

from dataclasses import dataclass, field

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Backend, Fault, InstanceAction, ServerRecord
from vpmem_harness.cloud.states import STATUSES_AT_REST
from vpmem_harness.exceptions import HarnessError, InvalidInputError, WaitTimeoutError

#: The status of a server that is gone. Nova's API says 404 instead.
DELETED = 'DELETED'

ERROR = 'ERROR'


class UnexpectedStateError(HarnessError):
    """A server came to rest in another state than the one waited for.

    ``expected`` and ``status`` name the two, ``fault`` says why, if the cloud said so; for a
    request that was refused on its way and left the server as it was, ``reason`` holds the
    details of the step that failed.
    """

    def __init__(
        self, name: str, expected: str, status: str, fault: Fault | None, reason: str,
        seen: list[str],
    ) -> None:
        why = fault.message if fault is not None else reason
        super().__init__(
            f'server {name!r} should have become {expected}, and is {status}'
            f'{": " + why if why else ""}; seen: {" -> ".join(seen)}')
        self.expected = expected
        self.status = status
        self.fault = fault
        self.reason = reason
        self.seen = seen


def check_status(status: str | None) -> None:
    """See that a server can be waited for to have a status, before anything is asked of it.

    :raises InvalidInputError: when none at rest has it; None is to wait for none.
    """
    if status not in (None, *STATUSES_AT_REST):
        known = ', '.join(sorted(STATUSES_AT_REST))
        raise InvalidInputError(
            'status', expected=f'that of a server at rest, {known}', got=repr(status),
            remedy='wait for one of these, or with expect=None for none')


@dataclass
class Wait:
    """One wait for a server to be ``status`` with nothing going on.

    :param request_id: the request that shall be done by then; None to look at the state alone.
    :param success: whether the request must not have failed, for one that ends where it began.
    :param fault: to see ERROR is to wait for its fault, too, which Nova records later, or until
        nothing is done to the server any more: some failures leave no fault.
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
        """Wait, and return the server as it came to be; None for one that is gone.

        :raises UnexpectedStateError: when it comes to rest in another state.
        :raises WaitTimeoutError: when it has not come to rest after ``seconds``.
        :raises InstanceNotFound: when it is gone and should not be.
        """
        outcome = self.backend.wait_for(self._look, seconds)
        if outcome is None:
            raise WaitTimeoutError(f'server {self.name!r} to be {self.status}', seconds, self.seen)
        return outcome if isinstance(outcome, ServerRecord) else None

    def _look(self) -> ServerRecord | str | None:
        record = self._record()
        if record is None:
            return DELETED
        state = record.status if record.task_state is None else (
            f'{record.status} ({record.task_state})')
        if not self.seen or self.seen[-1] != state:
            self.seen.append(state)
        if record.task_state is not None:
            return None
        action = self._action()
        ended = action is None or action.finished
        told = record.status != ERROR or record.fault is not None or not self.fault
        if not (ended and told):
            # Some failures leave no fault, what a service died at has no end, and of two steps of
            # one name, as of a build that is tried on two hosts at once, Nova may end only one.
            reached = record.status in (ERROR, self.status)
            if not reached or not self.backend.at_rest(self.server):
                return None
            # What has come to rest since the first look may have changed it.
            record, action = self._record(), self._action()
            if record is None:
                return DELETED
            if record.task_state is not None:
                return None
        failed = self.success and action is not None and (action.failed or not action.finished)
        if record.status == self.status and not failed:
            return record
        if self.request_id is not None or record.status == ERROR:
            raise UnexpectedStateError(
                self.name, self.status, record.status, record.fault, _reason(action), self.seen)
        return None

    def _record(self) -> ServerRecord | None:
        """The server as it is; None when it is gone, as it should be."""
        try:
            return self.backend.server(self.server)
        except errors.InstanceNotFound:
            if self.status != DELETED:
                raise
            return None

    def _action(self) -> InstanceAction | None:
        if self.request_id is None:
            return None
        # One request can be several actions: to delete a resized server is to confirm it first.
        actions = [action for action in self.backend.actions(self.server)
                   if action.request_id == self.request_id]
        return next((action for action in actions if not action.finished),
                    actions[-1] if actions else None)


def _reason(action: InstanceAction | None) -> str:
    """What the last step of a request that failed has failed with."""
    events = () if action is None else reversed(action.events)
    return next((event.details for event in events if event.details), '')
