"""The state of one domain."""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.libvirtd.hypervisor.domain.block_jobs.block_job import BlockJob
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.checkpoint import CheckpointTree
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import SnapshotTree
from vpmem_harness.libvirtd.stream import Terminal
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element

# For annotations only: a job or a migration belongs to a domain.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.backups.backup import Backup
    from vpmem_harness.libvirtd.hypervisor.domain.client_migration import Incoming, Outgoing
    from vpmem_harness.libvirtd.hypervisor.domain.jobs import Job

#: The ID of a domain that is not running.
OFF = -1

#: The names that virsh gives the states of domains.
STATE_NAMES = {
    libvirt.VIR_DOMAIN_NOSTATE: 'no state',
    libvirt.VIR_DOMAIN_RUNNING: 'running',
    libvirt.VIR_DOMAIN_BLOCKED: 'idle',
    libvirt.VIR_DOMAIN_PAUSED: 'paused',
    libvirt.VIR_DOMAIN_SHUTDOWN: 'in shutdown',
    libvirt.VIR_DOMAIN_SHUTOFF: 'shut off',
    libvirt.VIR_DOMAIN_CRASHED: 'crashed',
    libvirt.VIR_DOMAIN_PMSUSPENDED: 'pmsuspended',
}


#: The default size of the cache of compressed pages, in bytes.
COMPRESSION_CACHE = 64 * 1024**2


@dataclass(frozen=True)
class DirtyRate:
    """A measurement of the memory that a guest writes.

    :param started: the time of its start.
    :param seconds: how long it takes.
    :param mode: ``page-sampling``, ``dirty-bitmap`` or ``dirty-ring``.
    """

    started: float
    seconds: int
    mode: str


@dataclass(eq=False)
class Domain:
    """A domain: its persistent configuration and, while it runs, its live definition.

    ``config`` is None for a transient domain, ``live`` is None for one that is not running; one of
    them is always present. ``asked_cpu`` is the ``<cpu>`` that it was started with. ``uuid`` is 16
    bytes. ``started`` is the time of the last start, ``nvdimm_enabled`` whether it had an NVDIMM
    then, ``storage_ids`` the number of indexes that its disks' sources have taken since, and
    ``polling`` how its I/O threads have been told to poll. ``dirty_rate`` is the last measurement
    since the start, ``thresholds`` the bytes of images at which a client wants an event, by the
    index of their sources, ``terminals`` the streams to its character devices by path, and
    ``compression_cache`` a size in bytes.
    """

    name: str
    uuid: bytes
    config: Definition | None = None
    live: Definition | None = None
    asked_cpu: Element | None = None
    id: int = OFF
    state: int = libvirt.VIR_DOMAIN_SHUTOFF
    reason: int = libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN
    autostart: bool = False
    autostart_once: bool = False
    autodestroy: object | None = None
    started: float = 0.0
    paused_at: float | None = None
    paused_seconds: float = 0.0
    managed_save: Definition | None = None
    managed_save_paused: bool = False
    job: Job | None = None
    last_job: Job | None = None
    outgoing: Outgoing | None = None
    incoming: Incoming | None = None
    max_downtime: int | None = None
    max_speed: int | None = None
    snapshots: SnapshotTree = field(default_factory=SnapshotTree)
    checkpoints: CheckpointTree = field(default_factory=CheckpointTree)
    backup: Backup | None = None
    block_jobs: dict[str, BlockJob] = field(default_factory=dict)
    open_paths: list[str] = field(default_factory=list)
    nvdimm_enabled: bool = False
    storage_ids: int = 0
    polling: dict[int, dict[str, int]] = field(default_factory=dict)
    dirty_rate: DirtyRate | None = None
    thresholds: dict[str, int] = field(default_factory=dict)
    terminals: dict[str, Terminal] = field(default_factory=dict)
    compression_cache: int = COMPRESSION_CACHE

    @cached_property
    def uuid_text(self) -> str:
        """The UUID in its canonical form."""
        return str(uuids.UUID(bytes=self.uuid))

    @property
    def active(self) -> bool:
        """True while the domain runs or is paused."""
        return self.live is not None

    @property
    def persistent(self) -> bool:
        """True if the domain has a persistent configuration."""
        return self.config is not None

    @property
    def definition(self) -> Definition:
        """The current definition: the live one while the domain runs."""
        definition = self.live or self.config
        if definition is None:
            raise AssertionError('a domain is active, persistent, or both')
        return definition

    def hang_up(self) -> None:
        """End the streams to the guest's character devices."""
        terminals, self.terminals = self.terminals, {}
        for terminal in terminals.values():
            terminal.hang_up()

    def next_storage_id(self) -> int:
        """Return a new index for the source of a disk."""
        self.storage_ids += 1
        return self.storage_ids

    def next_definition(self) -> Definition:
        """Return the definition of the next start: the configuration, if there is one."""
        return self.config or self.definition
