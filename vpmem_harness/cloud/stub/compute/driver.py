"""The libvirt driver: domains through libvirt, wipes through daxio, files.

Every call to libvirt goes over the host's socket with libvirt-python, as nova-compute's do.
Source: nova/virt/libvirt/{driver,guest,host}.py.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import shutil
import threading
from collections.abc import Iterable

import libvirt
from lxml import etree
from oslo_log import log as logging

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import SimulatedHost, VPMEMDevice
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState
from vpmem_harness.cloud.stub.compute.guest import with_paths
from vpmem_harness.cloud.stub.compute.libvirt_calls import LibvirtObject
from vpmem_harness.cloud.stub.compute.processes import commands_of
from vpmem_harness.cloud.stub.compute.resource_tracker import NUMACell

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


class LibvirtDriver:
    """Driver of one host: its libvirt socket, executables and instances directory."""

    def __init__(self, host: SimulatedHost) -> None:
        self.uri = host.uri
        self.executables = commands_of(host)
        self._host = host
        self._lock = threading.Lock()
        self._idle: list[LibvirtObject] = []
        self._closed = False
        self._own = threading.local()

    @functools.cached_property
    def _instances_path(self) -> pathlib.Path:
        return pathlib.Path(self._host.instances_path)

    # The host

    def connect(self) -> LibvirtObject:
        """Return the calling thread's connection; reconnect if it was lost.

        The thread owns it until :meth:`give_back`. Threads do not share connections: before
        libvirt 10.1, a call can wait forever behind a hanging call on the same connection
        (virnetclient.c, a lost g_main_loop_quit).

        :raises HypervisorUnavailable: if the connection fails, or if the driver is closed, so that
            a killed service cannot reach a host that has restarted since.
        """
        connection: LibvirtObject | None = getattr(self._own, 'connection', None)
        if connection is None or not connection.isAlive():
            connection = self._own.connection = self._take() or self._open()
        return connection

    def _take(self) -> LibvirtObject | None:
        """Return an idle connection that still works, tested as Nova does."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            with contextlib.suppress(libvirt.libvirtError, errors.HypervisorUnavailable):
                connection.getLibVersion()
                return connection

    def _open(self) -> LibvirtObject:
        try:
            connection = LibvirtObject(libvirt.open(self.uri), self._check_open)
        except libvirt.libvirtError as error:
            raise errors.HypervisorUnavailable() from error
        with self._lock:
            if not self._closed:
                return connection
        connection.close()
        raise errors.HypervisorUnavailable()

    def _check_open(self) -> None:
        """Check that the service has not been killed: it must not call libvirt any more.

        :raises HypervisorUnavailable: when it has been killed.
        """
        if self._closed:
            raise errors.HypervisorUnavailable()

    def give_back(self) -> None:
        """Return the calling thread's connection to the pool."""
        connection = getattr(self._own, 'connection', None)
        if connection is not None:
            self._own.connection = None
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    return
            connection.close()

    def close(self) -> None:
        """Close the connections; threads close those that are in use."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def list_namespaces(self) -> str:
        """Return the output of ``ndctl list -X``."""
        return self.executables.execute('ndctl', 'list', '-X')

    def memory_and_cpus(self) -> tuple[int, int]:
        """Return the memory of the host in MiB and the number of CPUs."""
        info = self.connect().getInfo()
        return int(info[1]), int(info[2])

    def numa_cells(self) -> list[NUMACell]:
        """Return the NUMA cells that libvirt reports; empty if it reports none."""
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

    def domain(self, uuid: str) -> LibvirtObject | None:
        """Return the domain of a server; None if there is none."""
        try:
            domain: LibvirtObject = self.connect().lookupByUUIDString(uuid)
            return domain
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def domains(self) -> list[str]:
        """Return the UUIDs of all domains, running or not."""
        return [domain.UUIDString() for domain in self.connect().listAllDomains()]

    def require(self, uuid: str) -> LibvirtObject:
        """Return the domain of a server.

        :raises InstanceNotFound: if there is none.
        """
        domain = self.domain(uuid)
        if domain is None:
            raise errors.InstanceNotFound(instance_id=uuid)
        return domain

    def define(self, xml: str) -> LibvirtObject:
        """Define a domain without starting it."""
        domain: LibvirtObject = self.connect().defineXML(xml)
        return domain

    def start(self, xml: str) -> PowerState:
        """Define a domain and start it."""
        domain = self.define(xml)
        domain.createWithFlags(0)
        return self.power_state_of(domain)

    def power_state(self, uuid: str) -> PowerState:
        """Return a server's power state; NOSTATE if libvirt does not know it."""
        domain = self.domain(uuid)
        return PowerState.NOSTATE if domain is None else self.power_state_of(domain)

    def runs_guest(self, uuid: str) -> bool:
        """Whether the guest of a server runs here, checked on a separate connection.

        A guest that is paused for its migration has not arrived yet. Returns False if libvirt does
        not answer.
        """
        try:
            with contextlib.closing(libvirt.open(self.uri)) as connection:
                state, reason = connection.lookupByUUIDString(uuid).state()
        except libvirt.libvirtError as error:
            LOG.debug('Cannot check a guest: %s', error)
            return False
        return bool(state == libvirt.VIR_DOMAIN_RUNNING or (
            state == libvirt.VIR_DOMAIN_PAUSED
            and reason != libvirt.VIR_DOMAIN_PAUSED_MIGRATION))

    @staticmethod
    def power_state_of(domain: LibvirtObject) -> PowerState:
        return _POWER_STATES.get(domain.info()[0], PowerState.NOSTATE)

    def power_off(self, uuid: str, clean: bool = True) -> None:
        """Power a domain off; with ``clean``, shut the guest down first.

        A domain that does not exist counts as off.
        """
        domain = self.domain(uuid)
        if domain is None:
            return
        if clean:
            self.shut_down(domain)
        self._destroy(domain)

    def shut_down(self, domain: LibvirtObject) -> bool:
        """Shut a guest down; return False if it did not stop at once.

        A guest without a persistent configuration disappears when it is off. Nova fails then,
        unlike this driver, and shows its server as ACTIVE.
        """
        if self.power_state_of(domain) == PowerState.SHUTDOWN:
            return True
        try:
            domain.shutdown()
        except libvirt.libvirtError as error:
            LOG.debug('Cannot shut a guest down: %s', error)
            return False
        try:
            return self.power_state_of(domain) == PowerState.SHUTDOWN
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return True
            raise

    def destroy(self, uuid: str) -> None:
        """Destroy a domain, if there is one and it runs."""
        domain = self.domain(uuid)
        if domain is not None:
            self._destroy(domain)

    def _destroy(self, domain: LibvirtObject) -> None:
        """Destroy a domain, or do nothing if it is off (nova/virt/libvirt/driver.py, _destroy)."""
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
        """Undefine a domain and remove its managed save image.

        Source: nova/virt/libvirt/guest.py, delete_configuration, which retries without flags.
        """
        domain = self.domain(uuid)
        if domain is None:
            return
        try:
            domain.undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        except libvirt.libvirtError as error:
            LOG.debug('Undefining a domain without flags: %s', error)
            domain.undefine()

    def move_saved(self, domain: LibvirtObject, paths: list[str]) -> None:
        """Change the devices of the NVDIMMs in a domain and in its managed save image.

        A soft reboot starts the domain from its configuration, so that changes as well. Nova
        defines the domain again here, too, but with its old devices.
        """
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
        self.connect().defineXML(with_paths(xml, paths))
        if domain.hasManagedSaveImage():
            xml = domain.managedSaveGetXMLDesc(libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
            domain.managedSaveDefineXML(with_paths(xml, paths))

    def migrate(self, domain: LibvirtObject, destination: str, xml: str) -> None:
        """Migrate a running domain to another hypervisor with the destination XML ``xml``.

        The migration is peer-to-peer, as with Nova's flags.
        """
        domain.migrateToURI3(destination, {
            libvirt.VIR_MIGRATE_PARAM_DEST_XML: xml,
            libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: xml,
        }, libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
            | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE)

    # Persistent memory

    def wipe(self, vpmems: Iterable[VPMEMDevice]) -> None:
        """Overwrite each namespace with zeroes.

        :raises VPMEMCleanupFailed: if daxio fails; the remaining namespaces are not wiped.
        """
        for vpmem in vpmems:
            try:
                self.executables.execute('daxio', '-z', '-o', vpmem.devpath)
            except Exception as error:
                raise errors.VPMEMCleanupFailed(dev=vpmem.devpath, error=error) from error
            LOG.info('Wiped %s', vpmem.devpath)

    # Files

    def instance_path(self, uuid: str) -> pathlib.Path:
        return self._instances_path / uuid

    def create_image(self, uuid: str, flavor: Flavor) -> None:
        """Create the directory of a server with a sparse disk."""
        path = self.instance_path(uuid)
        path.mkdir(parents=True, exist_ok=True)
        _create(f'{path}/disk', flavor.disk * GIB)
        _create(f'{path}/console.log')

    def create_rescue_image(self, uuid: str, flavor: Flavor) -> None:
        _create(f'{self.instance_path(uuid)}/disk.rescue', flavor.disk * GIB)

    def remove_rescue_image(self, uuid: str) -> None:
        (self.instance_path(uuid) / 'disk.rescue').unlink(missing_ok=True)

    def set_aside_image(self, uuid: str) -> None:
        """Rename the directory of a moving server, until the move is confirmed."""
        aside = self._aside(uuid)
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self.instance_path(uuid).rename(aside)

    def bring_back_image(self, uuid: str) -> None:
        """Restore the directory that :meth:`set_aside_image` renamed."""
        aside = self._aside(uuid)
        if aside.exists():
            shutil.rmtree(self.instance_path(uuid), ignore_errors=True)
            aside.rename(self.instance_path(uuid))

    def remove_image(self, uuid: str) -> None:
        shutil.rmtree(self.instance_path(uuid), ignore_errors=True)

    def remove_aside_image(self, uuid: str) -> None:
        shutil.rmtree(self._aside(uuid), ignore_errors=True)

    def _aside(self, uuid: str) -> pathlib.Path:
        return self._instances_path / f'{uuid}_resize'


def _create(path: str, size: int | None = None) -> None:
    """Create a file that may exist; set its size in bytes if there is one."""
    # As open() does, but at a third of its cost.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if size is not None:
            os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
