"""The errors of a cloud, with Nova's names and messages.

The classes have the names of nova/exception.py and Nova's exact messages, so that an assertion on
one holds on both backends. ``code`` is the code of a fault, ``status`` the HTTP status of a request
that is rejected.
"""

from __future__ import annotations

from vpmem_harness.exceptions import HarnessError


class NovaException(HarnessError):
    """The base class of Nova's errors."""

    msg_fmt = 'An unknown exception occurred.'
    code = 500
    #: The HTTP status with which the API rejects a request for this reason.
    status = 500

    def __init__(self, message: str | None = None, **kwargs: object) -> None:
        self.kwargs = kwargs
        self.message = self.msg_fmt % kwargs if message is None else message
        super().__init__(self.message)


#: The longest message of a fault in Nova's database, in characters.
MESSAGE_LIMIT = 255


def message_of(error: Exception) -> str:
    """The message that Nova records: an error's own, or the class's name if it is not Nova's.

    Source: nova/compute/utils.py, exception_to_dict.
    """
    message = error.message if isinstance(error, NovaException) else type(error).__name__
    return message[:MESSAGE_LIMIT]


class Invalid(NovaException):
    msg_fmt = 'Bad Request - Invalid Parameters'
    code = 400
    status = 400


class Conflict(NovaException):
    msg_fmt = 'There was a conflict when trying to complete your request.'
    code = 409
    status = 409


class NotFound(NovaException):
    msg_fmt = 'Resource could not be found.'
    code = 404
    status = 404


class InstanceNotFound(NotFound):
    msg_fmt = 'Instance %(instance_id)s could not be found.'


class InstanceNotRunning(Invalid):
    msg_fmt = 'Instance %(instance_id)s is not running.'


class InstanceNotReady(Invalid):
    msg_fmt = 'Instance %(instance_id)s is not ready'
    status = 409


class FlavorNotFound(NotFound):
    msg_fmt = 'Flavor %(flavor_id)s could not be found.'
    status = 400


class FlavorDiskSmallerThanMinDisk(Invalid):
    msg_fmt = (
        "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk "
        'is %(flavor_size)s bytes, minimum size is %(image_min_disk)s bytes.')


class ComputeHostNotFound(NotFound):
    msg_fmt = 'Compute host %(host)s could not be found.'
    status = 400


class MigrationNotFoundByStatus(NotFound):
    msg_fmt = 'Migration not found for instance %(instance_id)s with status %(status)s.'
    status = 400


class InstanceInvalidState(Invalid):
    """A request that is not allowed in the server's state, with the API's message."""

    msg_fmt = (
        "Cannot '%(action)s' instance %(server_id)s while it is in %(attr)s %(state)s")
    status = 409

    def __init__(self, *, action: str, server_id: str, attr: str, state: object) -> None:
        message = None if state is not None else (
            f"Instance {server_id} is in an invalid state for '{action}'")
        super().__init__(message, action=action, server_id=server_id, attr=attr, state=state)


class UnshelveInstanceInvalidState(InstanceInvalidState):
    """Unshelve with a host for a server that is still on a host."""

    msg_fmt = (
        'Specifying an availability zone or a host when unshelving server "%(instance_uuid)s" with '
        'status "%(state)s" is not supported. The server status must be SHELVED_OFFLOADED.')

    def __init__(self, *, instance_uuid: str, state: object) -> None:
        NovaException.__init__(self, instance_uuid=instance_uuid, state=state)


class CannotResizeToSameFlavor(NovaException):
    msg_fmt = 'When resizing, instances must change flavor!'
    status = 400


class CannotMigrateToSameHost(NovaException):
    msg_fmt = 'Cannot migrate to the host where the server exists.'
    status = 400


class CannotResizeDisk(NovaException):
    msg_fmt = 'Server disk was unable to be resized because: %(reason)s'
    status = 400


class ResizeError(NovaException):
    msg_fmt = 'Resize error: %(reason)s'


class UnableToMigrateToSelf(Invalid):
    msg_fmt = 'Unable to migrate instance (%(instance_id)s) to current host (%(host)s).'


class ServiceUnavailable(Invalid):
    msg_fmt = 'Service is unavailable at this time.'
    status = 409


class ComputeServiceUnavailable(ServiceUnavailable):
    msg_fmt = 'Compute service of %(host)s is unavailable at this time.'


class ComputeServiceInUse(NovaException):
    msg_fmt = 'Compute service of %(host)s is still in use.'
    status = 400


class ComputeResourcesUnavailable(ServiceUnavailable):
    msg_fmt = 'Insufficient compute resources: %(reason)s.'


class NoValidHost(NovaException):
    msg_fmt = 'No valid host was found. %(reason)s'


class MaxRetriesExceeded(NoValidHost):
    msg_fmt = 'Exceeded maximum number of retries. %(reason)s'


class RescheduledException(NovaException):
    msg_fmt = 'Build of instance %(instance_uuid)s was re-scheduled: %(reason)s'


class BuildAbortException(NovaException):
    msg_fmt = 'Build of instance %(instance_uuid)s aborted: %(reason)s'


class UnexpectedTaskStateError(NovaException):
    msg_fmt = (
        'Conflict updating instance %(instance_uuid)s. Expected: %(expected)s. '
        'Actual: %(actual)s')


class UnexpectedDeletingTaskStateError(UnexpectedTaskStateError):
    """The server is being deleted during an operation."""


class MigrationError(NovaException):
    msg_fmt = 'Migration error: %(reason)s'


class MigrationPreCheckError(MigrationError):
    msg_fmt = 'Migration pre-check error: %(reason)s'
    status = 400


class InstancePowerOffFailure(Invalid):
    msg_fmt = 'Failed to power off instance: %(reason)s'


class InstanceNotRescuable(Invalid):
    msg_fmt = 'Instance %(instance_id)s cannot be rescued: %(reason)s'


class InstanceRebootFailure(Invalid):
    msg_fmt = 'Failed to reboot instance: %(reason)s'


class HypervisorUnavailable(NovaException):
    msg_fmt = 'Connection to the hypervisor is broken on host'


class AllocationMoveFailed(NovaException):
    msg_fmt = (
        'Failed to move allocations from consumer %(source_consumer)s to consumer '
        '%(target_consumer)s. Error: %(error)s')


class AssignedResourceNotFound(NovaException):
    msg_fmt = 'Assigned resources not found: %(reason)s'


class PMEMNamespaceConfigInvalid(NovaException):
    msg_fmt = (
        'The pmem_namespaces configuration is invalid: %(reason)s, please check your conf file. ')


class GetPMEMNamespacesFailed(NovaException):
    msg_fmt = 'Get PMEM namespaces on host failed: %(reason)s.'


class VPMEMCleanupFailed(NovaException):
    msg_fmt = 'Failed to clean up the vpmem backend device %(dev)s: %(error)s'


class ValidationError(Invalid):
    msg_fmt = '%(detail)s'
