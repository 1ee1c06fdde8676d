"""Events of networks, storage pools, node devices and secrets."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from typing import Any

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.events import Subscriber
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import (
    NetworkHandle,
    NodeDeviceHandle,
    SecretHandle,
    StoragePoolHandle,
)

#: The server-to-client message of each kind of object and event.
#: Source: libvirt 9.0.0, src/remote/remote_protocol.x.
MESSAGES: dict[tuple[str, int], str] = {
    ('network', libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE): 'network_event_lifecycle',
    ('storage_pool', libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE): 'storage_pool_event_lifecycle',
    ('storage_pool', libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH): 'storage_pool_event_refresh',
    ('node_device', libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE): 'node_device_event_lifecycle',
    ('node_device', libvirt.VIR_NODE_DEVICE_EVENT_ID_UPDATE): 'node_device_event_update',
    ('secret', libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE): 'secret_event_lifecycle',
    ('secret', libvirt.VIR_SECRET_EVENT_ID_VALUE_CHANGED): 'secret_event_value_changed',
}


class ObjectEvents:
    """The events of a hypervisor's networks, storage pools, node devices and secrets."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._subscriptions: dict[int, tuple[Subscriber, str, int, Hashable]] = {}

    def subscribe(self, connection: Subscriber, kind: str, event: int, key: Hashable) -> int:
        """Register for an event of one object or, with ``key`` None, of all.

        :param kind: the kind of object, as in :data:`MESSAGES`.
        :param key: what identifies the object: a UUID or a name.
        """
        if (kind, event) not in MESSAGES:
            raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR,
                               f'unsupported {kind.replace("_", " ")} event ID {event}',
                               domain=libvirt.VIR_FROM_RPC)
        callback = next(self._numbers)
        self._subscriptions[callback] = (connection, kind, event, key)
        return callback

    def unsubscribe(self, connection: Subscriber, kind: str, callback: int) -> None:
        """End the registration with that callback ID.

        :raises LibvirtError: ``connection`` has no such registration for ``kind``.
        """
        found = self._subscriptions.get(callback)
        if found is None or found[0] is not connection or found[1] != kind:
            raise LibvirtError(
                libvirt.VIR_ERR_INTERNAL_ERROR,
                f'{kind.replace("_", " ")} event callback {callback} not registered',
                domain=libvirt.VIR_FROM_RPC)
        del self._subscriptions[callback]

    def forget(self, connection: Subscriber) -> None:
        """End every registration of a closed connection."""
        self._subscriptions = {callback: found
                               for callback, found in self._subscriptions.items()
                               if found[0] is not connection}

    def publish(self, kind: str, event: int, key: Hashable, handle: Any, *fields: int) -> None:
        """Send an event of an object to every connection registered for it."""
        for callback, (connection, theirs, wanted, only) in list(self._subscriptions.items()):
            if (theirs, wanted) == (kind, event) and only in (None, key):
                connection.emit(MESSAGES[kind, event], callback, handle, *fields)


class ObjectEventProcedures(ProcedureGroup):
    """Procedures that register for events of networks, storage pools, node devices, secrets."""

    @procedure
    def connect_network_event_register_any(self, event: int, net: NetworkHandle | None) -> int:
        """Register for an event of a network or of all; return the callback ID."""
        return self.hypervisor.object_events.subscribe(
            self.connection, 'network', event, None if net is None else net.uuid)

    @procedure
    def connect_network_event_deregister_any(self, callback: int) -> None:
        """End the registration with that callback ID."""
        self.hypervisor.object_events.unsubscribe(self.connection, 'network', callback)

    @procedure
    def connect_storage_pool_event_register_any(self, event: int,
                                                pool: StoragePoolHandle | None) -> int:
        """Register for an event of a storage pool or of all; return the callback ID."""
        return self.hypervisor.object_events.subscribe(
            self.connection, 'storage_pool', event, None if pool is None else pool.uuid)

    @procedure
    def connect_storage_pool_event_deregister_any(self, callback: int) -> None:
        """End the registration with that callback ID."""
        self.hypervisor.object_events.unsubscribe(self.connection, 'storage_pool', callback)

    @procedure
    def connect_node_device_event_register_any(self, event: int,
                                               device: NodeDeviceHandle | None) -> int:
        """Register for an event of a node device or of all; return the callback ID."""
        return self.hypervisor.object_events.subscribe(
            self.connection, 'node_device', event, None if device is None else device.name)

    @procedure
    def connect_node_device_event_deregister_any(self, callback: int) -> None:
        """End the registration with that callback ID."""
        self.hypervisor.object_events.unsubscribe(self.connection, 'node_device', callback)

    @procedure
    def connect_secret_event_register_any(self, event: int, secret: SecretHandle | None) -> int:
        """Register for an event of a secret or of all; return the callback ID."""
        return self.hypervisor.object_events.subscribe(
            self.connection, 'secret', event, None if secret is None else secret.uuid)

    @procedure
    def connect_secret_event_deregister_any(self, callback: int) -> None:
        """End the registration with that callback ID."""
        self.hypervisor.object_events.unsubscribe(self.connection, 'secret', callback)
