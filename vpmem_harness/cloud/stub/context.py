"""Request context, and the services that share one stub cloud."""

from __future__ import annotations

import datetime
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Fault
from vpmem_harness.cloud.stub.compute.guest import Owner
from vpmem_harness.cloud.stub.compute.service_run import CurrentRun
from vpmem_harness.cloud.stub.database import Database
from vpmem_harness.cloud.stub.ledger import Ledger
from vpmem_harness.cloud.stub.objects import Action, Instance, Resource
from vpmem_harness.cloud.stub.scheduler import Selection
from vpmem_harness.cloud.stub.workers import Workers
from vpmem_harness.randomness import Randomness

if TYPE_CHECKING:
    from vpmem_harness.cloud.stub.compute.service import ComputeService
    from vpmem_harness.cloud.stub.conductor import Conductor


#: Seconds in which the conductor notes the end of its work, even on a busy machine.
_HANDOVER = 1.0


@dataclass
class RequestContext:
    """Context of one request, passed between services."""

    request_id: str
    action: Action
    attempts: int = 1
    alternates: Sequence[Selection] = ()


@dataclass
class Services:
    """The objects that all services of a cloud share."""

    database: Database
    ledger: Ledger
    current_run: CurrentRun
    workers: Workers
    randomness: Randomness
    owner: Owner
    now: Callable[[], datetime.datetime]
    new_uuid: Callable[[], str]
    providers: Mapping[str, str]
    computes: dict[str, ComputeService] = field(default_factory=dict)
    #: The compute services that may have work; see :meth:`working`.
    busy: set[ComputeService] = field(default_factory=set)
    #: Nova's option: seconds until a shelved server is offloaded; -1 for never.
    shelved_offload_time: int = 0
    allow_resize_to_same_host: bool = False
    #: Chooses one of several equal free namespaces; at random by default.
    choose: Callable[[Sequence[Resource]], Resource] | None = None
    _conductor: Conductor | None = None

    @property
    def conductor(self) -> Conductor:
        assert self._conductor is not None  # noqa: S101 - set where the cloud is put together
        return self._conductor

    @conductor.setter
    def conductor(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def is_requested(self, instance: Instance) -> bool:
        """Whether a service works on an instance, or has a request for it in its queue.

        Work is handed over under the lock of the database, so that it does not escape this. The
        conductor may have handed it to a run that was killed since, and not have noted its end yet.
        """
        self.conductor.under_way.rest(_HANDOVER, instance.uuid)
        with self.database.lock:
            return not self.conductor.under_way.empty(instance.uuid) or any(
                not compute.at_rest(instance.uuid) or compute.waits_for(instance)
                for compute in self.working())

    def working(self) -> list[ComputeService]:
        """Return the compute services that have work, in progress or queued.

        The effort does not depend on the number of hosts.
        """
        with self.database.lock:
            self.busy = {compute for compute in self.busy if not compute.is_idle}
            return list(self.busy)

    def compute(self, host: str) -> ComputeService:
        """Return the compute service of a host.

        :raises ComputeHostNotFound: if the cloud has no such host.
        """
        try:
            return self.computes[host]
        except KeyError:
            raise errors.ComputeHostNotFound(host=host) from None

    def fault(self, error: Exception, message: str | None = None) -> Fault:
        """Return the fault that Nova records for ``error``; foreign errors show their class.

        Source: nova/compute/utils.py, exception_to_dict and _get_fault_details.
        """
        code = error.code if isinstance(error, errors.NovaException) else 500
        details = ''.join(traceback.format_exception(error)) if code == 500 else ''
        shown = errors.message_of(error) if message is None else message[:errors.MESSAGE_LIMIT]
        return Fault(shown, code, details, self.now())

    def add_fault(self, instance: Instance, error: Exception, message: str | None = None) -> None:
        """Record a fault; the API shows the latest one."""
        with self.database.lock:
            instance.fault = self.fault(error, message)
            self.database.changed()
