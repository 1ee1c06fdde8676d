"""The state of libvirtd and QEMU on one simulated host."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import libvirt
from oslo_log import log as logging

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.backing import Backing, DeclaredFiles, execution_error
from vpmem_harness.libvirtd.hypervisor.connection import Connection
from vpmem_harness.libvirtd.hypervisor.domain.disk_sources import DiskSources, Sizes
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.domain_list import DomainList
from vpmem_harness.libvirtd.hypervisor.domain.guest_agent import GuestAgents
from vpmem_harness.libvirtd.hypervisor.domain.guest_files import GuestFiles
from vpmem_harness.libvirtd.hypervisor.domain.held_migrations import Migrations
from vpmem_harness.libvirtd.hypervisor.domain.host_devices import HostDevices
from vpmem_harness.libvirtd.hypervisor.domain.images.bitmaps import ImageBitmaps
from vpmem_harness.libvirtd.hypervisor.domain.images.locks import ImageLocks
from vpmem_harness.libvirtd.hypervisor.domain.jobs import Jobs
from vpmem_harness.libvirtd.hypervisor.domain.peer_migration import NoPeers, Peers
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import QemuProcesses
from vpmem_harness.libvirtd.hypervisor.domain.reload import reload
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.images import ImageSnapshots
from vpmem_harness.libvirtd.hypervisor.events import Events
from vpmem_harness.libvirtd.hypervisor.network import guests
from vpmem_harness.libvirtd.hypervisor.network.network import NetworkList, default_network
from vpmem_harness.libvirtd.hypervisor.node import capabilities
from vpmem_harness.libvirtd.hypervisor.node.device_tree import DeviceTree
from vpmem_harness.libvirtd.hypervisor.node.memory_sharing import MemorySharing
from vpmem_harness.libvirtd.hypervisor.nwfilter.filters import NWFilterList
from vpmem_harness.libvirtd.hypervisor.object_events import ObjectEvents
from vpmem_harness.libvirtd.hypervisor.secrets import Secret
from vpmem_harness.libvirtd.hypervisor.storage.pool import Pool
from vpmem_harness.libvirtd.hypervisor.storage.storage import Storage
from vpmem_harness.libvirtd.values import StoragePoolHandle
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.host import XmlHost
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT, Release
from vpmem_harness.serving.clock import Clock, SystemClock

LOG = logging.getLogger(__name__)


@dataclass
class Guests:
    """How the guests of a host react; no guest runs any code.

    :param obeys_power_button: whether a guest obeys an ACPI shutdown or reboot.
    :param shutdown_seconds: how long that takes, on the host's clock.
    :param releases_devices: whether a guest releases a device that is unplugged.
    :param unplug_seconds: how long that takes.
    """

    obeys_power_button: bool = True
    shutdown_seconds: float = 0.0
    releases_devices: bool = True
    unplug_seconds: float = 0.0


#: Size of a disk whose file the backing does not know, in bytes.
DISK_SIZE = 1024**3

#: CPU seconds that the start of a guest takes, and the load of an idle vCPU.
BOOT_CPU_SECONDS, IDLE_LOAD = 0.1, 0.01


class Hypervisor:
    """The state of libvirtd and QEMU on one host.

    :param name: the host's name, as ``getHostname`` returns it.
    :param peers: the daemons that guests can migrate to; the owner can set it later.
    :param migration_seconds: how long copying a guest takes on the clock, unless a client limits
        its speed.
    :param release: the versions of libvirt and QEMU, and their behavior.
    :param seeded_races: whether chance decides what depends on the order of libvirt's threads.

    ``lock`` protects all state. The backing's own lock is acquired inside it.
    """

    def __init__(self, name: str, *, randomness: Randomness | None = None,
                 backing: Backing | None = None, clock: Clock | None = None,
                 hardware: Hardware | None = None, guests: Guests | None = None,
                 peers: Peers | None = None,
                 migration_seconds: float = 0.0, release: Release = DEFAULT,
                 seeded_races: bool = False) -> None:
        self.name = name
        self.randomness = randomness or Randomness()
        self.backing: Backing = DeclaredFiles() if backing is None else backing
        self.clock: Clock = SystemClock() if clock is None else clock
        self.hardware = hardware or Hardware.uniform()
        self.guests = guests or Guests()
        self.peers: Peers = NoPeers() if peers is None else peers
        self.migration_seconds = migration_seconds
        self.release = release
        self.migrations = Migrations()
        self.agents = GuestAgents(self)
        # Hosts of the same seed differ too: a migration between them is not one to the same host.
        self.uuid = self.randomness.derive('host', name).uuid()
        self.races = self.randomness.derive('races') if seeded_races else None
        self.lock = threading.RLock()
        self.started = self.clock.now()
        self.xml_host = XmlHost(
            self.hardware, self.randomness.derive('domains'), self.release,
            execution_error=functools.partial(execution_error, self.backing.storage))
        self._boot()

    def _boot(self) -> None:
        self.domains = DomainList()
        self.resized: dict[str | None, int] = {}
        self.events = Events()
        self.object_events = ObjectEvents()
        self.secrets: dict[bytes, Secret] = {}
        self.guest_files = GuestFiles(self.backing)
        self.host_devices = HostDevices(self)
        self.devices = self._device_tree()
        self.memory_sharing = MemorySharing()
        self.storage = Storage(self.backing, self._publish_pool,
                               self.randomness.derive('pool').uuid(), self.secrets,
                               lambda: self.release)
        self.disk_sources = DiskSources(self.backing, self.storage.pools)
        self.image_locks = ImageLocks(self.disk_sources)
        self.image_bitmaps = ImageBitmaps(self.backing, self.disk_sources)
        self.image_snapshots = ImageSnapshots(self.backing, self.image_bitmaps)
        self.networks = NetworkList()
        random = self.randomness.derive('network')
        network = self.networks.add(default_network(random.uuid(), random.mac()), live=False)
        network.persistent = network.autostart = True
        self.networks.start(network)
        self.xml_host.connect = functools.partial(guests.connect, self.networks)
        self.nwfilters = NWFilterList(self.randomness.derive('nwfilters').uuid,
                                      self.xml_host.taps_in_use.__contains__)
        self.xml_host.check_filter = self.nwfilters.check_interface
        self.xml_host.network_address = self.networks.address
        self.processes = QemuProcesses(self)
        self.jobs = Jobs(self)

    def _device_tree(self) -> DeviceTree:
        return DeviceTree(self.hardware, self.uuid, self.randomness.derive('devices'))

    @functools.cached_property
    def capabilities(self) -> str:
        """The host's capabilities as XML, which change only with its hardware."""
        return capabilities.host(self)

    def change_hardware(self, hardware: Hardware) -> None:
        """Give the host other hardware; its owner makes sure that no client is connected."""
        with self.lock:
            defined = self.devices.mdevs.defined
            self.hardware = self.xml_host.hardware = hardware
            self.devices = self._device_tree()
            self.devices.mdevs.restore(defined)
            vars(self).pop('capabilities', None)

    def connect(self, readonly: bool = False, driver: str = 'qemu') -> Connection:
        """Open a connection of a driver for a client."""
        return Connection(self, readonly=readonly, driver=driver)

    def on_event(self, observer: Callable[..., None]) -> Callable[[], None]:
        """Call ``observer(event, domain, *fields)`` with every event of a domain from now on.

        Return a function that removes the observer.
        """
        self.events.observers.append(observer)
        return lambda: self.events.observers.remove(observer)

    def _publish_pool(self, event: int, pool: Pool, *fields: int) -> None:
        self.object_events.publish('storage_pool', event, pool.uuid,
                                   StoragePoolHandle(pool.name, pool.uuid), *fields)

    def daemon_started(self) -> None:
        """Do what libvirtd does when it starts: look at what is active."""
        with self.lock:
            self.storage.daemon_started()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` after ``seconds`` on the clock, or at once if that is 0."""
        if seconds > 0:
            self.clock.call_later(seconds, action)
        else:
            action()

    def cpu_time(self, domain: Domain) -> int:
        """Return the nanoseconds that a domain's vCPUs have run; they are idle 99 % of the time."""
        if not domain.active:
            return 0
        now = self.clock.now()
        paused = domain.paused_seconds
        if domain.paused_at is not None:
            paused += now - domain.paused_at
        ran = max(now - domain.started - paused, 0.0)
        return int((BOOT_CPU_SECONDS + ran * IDLE_LOAD * domain.definition.vcpus) * 1e9)

    def disk_sizes(self, disk: Element) -> Sizes:
        """Return the sizes of a disk in bytes, or a constant if its image is unknown."""
        path = disks.source_path(disk)
        known = self.disk_sources.sizes(disk)
        if path in self.resized:
            size = self.resized[path]
            return Sizes(size, size, size) if known is None else replace(known, capacity=size)
        if known is not None and known.capacity:
            return known
        file = None if path is None else self.backing.stat(path)
        size = file.size if file is not None and file.size else DISK_SIZE
        return Sizes(size, size, size)

    def disk_size(self, disk: Element) -> int:
        """Return the capacity of a disk in bytes, or a constant if its image is unknown."""
        return self.disk_sizes(disk).capacity

    def crash(self) -> None:
        """Power the machine off: running domains end without events, transient ones are gone."""
        with self.lock:
            for domain in self.domains:
                if domain.active:
                    self.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN)
                domain.reason = libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN

    def reboot(self) -> None:
        """Restart the machine: IDs begin at 1, and autostart domains are started."""
        with self.lock:
            self.crash()
            self.processes = QemuProcesses(self)
            self.started = self.clock.now()
            self.devices.boot()
            self.memory_sharing = MemorySharing()
            self.storage.machine_started()
            self.networks.machine_started()
            self.nwfilters.machine_started()
            for domain in self.domains:
                if domain.autostart or domain.autostart_once:
                    domain.autostart_once = False
                    self._autostart(domain)

    def _autostart(self, domain: Domain) -> None:
        try:
            self.processes.start(domain)
        except LibvirtError as error:
            LOG.warning("Failed to autostart VM '%s': %s", domain.name, error)

    def upgrade(self, release: Release) -> None:
        """Power the machine off, and give it another release; :meth:`reboot` starts it again.

        Definitions are read again, as a new libvirt does at its start.
        """
        with self.lock:
            self.crash()
            self.release = self.xml_host.release = release
            vars(self).pop('capabilities', None)
            for domain in self.domains:
                if domain.config is not None:
                    domain.config = reload(domain.config, self.xml_host)
                if domain.managed_save is not None:
                    domain.managed_save = reload(domain.managed_save, self.xml_host)
                for snapshot in domain.snapshots:
                    for name in ('definition', 'inactive'):
                        if getattr(snapshot, name) is not None:
                            setattr(snapshot, name, reload(getattr(snapshot, name), self.xml_host))
                for checkpoint in domain.checkpoints:
                    if checkpoint.definition is not None:
                        checkpoint.definition = reload(checkpoint.definition, self.xml_host)
