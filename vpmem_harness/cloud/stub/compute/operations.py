"""Base of operation groups, and the decorator of their steps."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState
from vpmem_harness.cloud.stub.compute.driver import LibvirtDriver
from vpmem_harness.cloud.stub.compute.resource_tracker import ResourceTracker
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.objects import Instance, conflicting

if TYPE_CHECKING:
    from vpmem_harness.cloud.stub.compute.service import ComputeService

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
S = TypeVar('S', bound='Operations')


class Operations:
    """A group of operations of a compute service.

    :ivar service: the compute service, which has what all groups share.
    """

    def __init__(self, service: ComputeService) -> None:
        self.service = service
        self.services = service.services
        self.host = service.host

    @property
    def driver(self) -> LibvirtDriver:
        """The driver of the service's current run."""
        return self.service.driver

    @property
    def tracker(self) -> ResourceTracker:
        """The resource tracker of the service's current run."""
        return self.service.tracker

    @property
    def provider_uuid(self) -> str:
        """The resource provider of the host."""
        return self.service.provider_uuid


Step = Callable[Concatenate[S, RequestContext, Instance, P], None]

#: Creates the error of a step whose server is on another host, from the step's arguments.
Late = Callable[..., errors.NovaException]


def not_found(instance: Instance, *_arguments: object) -> errors.NovaException:
    """Return the error for a missing guest."""
    return errors.InstanceNotFound(instance_id=instance.uuid)


def not_running(instance: Instance, *_arguments: object) -> errors.NovaException:
    """Return the error for a missing guest to make an image of."""
    return errors.InstanceNotRunning(instance_id=instance.uuid)


def not_in(*tasks: TaskState) -> Late:
    """Return an error for a server that has left the task states of the request."""
    def conflict(instance: Instance, *_arguments: object) -> errors.NovaException:
        if instance.task_state in tasks:        # that is a later request, to its other host
            return not_found(instance)
        return conflicting(instance, tasks)
    return conflict


def step(
    event: str, *, here: Late | None = None, background: bool = False,
) -> Callable[[Step[S, P]], Step[S, P]]:
    """Mark a method as a step of a request, with the name of Nova's event.

    Only one step at a time runs on an instance. A failed step records a fault and an event with its
    traceback, and resets the task state, as Nova's decorators wrap_instance_event,
    wrap_instance_fault and reverts_task_state do.

    :param here: creates the error of a step that needs its server on this host. If the step was
        queued while the service was down, the server may have been evacuated since.
    :param background: whether Nova's method only starts the step in a thread, so that a failure
        leaves neither a fault nor a failed event. Unlike Nova's, the event ends with the step.
    """
    def decorate(method: Step[S, P]) -> Step[S, P]:
        def run(
            self: S, context: RequestContext, instance: Instance, /,
            *args: P.args, **kwargs: P.kwargs,
        ) -> None:
            database = self.services.database
            with self.service.instance_lock(instance):
                begun = database.start_event(context.action, event, self.host)
                failure: Exception | None = None
                result = 'Success'
                try:
                    if here and instance.host != self.host and not instance.deleted:
                        failure, result = here(instance, *args, **kwargs), 'Error'
                        LOG.info('A step came too late: its server is on another host')
                        self.service.add_fault(instance, failure)
                    else:
                        method(self, context, instance, *args, **kwargs)
                except Exception as error:
                    self.service.check_alive()
                    result = 'Error'
                    LOG.warning('%s failed: %s', event, error)
                    if not background:
                        failure = error
                        self.service.add_fault(instance, error)
                    self.service.revert_task_state(instance, error)
                self.service.check_alive()
                database.finish_event(context.action, begun, failure)
                failure = None   # end the cycle
                LOG.info('%s of server %s on %s: %s', event, instance.uuid, self.host, result)
        functools.update_wrapper(run, method)
        return run
    return decorate
