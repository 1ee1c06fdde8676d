"""What the steps of requests have in common, each of which is a method of a compute service."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.stub.context import RequestContext
from vpmem_harness.cloud.stub.database import Instance

if TYPE_CHECKING:
    from vpmem_harness.cloud.stub.compute import ComputeBase

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
S = TypeVar('S', bound='ComputeBase')


Step = Callable[Concatenate[S, RequestContext, Instance, P], None]


def step(event: str, *, here: bool = False) -> Callable[[Step[S, P]], Step[S, P]]:
    """Make a method one step of a request, with the event that Nova records for it.

    Steps on one instance exclude each other. A step that fails leaves a fault and an event with
    its traceback, and a server without a task, as Nova's decorators wrap_instance_event,
    wrap_instance_fault and reverts_task_state do.

    :param here: whether it is for a server on this host. A step that waited while the service was
        down finds that its server was evacuated: it fails, and does nothing to the server.
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
                        failure = errors.InstanceNotFound(instance_id=instance.uuid)
                        LOG.info('A step came too late for its server, which is elsewhere')
                    else:
                        method(self, context, instance, *args, **kwargs)
                except Exception as error:
                    self.check_alive()
                    failure = error
                    LOG.warning('%s failed: %s', event, error)
                    self.services.add_fault(instance, error)
                    self.revert_task_state(instance, error)
                self.check_alive()
                database.finish_event(context.action, begun, failure)
                LOG.info('%s of server %s on %s: %s', event, instance.uuid, self.host,
                         'Error' if failure else 'Success')
        functools.update_wrapper(run, method)
        return run
    return decorate
