"""Events: who has registered for what, and what each is called on the wire."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.procedures import Procedures, procedure
from vpmem_harness.libvirtd.values import DomainHandle

if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain

#: The server-to-client message of each event of a domain.
#: Source: libvirt 9.0.0, src/remote/remote_protocol.x.
MESSAGES: dict[int, str] = {
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: 'domain_event_callback_lifecycle',
    libvirt.VIR_DOMAIN_EVENT_ID_REBOOT: 'domain_event_callback_reboot',
    libvirt.VIR_DOMAIN_EVENT_ID_RTC_CHANGE: 'domain_event_callback_rtc_change',
    libvirt.VIR_DOMAIN_EVENT_ID_WATCHDOG: 'domain_event_callback_watchdog',
    libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR: 'domain_event_callback_io_error',
    libvirt.VIR_DOMAIN_EVENT_ID_GRAPHICS: 'domain_event_callback_graphics',
    libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON: 'domain_event_callback_io_error_reason',
    libvirt.VIR_DOMAIN_EVENT_ID_CONTROL_ERROR: 'domain_event_callback_control_error',
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB: 'domain_event_callback_block_job',
    libvirt.VIR_DOMAIN_EVENT_ID_DISK_CHANGE: 'domain_event_callback_disk_change',
    libvirt.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE: 'domain_event_callback_tray_change',
    libvirt.VIR_DOMAIN_EVENT_ID_PMWAKEUP: 'domain_event_callback_pmwakeup',
    libvirt.VIR_DOMAIN_EVENT_ID_PMSUSPEND: 'domain_event_callback_pmsuspend',
    libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE: 'domain_event_callback_balloon_change',
    libvirt.VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK: 'domain_event_callback_pmsuspend_disk',
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED: 'domain_event_callback_device_removed',
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2: 'domain_event_block_job_2',
    libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE: 'domain_event_callback_tunable',
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE: 'domain_event_callback_agent_lifecycle',
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED: 'domain_event_callback_device_added',
    libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION: 'domain_event_callback_migration_iteration',
    libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED: 'domain_event_callback_job_completed',
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED:
        'domain_event_callback_device_removal_failed',
    libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE: 'domain_event_callback_metadata_change',
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD: 'domain_event_block_threshold',
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE: 'domain_event_memory_failure',
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE:
        'domain_event_memory_device_size_change',
}

#: Called with the event's id, the domain and the event's fields.
Observer = Callable[..., None]


@dataclass
class Subscription:
    """Who wants which event, of which domain (None: of all)."""

    connection: EventProcedures
    event: int
    uuid: bytes | None
    callback: int


class Events:
    """The events of a hypervisor: sent to connections that registered, and to observers."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._subscriptions: list[Subscription] = []
        self.observers: list[Observer] = []

    def subscribe(self, connection: EventProcedures, event: int, uuid: bytes | None) -> int:
        """Register ``connection``; returns the number that its messages will carry."""
        callback = next(self._numbers)
        self._subscriptions.append(Subscription(connection, event, uuid, callback))
        return callback

    def unsubscribe(self, connection: EventProcedures, callback: int) -> bool:
        """End one registration; False when ``connection`` has none of that number."""
        for subscription in self._subscriptions:
            if subscription.callback == callback and subscription.connection is connection:
                self._subscriptions.remove(subscription)
                return True
        return False

    def forget(self, connection: EventProcedures) -> None:
        """End every registration of a connection that is gone."""
        self._subscriptions = [s for s in self._subscriptions if s.connection is not connection]

    def publish(self, event: int, domain: Domain, *fields: Any) -> None:
        """Tell everybody who wants to know."""
        handle = DomainHandle(domain.name, domain.uuid, domain.id)
        for observer in list(self.observers):
            observer(event, handle, *fields)
        for subscription in list(self._subscriptions):
            if subscription.event != event:
                continue
            if subscription.uuid is not None and subscription.uuid != domain.uuid:
                continue
            subscription.connection.send(event, subscription.callback, handle, fields)

    def lifecycle(self, domain: Domain, event: int, detail: int) -> None:
        """Tell of a change in a domain's life: VIR_DOMAIN_EVENT_* and its detail."""
        self.publish(libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, domain, event, detail)


#: Events whose message carries the callback's number beside the other fields; those of the
#: older protocol wrap a message of its own in one with the number.
_FLAT = {
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE,
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
    libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD,
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE,
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE,
}

_UNKNOWN_EVENT = 'unsupported event ID %d'


class EventProcedures(Procedures):
    """Registering for the events of domains."""

    def send(self, event: int, callback: int, handle: DomainHandle,
             fields: tuple[Any, ...]) -> None:
        """Send one event to the client."""
        if event in _FLAT:
            self.emit(MESSAGES[event], callback, handle, *fields)
        else:
            self.emit(MESSAGES[event], callback, (handle, *fields))

    @procedure
    def connect_domain_event_callback_register_any(
            self, event: int, domain: DomainHandle | None) -> int:
        """Register for an event, of one domain or of all; returns the callback's number."""
        if event not in MESSAGES:
            raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, _UNKNOWN_EVENT % event,
                               domain=libvirt.VIR_FROM_RPC)
        uuid = None if domain is None else self.domain(domain).uuid
        return self.hypervisor.events.subscribe(self, event, uuid)

    @procedure
    def connect_domain_event_callback_deregister_any(self, callback: int) -> None:
        """End a registration."""
        if not self.hypervisor.events.unsubscribe(self, callback):
            raise LibvirtError(
                libvirt.VIR_ERR_INTERNAL_ERROR,
                f'domain event callback {callback} not registered', domain=libvirt.VIR_FROM_RPC)



