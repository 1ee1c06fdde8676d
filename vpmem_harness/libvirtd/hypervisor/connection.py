"""A client's connection: every procedure that it may call, by object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpmem_harness.libvirtd.hypervisor.domain.procedures.block_jobs import BlockProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.configuration import ChangeProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.guest import GuestProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.hotplug import DeviceProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.lifecycle import LifecycleProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.lookup import ListingProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.migration import JobProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.queries import QueryProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.snapshots import SnapshotProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.statistics import StatisticsProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.throttling import LimitProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.tuning import TuningProcedures
from vpmem_harness.libvirtd.hypervisor.events import EventProcedures
from vpmem_harness.libvirtd.hypervisor.network.networks import NetworkProcedures
from vpmem_harness.libvirtd.hypervisor.node.device_procedures import NodeDeviceProcedures
from vpmem_harness.libvirtd.hypervisor.node.host_procedures import HostProcedures
from vpmem_harness.libvirtd.hypervisor.object_events import ObjectEventProcedures
from vpmem_harness.libvirtd.hypervisor.secrets import SecretProcedures
from vpmem_harness.libvirtd.hypervisor.storage.pools import StorageProcedures

if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
    from vpmem_harness.libvirtd.hypervisor.procedures import Emit


def _unheard(message: str, *fields: object) -> None:
    """Where messages go until dispatch listens."""


class Connection(HostProcedures, ListingProcedures, LifecycleProcedures, QueryProcedures,
                 ChangeProcedures, TuningProcedures, DeviceProcedures, StatisticsProcedures,
                 JobProcedures, GuestProcedures, EventProcedures, ObjectEventProcedures,
                 BlockProcedures, LimitProcedures, SnapshotProcedures, NetworkProcedures,
                 StorageProcedures, SecretProcedures, NodeDeviceProcedures):
    """One client's connection to a hypervisor.

    Each method without an underscore, but for :meth:`close`, is a procedure of libvirt's remote
    protocol, named as in ``remote_protocol.x`` in lower case. What a procedure takes and returns
    is told in :mod:`vpmem_harness.libvirtd.dispatch`.
    """

    def __init__(self, hypervisor: Hypervisor, *, readonly: bool = False) -> None:
        self.hypervisor = hypervisor
        self.readonly = readonly
        self.emit: Emit = _unheard

    def close(self) -> None:
        """The client is gone: its registrations end, and so do domains that live with it."""
        with self.hypervisor.lock:
            self.hypervisor.events.forget(self)
            self.hypervisor.object_events.forget(self)
            self._destroy_with_connection()
