"""Events of domains: their registrations, and the message that each is sent as.

Source: libvirt 9.0.0, src/conf/domain_event.c, src/remote/remote_daemon_dispatch.c.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element

# For annotations only: the hypervisor's modules publish events, and this one reads their objects.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain

#: Called with the name of a server-to-client message and its fields.
Emit = Callable[..., None]


class Subscriber(Protocol):
    """A connection that can register for events."""

    @property
    def emit(self) -> Emit:
        """Sends a message to the client."""


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
    """A registration of a connection for an event, of one domain or, with None, of all."""

    connection: Subscriber
    event: int
    uuid: bytes | None
    callback: int

    def matches(self, event: int, uuid: bytes) -> bool:
        """Whether an event of the domain with that UUID is sent to the connection."""
        return self.event == event and self.uuid in (None, uuid)


class Events:
    """The events of a hypervisor's domains, sent to registered connections and to observers."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._subscriptions: list[Subscription] = []
        self.observers: list[Observer] = []

    def subscribe(self, connection: Subscriber, event: int, uuid: bytes | None) -> int:
        """Register ``connection`` for an event, and return the callback ID of its messages."""
        callback = next(self._numbers)
        self._subscriptions.append(Subscription(connection, event, uuid, callback))
        return callback

    def unsubscribe(self, connection: Subscriber, callback: int) -> bool:
        """End one registration; return False if ``connection`` has no such callback ID."""
        for subscription in self._subscriptions:
            if subscription.callback == callback and subscription.connection is connection:
                self._subscriptions.remove(subscription)
                return True
        return False

    def forget(self, connection: Subscriber) -> None:
        """End every registration of a closed connection."""
        self._subscriptions = [s for s in self._subscriptions if s.connection is not connection]

    def publish(self, event: int, domain: Domain, *fields: Any) -> None:
        """Send an event to every observer and to every connection registered for it."""
        handle = DomainHandle(domain.name, domain.uuid, domain.id)
        for observer in list(self.observers):
            observer(event, handle, *fields)
        for subscription in list(self._subscriptions):
            if subscription.matches(event, domain.uuid):
                _send(subscription, handle, fields)

    def lifecycle(self, domain: Domain, event: int, detail: int) -> None:
        """Publish a lifecycle event: VIR_DOMAIN_EVENT_* and its detail."""
        self.publish(libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, domain, event, detail)

    def block_job(self, domain: Domain, disk: Element, kind: int, status: int) -> None:
        """Publish both events of a disk's job: VIR_DOMAIN_BLOCK_JOB_TYPE_* and its status."""
        self.publish(libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB, domain,
                     disks.source_path(disk) or '', kind, status)
        self.publish(libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, domain, disks.target(disk)[0], kind,
                     status)


def _send(subscription: Subscription, handle: DomainHandle, fields: tuple[Any, ...]) -> None:
    emit, message = subscription.connection.emit, MESSAGES[subscription.event]
    if subscription.event in _FLAT:
        emit(message, subscription.callback, handle, *fields)
    else:
        emit(message, subscription.callback, (handle, *fields))


#: Events whose message has the callback ID beside the other fields. The messages of older events
#: have two fields: the callback ID, and a struct of the others.
_FLAT = {
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE,
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
    libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD,
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE,
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE,
}


class EventProcedures(ProcedureGroup):
    """Procedures that register for events of domains."""

    @procedure
    def connect_domain_event_callback_register_any(
            self, event: int, domain: DomainHandle | None) -> int:
        """Register for an event of one domain or, with None, of all; return the callback ID."""
        if event not in MESSAGES:
            raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, f'unsupported event ID {event}',
                               domain=libvirt.VIR_FROM_RPC)
        uuid = None if domain is None else domain.uuid
        return self.hypervisor.events.subscribe(self.connection, event, uuid)

    @procedure
    def connect_domain_event_callback_deregister_any(self, callback: int) -> None:
        """End the registration with that callback ID."""
        if not self.hypervisor.events.unsubscribe(self.connection, callback):
            raise LibvirtError(
                libvirt.VIR_ERR_INTERNAL_ERROR,
                f'domain event callback {callback} not registered', domain=libvirt.VIR_FROM_RPC)
