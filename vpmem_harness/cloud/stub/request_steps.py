"""What the steps of requests have in common, each of which is a method of a compute service."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import TaskState
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.database import Instance, conflicting

if TYPE_CHECKING:
    from vpmem_harness.cloud.stub.compute import ComputeBase

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
S = TypeVar('S', bound='ComputeBase')


Step = Callable[Concatenate[S, RequestContext, Instance, P], None]

#: What a step fails with that finds its server on another host; it gets the step's arguments.
Late = Callable[..., errors.NovaException]


def not_found(instance: Instance, *_arguments: object) -> errors.NovaException:
    """The guest of a server is not there."""
    return errors.InstanceNotFound(instance_id=instance.uuid)


def not_running(instance: Instance, *_arguments: object) -> errors.NovaException:
    """There is no guest of a server to make an image of."""
    return errors.InstanceNotRunning(instance_id=instance.uuid)


def not_in(*tasks: TaskState) -> Late:
    """A server is not in the task of the request any more."""
    def conflict(instance: Instance, *_arguments: object) -> errors.NovaException:
        if instance.task_state in tasks:        # that is a later request, to its other host
            return not_found(instance)
        return conflicting(instance, tasks)
    return conflict


def step(event: str, *, here: Late | None = None) -> Callable[[Step[S, P]], Step[S, P]]:
    """Make a method one step of a request, with the event that Nova records for it.

    Steps on one instance exclude each other. A step that fails leaves a fault and an event with
    its traceback, and a server without a task, as Nova's decorators wrap_instance_event,
    wrap_instance_fault and reverts_task_state do.

    :param here: given for a step on a server of this host. One that waited while the service was
        down finds that its server was evacuated: it fails with this, and does nothing to it.
    """
    def decorate(method: Step[S, P]) -> Step[S, P]:
        def run(
            self: S, context: RequestContext, instance: Instance, /,
            *args: P.args, **kwargs: P.kwargs,
        ) -> None:
            database = self.services.database
            with self.instance_lock(instance):
                begun = database.start_event(context.action, event, self.host)
                failure: Exception | None = None
                try:
                    if here and instance.host != self.host and not instance.deleted:
                        failure = here(instance, *args, **kwargs)
                        LOG.info('A step came too late for its server, which is elsewhere')
                        self.add_fault(instance, failure)
                    else:
                        method(self, context, instance, *args, **kwargs)
                except Exception as error:
                    self.check_alive()
                    failure = error
                    LOG.warning('%s failed: %s', event, error)
                    self.add_fault(instance, error)
                    self.revert_task_state(instance, error)
                self.check_alive()
                database.finish_event(context.action, begun, failure)
                LOG.info('%s of server %s on %s: %s', event, instance.uuid, self.host,
                         'Error' if failure else 'Success')
        functools.update_wrapper(run, method)
        return run
    return decorate
