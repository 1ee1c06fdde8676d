"""Events of networks, storage pools, node devices and secrets."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.procedures import Procedures, procedure
from vpmem_harness.libvirtd.values import (
    NetworkHandle,
    NodeDeviceHandle,
    SecretHandle,
    StoragePoolHandle,
)

if TYPE_CHECKING:
    from collections.abc import Hashable

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
    """Who wants to know of which objects."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._subscriptions: dict[int, tuple[Procedures, str, int, Hashable]] = {}

    def subscribe(self, connection: Procedures, kind: str, event: int, key: Hashable) -> int:
        """Register for an event of one object, or of all with ``key`` None."""
        if (kind, event) not in MESSAGES:
            raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR,
                               f'unsupported {kind.replace("_", " ")} event ID {event}',
                               domain=libvirt.VIR_FROM_RPC)
        callback = next(self._numbers)
        self._subscriptions[callback] = (connection, kind, event, key)
        return callback

    def unsubscribe(self, connection: Procedures, kind: str, callback: int) -> None:
        """End a registration."""
        found = self._subscriptions.get(callback)
        if found is None or found[0] is not connection or found[1] != kind:
            raise LibvirtError(
                libvirt.VIR_ERR_INTERNAL_ERROR,
                f'{kind.replace("_", " ")} event callback {callback} not registered',
                domain=libvirt.VIR_FROM_RPC)
        del self._subscriptions[callback]

    def forget(self, connection: Procedures) -> None:
        """End every registration of a connection that is gone."""
        self._subscriptions = {callback: found
                               for callback, found in self._subscriptions.items()
                               if found[0] is not connection}

    def publish(self, kind: str, event: int, key: Hashable, handle: Any, *fields: int) -> None:
        """Tell everybody who wants to know."""
        for callback, (connection, theirs, wanted, only) in list(self._subscriptions.items()):
            if (theirs, wanted) == (kind, event) and only in (None, key):
                connection.emit(MESSAGES[kind, event], callback, handle, *fields)


class ObjectEventProcedures(Procedures):
    """Registering for the events of networks, storage pools, node devices and secrets."""

    @procedure
    def connect_network_event_register_any(self, event: int, net: NetworkHandle | None) -> int:
        """Register for an event of networks."""
        return self.hypervisor.object_events.subscribe(
            self, 'network', event, None if net is None else net.uuid)

    @procedure
    def connect_network_event_deregister_any(self, callback: int) -> None:
        """End a registration."""
        self.hypervisor.object_events.unsubscribe(self, 'network', callback)

    @procedure
    def connect_storage_pool_event_register_any(self, event: int,
                                                pool: StoragePoolHandle | None) -> int:
        """Register for an event of storage pools."""
        return self.hypervisor.object_events.subscribe(
            self, 'storage_pool', event, None if pool is None else pool.uuid)

    @procedure
    def connect_storage_pool_event_deregister_any(self, callback: int) -> None:
        """End a registration."""
        self.hypervisor.object_events.unsubscribe(self, 'storage_pool', callback)

    @procedure
    def connect_node_device_event_register_any(self, event: int,
                                               device: NodeDeviceHandle | None) -> int:
        """Register for an event of node devices."""
        return self.hypervisor.object_events.subscribe(
            self, 'node_device', event, None if device is None else device.name)

    @procedure
    def connect_node_device_event_deregister_any(self, callback: int) -> None:
        """End a registration."""
        self.hypervisor.object_events.unsubscribe(self, 'node_device', callback)

    @procedure
    def connect_secret_event_register_any(self, event: int, secret: SecretHandle | None) -> int:
        """Register for an event of secrets."""
        return self.hypervisor.object_events.subscribe(
            self, 'secret', event, None if secret is None else secret.uuid)

    @procedure
    def connect_secret_event_deregister_any(self, callback: int) -> None:
        """End a registration."""
        self.hypervisor.object_events.unsubscribe(self, 'secret', callback)
