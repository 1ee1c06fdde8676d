"""A client's connection to a hypervisor, composed of procedure groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from vpmem_harness.libvirtd.hypervisor.domain.backups.procedures import BackupProcedures
from vpmem_harness.libvirtd.hypervisor.domain.block_jobs.procedures import BlockJobProcedures
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.procedures import CheckpointProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.consoles import ConsoleProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.cpu_pinning import CpuPinningProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.definition import DefinitionProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.dirty_memory import DirtyMemoryProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.dumps import DumpProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.guest import GuestProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.guest_agent import GuestAgentProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.hotplug import HotplugProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.iothreads import IOThreadProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.jobs import JobProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.lifecycle import LifecycleProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.lookup import LookupProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.managed_save import ManagedSaveProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.memory import MemoryProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.metadata import MetadataProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.migration import MigrationProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.perf_events import PerfEventProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.queries import QueryProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.saving import SavingProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.statistics import StatisticsProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.throttling import ThrottlingProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.tuning import TuningProcedures
from vpmem_harness.libvirtd.hypervisor.domain.procedures.vcpus import VcpuProcedures
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.procedures import SnapshotProcedures
from vpmem_harness.libvirtd.hypervisor.events import Emit, EventProcedures
from vpmem_harness.libvirtd.hypervisor.network.interfaces import InterfaceProcedures
from vpmem_harness.libvirtd.hypervisor.network.networks import NetworkProcedures
from vpmem_harness.libvirtd.hypervisor.network.ports import NetworkPortProcedures
from vpmem_harness.libvirtd.hypervisor.node.memory_sharing import MemorySharingProcedures
from vpmem_harness.libvirtd.hypervisor.node.node_device_procedures import NodeDeviceProcedures
from vpmem_harness.libvirtd.hypervisor.node.node_procedures import NodeProcedures
from vpmem_harness.libvirtd.hypervisor.nwfilter.procedures import NWFilterProcedures
from vpmem_harness.libvirtd.hypervisor.object_events import ObjectEventProcedures
from vpmem_harness.libvirtd.hypervisor.procedure_group import Group, index
from vpmem_harness.libvirtd.hypervisor.secrets import SecretProcedures
from vpmem_harness.libvirtd.hypervisor.storage.pool_procedures import StoragePoolProcedures
from vpmem_harness.libvirtd.hypervisor.storage.volume_procedures import StorageVolumeProcedures

# For annotations only: a hypervisor creates its connections.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor


def _discard(message: str, *fields: object) -> None:
    """Discard a message: the dispatcher does not listen yet."""


class Connection:
    """One client's connection to a hypervisor.

    Each attribute below is a procedure group. :mod:`vpmem_harness.libvirtd.dispatch` describes
    the arguments and results of procedures.

    :param driver: the driver that the client has opened. A connection of ``qemu`` has every
        procedure, one of ``network`` those for networks, and so on.
    :ivar emit: sends a message to the client; set by the dispatcher.
    """

    node = Group(NodeProcedures)
    node_devices = Group(NodeDeviceProcedures)
    memory_sharing = Group(MemorySharingProcedures)
    lookup = Group(LookupProcedures)
    definition = Group(DefinitionProcedures)
    lifecycle = Group(LifecycleProcedures)
    queries = Group(QueryProcedures)
    metadata = Group(MetadataProcedures)
    managed_save = Group(ManagedSaveProcedures)
    saving = Group(SavingProcedures)
    dumps = Group(DumpProcedures)
    memory = Group(MemoryProcedures)
    vcpus = Group(VcpuProcedures)
    cpu_pinning = Group(CpuPinningProcedures)
    iothreads = Group(IOThreadProcedures)
    perf_events = Group(PerfEventProcedures)
    tuning = Group(TuningProcedures)
    throttling = Group(ThrottlingProcedures)
    hotplug = Group(HotplugProcedures)
    block_jobs = Group(BlockJobProcedures)
    snapshots = Group(SnapshotProcedures)
    checkpoints = Group(CheckpointProcedures)
    backups = Group(BackupProcedures)
    statistics = Group(StatisticsProcedures)
    jobs = Group(JobProcedures)
    dirty_memory = Group(DirtyMemoryProcedures)
    migration = Group(MigrationProcedures)
    guest = Group(GuestProcedures)
    consoles = Group(ConsoleProcedures)
    guest_agent = Group(GuestAgentProcedures)
    events = Group(EventProcedures)
    object_events = Group(ObjectEventProcedures)
    networks = Group(NetworkProcedures)
    network_ports = Group(NetworkPortProcedures)
    interfaces = Group(InterfaceProcedures)
    nwfilters = Group(NWFilterProcedures)
    storage_pools = Group(StoragePoolProcedures)
    storage_volumes = Group(StorageVolumeProcedures)
    secrets = Group(SecretProcedures)

    def __init__(self, hypervisor: Hypervisor, *, readonly: bool = False,
                 driver: str = 'qemu') -> None:
        self.hypervisor = hypervisor
        self.driver = driver
        self.readonly = readonly
        self.emit: Emit = _discard

    def find(self, procedure: str) -> Callable[..., Any] | None:
        """Return the method that answers a procedure, or None if no group has one."""
        attribute = PROCEDURES.get(procedure)
        if attribute is None:
            return None
        if self.driver != 'qemu' and procedure not in _COMMON \
                and attribute not in _OF_DRIVER[self.driver]:
            return None
        method: Callable[..., Any] = getattr(getattr(self, attribute), procedure)
        return method

    def close(self) -> None:
        """End the client's event registrations, and destroy its autodestroy domains."""
        with self.hypervisor.lock:
            self.hypervisor.events.forget(self)
            self.hypervisor.object_events.forget(self)
            self.lifecycle.autodestroy()
            self.migration.disconnected()


#: Procedures of every driver.
_COMMON: Final = frozenset({'connect_get_type', 'connect_get_lib_version', 'connect_get_uri',
                            'connect_is_secure'})
#: The groups of each driver other than QEMU's.
_OF_DRIVER: Final[dict[str, tuple[str, ...]]] = {
    'network': ('networks', 'network_ports', 'object_events'),
    'storage': ('storage_pools', 'storage_volumes', 'object_events'),
    'nodedev': ('node_devices', 'object_events'), 'secret': ('secrets', 'object_events'),
    'nwfilter': ('nwfilters',), 'interface': ('interfaces',)}

#: The attribute of :class:`Connection` whose group answers each procedure.
PROCEDURES: Final = index(Connection)
