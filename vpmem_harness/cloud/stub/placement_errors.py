"""Placement's errors, with its messages and HTTP statuses.

Sources: placement/exception.py, placement/handlers/{allocation,inventory,util}.py.
"""

from __future__ import annotations

from vpmem_harness.exceptions import HarnessError


class PlacementError(HarnessError):
    """Base class of Placement's errors."""

    msg_fmt = 'An unknown exception occurred.'
    status = 409
    code = 'placement.undefined_code'

    def __init__(self, **kwargs: object) -> None:
        super().__init__(self.msg_fmt % kwargs)


class ResourceProviderExists(PlacementError):
    msg_fmt = 'Conflicting resource provider %(duplicate)s already exists.'
    code = 'placement.duplicate_name'


class ResourceProviderNotFound(PlacementError):
    msg_fmt = 'No resource provider with uuid %(rp_uuid)s found'
    status = 404


class AllocationProviderNotFound(PlacementError):
    msg_fmt = "Allocation for resource provider '%(rp_uuid)s' that does not exist."
    status = 400


class ResourceProviderInUse(PlacementError):
    msg_fmt = 'Resource provider has allocations.'
    code = 'placement.resource_provider.inuse'


class ConcurrentUpdate(PlacementError):
    code = 'placement.concurrent_update'


class ResourceProviderGenerationConflict(ConcurrentUpdate):
    msg_fmt = 'resource provider generation conflict'


class ConsumerGenerationConflict(ConcurrentUpdate):
    msg_fmt = (
        'consumer generation conflict - expected %(expected_gen)s but got %(got_gen)s')


class InvalidInventory(PlacementError):
    msg_fmt = (
        "Inventory for '%(resource_class)s' on resource provider '%(resource_provider)s' invalid.")


class InvalidInventoryCapacity(InvalidInventory):
    msg_fmt = (
        "Invalid inventory for '%(resource_class)s' on resource provider "
        "'%(resource_provider)s'. The reserved value is greater than total.")
    status = 400


class InventoryInUse(InvalidInventory):
    msg_fmt = (
        "Inventory for '%(resource_classes)s' on resource provider '%(resource_provider)s' "
        'in use.')
    code = 'placement.inventory.inuse'


class InvalidAllocationCapacityExceeded(InvalidInventory):
    msg_fmt = (
        "Unable to create allocation for '%(resource_class)s' on resource provider "
        "'%(resource_provider)s'. The requested amount would exceed the capacity.")


class InvalidAllocationConstraintsViolated(InvalidInventory):
    msg_fmt = (
        "Unable to create allocation for '%(resource_class)s' on resource provider "
        "'%(resource_provider)s'. The requested amount would violate inventory constraints.")


class NoAllocations(PlacementError):
    msg_fmt = "No allocations for consumer '%(consumer_uuid)s'"
    status = 404
