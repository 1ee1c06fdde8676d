"""Events of a host other than calls, and the state of its memory at the start."""

from __future__ import annotations

import collections
import enum
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import libvirt

from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.pmem import PersistentMemory
from vpmem_harness.pmem.region_map import RegionMap, region_maps
from vpmem_harness.serving.clock import Clock

#: How many events a host keeps: the last ones.
EVENTS_KEPT = 5_000

#: The lifecycle events of domains in virsh's words.
#: Source: libvirt 9.0.0, tools/virsh-domain-event.c.
_LIFECYCLE = {
    libvirt.VIR_DOMAIN_EVENT_DEFINED: 'defined',
    libvirt.VIR_DOMAIN_EVENT_UNDEFINED: 'undefined',
    libvirt.VIR_DOMAIN_EVENT_STARTED: 'started',
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: 'suspended',
    libvirt.VIR_DOMAIN_EVENT_RESUMED: 'resumed',
    libvirt.VIR_DOMAIN_EVENT_STOPPED: 'stopped',
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: 'shutdown',
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: 'pmsuspended',
    libvirt.VIR_DOMAIN_EVENT_CRASHED: 'crashed',
}


def holders(hypervisor: Hypervisor) -> dict[str, str]:
    """Return the UUID of the domain that has each device open, by the path of the device."""
    with hypervisor.lock:
        return {path: domain.uuid_text for domain in hypervisor.domains
                for path in domain.open_paths}


class Kind(enum.StrEnum):
    """The kind of an event."""

    FAULT = 'fault'
    REBOOT = 'reboot'
    STATE = 'state'


@dataclass(frozen=True)
class HostEvent:
    """An event of a host; ``time`` in seconds on the host's clock."""

    time: float
    kind: Kind
    text: str


class History:
    """The events of one host, and the maps of its regions at the start.

    A call costs nothing here: the host reports faults, reboots and the state changes of domains,
    and each costs one entry of a list of limited length.

    :ivar before: the regions when the host started, or when :meth:`restart` was called.
    :ivar holders_before: the UUIDs of the domains that ran on the devices then, by path.
    """

    def __init__(self) -> None:
        self._clock: Clock | None = None
        self._pmem: PersistentMemory | None = None
        self._hypervisor: Hypervisor | None = None
        self._events: collections.deque[HostEvent] = collections.deque(maxlen=EVENTS_KEPT)
        self.before: Sequence[RegionMap] = ()
        self.holders_before: Mapping[str, str] = {}
        self._ahead = 0.0

    def begin(self, clock: Clock, pmem: PersistentMemory, hypervisor: Hypervisor) -> None:
        """Start to record events; the host starts."""
        self._clock, self._pmem, self._hypervisor = clock, pmem, hypervisor
        self.restart()
        hypervisor.on_event(self._on_domain_event)

    def restart(self) -> None:
        """Forget the events, and use the current state of the memory as the start."""
        self._events.clear()
        if self._clock is None or self._pmem is None or self._hypervisor is None:
            return
        self.before = region_maps(self._pmem)
        self.holders_before = holders(self._hypervisor)
        self._ahead = self._clock.now() - time.time()
        if abs(self._ahead) < 1:
            self._ahead = 0.0       # the host has the system's clock

    @property
    def events(self) -> Sequence[HostEvent]:
        """The events, oldest first."""
        return tuple(self._events.copy())

    def real_time(self, moment: float) -> float:
        """Return the system's time for a time of the host's clock, as if both ran alike."""
        return moment - self._ahead

    def add_fault(self, text: str) -> None:
        """Note that a fault begins or ends."""
        self._add(Kind.FAULT, text)

    def add_state(self, text: str) -> None:
        """Note a change of state, of a domain or of the daemon."""
        self._add(Kind.STATE, text)

    def add_reboot(self) -> None:
        """Note that the machine reboots."""
        self._add(Kind.REBOOT, 'the machine reboots')

    def _add(self, kind: Kind, text: str) -> None:
        if self._clock is not None:
            self._events.append(HostEvent(self._clock.now(), kind, text))

    def _on_domain_event(self, event: int, domain: DomainHandle, *fields: int) -> None:
        if event == libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE:
            self.add_state(f'{domain.name} {_LIFECYCLE.get(fields[0], fields[0])}')
