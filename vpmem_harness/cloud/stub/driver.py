"""What a compute service does on its host: domains through libvirt, wipes through daxio, files.

Every call to libvirt goes over the host's socket with libvirt-python, as nova-compute's do.
Source: nova/virt/libvirt/{driver,guest,host}.py.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import threading
from collections.abc import Iterable
from typing import Any

import libvirt
from lxml import etree
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import SimulatedHost, VPMEMDevice
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState
from vpmem_harness.cloud.stub.guest import with_paths
from vpmem_harness.cloud.stub.processes import Commands, Executables, HasCommands
from vpmem_harness.cloud.stub.tracker import NUMACell

LOG = logging.getLogger(__name__)

KIB_PER_MIB = 1024
GIB = 1024**3

#: Source: nova/virt/libvirt/guest.py, LIBVIRT_POWER_STATE.
_POWER_STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: PowerState.NOSTATE,
    libvirt.VIR_DOMAIN_RUNNING: PowerState.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: PowerState.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: PowerState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: PowerState.SHUTDOWN,
    libvirt.VIR_DOMAIN_SHUTOFF: PowerState.SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: PowerState.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: PowerState.SUSPENDED,
}

def quiet(_context: object, error: tuple[Any, ...]) -> None:
    """Take libvirt's errors off the standard error stream: each reaches its caller as well."""
    LOG.debug('libvirt: %s', error[2])


class LibvirtDriver:
    """One host, by its hypervisor's socket, its executables and its instances directory."""

    def __init__(self, host: SimulatedHost) -> None:
        self.uri = host.uri
        self.executables: Commands = (
            host.commands() if isinstance(host, HasCommands)
            else Executables(host.bin_dir, host.env))
        self._instances = pathlib.Path(host.instances_path)
        self._lock = threading.Lock()
        self._idle: list[libvirt.virConnect] = []
        self._closed = False
        self._own = threading.local()

    # The host

    def connect(self) -> libvirt.virConnect:
        """The calling thread's connection to the hypervisor, made anew when it was lost.

        It is the thread's until :meth:`give_back`. Threads do not share one: in libvirt before
        10.1 a call can be stuck behind one that hangs on the same connection, for the client
        misses that it is to be sent (virnetclient.c, a lost g_main_loop_quit).

        :raises HypervisorUnavailable: when it cannot be made, or the driver is closed: a service
            that has been killed reaches no host that has restarted since.
        """
        connection: libvirt.virConnect | None = getattr(self._own, 'connection', None)
        if connection is None or not connection.isAlive():
            connection = self._own.connection = self._take() or self._open()
        return connection

    def _take(self) -> libvirt.virConnect | None:
        """A connection that nobody uses and that the host still answers on, as Nova tests it."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            with contextlib.suppress(libvirt.libvirtError):
                connection.getLibVersion()
                return connection

    def _open(self) -> libvirt.virConnect:
        try:
            connection = libvirt.open(self.uri)
        except libvirt.libvirtError as error:
            raise errors.HypervisorUnavailable() from error
        with self._lock:
            if not self._closed:
                return connection
        connection.close()
        raise errors.HypervisorUnavailable()

    def give_back(self) -> None:
        """Let another thread have the calling thread's connection."""
        connection = getattr(self._own, 'connection', None)
        if connection is not None:
            self._own.connection = None
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    return
            connection.close()

    def close(self) -> None:
        """Close the connections; one that is in use is closed by its thread."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def list_namespaces(self) -> str:
        """The output of ``ndctl list -X``."""
        return self.executables.execute('ndctl', 'list', '-X')

    def memory_and_cpus(self) -> tuple[int, int]:
        """The memory of the host in MiB and the number of its CPUs."""
        info = self.connect().getInfo()
        return int(info[1]), int(info[2])

    def numa_cells(self) -> list[NUMACell]:
        """The NUMA cells that the hypervisor reports; none when it cannot tell."""
        try:
            capabilities = etree.fromstring(self.connect().getCapabilities())
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
                return []
            raise
        cells = []
        for cell in capabilities.iterfind('./host/topology/cells/cell'):
            memory = int(cell.findtext('memory', '0')) // KIB_PER_MIB
            cpus = tuple(int(cpu.attrib['id']) for cpu in cell.iterfind('./cpus/cpu'))
            cells.append(NUMACell(int(cell.attrib['id']), cpus, memory))
        return cells

    # Domains

    def domain(self, uuid: str) -> libvirt.virDomain | None:
        """The domain of a server as it is now; None when there is none."""
        try:
            return self.connect().lookupByUUIDString(uuid)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def domains(self) -> list[str]:
        """The UUIDs of all domains, running or not."""
        return [domain.UUIDString() for domain in self.connect().listAllDomains()]

    def require(self, uuid: str) -> libvirt.virDomain:
        """The domain of a server.

        :raises InstanceNotFound: when there is none.
        """
        domain = self.domain(uuid)
        if domain is None:
            raise errors.InstanceNotFound(instance_id=uuid)
        return domain

    def define(self, xml: str) -> libvirt.virDomain:
        """Define a domain without starting it."""
        return self.connect().defineXML(xml)

    def start(self, xml: str) -> PowerState:
        """Define a domain and start it."""
        domain = self.define(xml)
        domain.createWithFlags(0)
        return self.power_state_of(domain)

    def power_state(self, uuid: str) -> PowerState:
        """What the hypervisor says of a server; NOSTATE when it does not know it."""
        domain = self.domain(uuid)
        return PowerState.NOSTATE if domain is None else self.power_state_of(domain)

    def runs_guest(self, uuid: str) -> bool:
        """Whether the guest of a server runs, on a connection for this question alone.

        One that is paused for its migration has not come yet. False when nobody answers.
        """
        try:
            with contextlib.closing(libvirt.open(self.uri)) as connection:
                state, reason = connection.lookupByUUIDString(uuid).state()
        except libvirt.libvirtError as error:
            LOG.debug('No answer on a guest: %s', error)
            return False
        return bool(state == libvirt.VIR_DOMAIN_RUNNING or (
            state == libvirt.VIR_DOMAIN_PAUSED
            and reason != libvirt.VIR_DOMAIN_PAUSED_MIGRATION))

    @staticmethod
    def power_state_of(domain: libvirt.virDomain) -> PowerState:
        return _POWER_STATES.get(domain.info()[0], PowerState.NOSTATE)

    def power_off(self, uuid: str, clean: bool = True) -> None:
        """Stop a domain: ask its guest first when ``clean``, then pull the plug.

        One that is not there is off.
        """
        domain = self.domain(uuid)
        if domain is None:
            return
        if clean:
            self.shut_down(domain)
        self._destroy(domain)

    def shut_down(self, domain: libvirt.virDomain) -> bool:
        """Ask a guest to shut down; False when it did not follow at once.

        A guest without a configuration is gone once it is off. Unlike here, Nova fails then, and
        shows its server as ACTIVE.
        """
        if self.power_state_of(domain) == PowerState.SHUTDOWN:
            return True
        try:
            domain.shutdown()
        except libvirt.libvirtError as error:
            LOG.debug('A guest could not be asked to shut down: %s', error)
            return False
        try:
            return self.power_state_of(domain) == PowerState.SHUTDOWN
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return True
            raise

    def destroy(self, uuid: str) -> None:
        """Stop a domain at once, if there is one and it runs."""
        domain = self.domain(uuid)
        if domain is not None:
            self._destroy(domain)

    def _destroy(self, domain: libvirt.virDomain) -> None:
        """Source: nova/virt/libvirt/driver.py, _destroy: one that is off is as good as stopped."""
        try:
            domain.destroy()
        except libvirt.libvirtError as error:
            code = error.get_error_code()
            if code == libvirt.VIR_ERR_OPERATION_TIMEOUT:
                raise errors.InstancePowerOffFailure(reason='operation time out') from error
            off = code == libvirt.VIR_ERR_NO_DOMAIN or (
                code == libvirt.VIR_ERR_OPERATION_INVALID
                and self.power_state_of(domain) == PowerState.SHUTDOWN)
            if not off:
                raise

    def undefine(self, uuid: str) -> None:
        """Forget a domain's configuration, with what was saved of it.

        Source: nova/virt/libvirt/guest.py, delete_configuration: it is tried again without flags.
        """
        domain = self.domain(uuid)
        if domain is None:
            return
        try:
            domain.undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        except libvirt.libvirtError as error:
            LOG.debug('A domain is undefined without flags: %s', error)
            domain.undefine()

    def move_saved(self, domain: libvirt.virDomain, paths: list[str]) -> None:
        """Have a guest whose state was saved go on with its NVDIMMs on these devices.

        Its configuration changes as well, for a soft reboot starts it from that. Nova defines the
        domain anew here, too, with the devices that it had.
        """
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
        self.connect().defineXML(with_paths(xml, paths))
        if domain.hasManagedSaveImage():
            xml = domain.managedSaveGetXMLDesc(libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
            domain.managedSaveDefineXML(with_paths(xml, paths))

    def migrate(self, domain: libvirt.virDomain, destination: str, xml: str) -> None:
        """Send a running domain to another hypervisor, where it becomes what ``xml`` says.

        The source's daemon talks to the destination's, as with Nova's flags.
        """
        domain.migrateToURI3(destination, {
            libvirt.VIR_MIGRATE_PARAM_DEST_XML: xml,
            libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: xml,
        }, libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
            | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE)

    # Persistent memory

    def wipe(self, vpmems: Iterable[VPMEMDevice]) -> None:
        """Write zeroes over all of each namespace.

        :raises VPMEMCleanupFailed: when daxio fails; the rest is left as it is.
        """
        for vpmem in vpmems:
            try:
                self.executables.execute('daxio', '-z', '-o', vpmem.devpath)
            except Exception as error:
                raise errors.VPMEMCleanupFailed(dev=vpmem.devpath, error=error) from error
            LOG.info('Wiped %s', vpmem.devpath)

    # Files

    def instance_path(self, uuid: str) -> pathlib.Path:
        return self._instances / uuid

    def create_image(self, uuid: str, flavor: Flavor) -> None:
        """Make the directory of a server, with a disk that takes no room."""
        path = self.instance_path(uuid)
        path.mkdir(parents=True, exist_ok=True)
        self._disk(path / 'disk', flavor)
        (path / 'console.log').touch()

    def create_rescue_image(self, uuid: str, flavor: Flavor) -> None:
        self._disk(self.instance_path(uuid) / 'disk.rescue', flavor)

    def remove_rescue_image(self, uuid: str) -> None:
        (self.instance_path(uuid) / 'disk.rescue').unlink(missing_ok=True)

    @staticmethod
    def _disk(path: pathlib.Path, flavor: Flavor) -> None:
        with path.open('ab') as disk:
            disk.truncate(flavor.disk * GIB)

    def set_aside_image(self, uuid: str) -> None:
        """Keep the directory of a server that moves until the move is confirmed."""
        aside = self._aside(uuid)
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self.instance_path(uuid).rename(aside)

    def bring_back_image(self, uuid: str) -> None:
        """Take the directory back that :meth:`set_aside_image` kept."""
        aside = self._aside(uuid)
        if aside.exists():
            shutil.rmtree(self.instance_path(uuid), ignore_errors=True)
            aside.rename(self.instance_path(uuid))

    def remove_image(self, uuid: str) -> None:
        shutil.rmtree(self.instance_path(uuid), ignore_errors=True)

    def remove_aside_image(self, uuid: str) -> None:
        shutil.rmtree(self._aside(uuid), ignore_errors=True)

    def _aside(self, uuid: str) -> pathlib.Path:
        return self._instances / f'{uuid}_resize'
