"""The storage driver of one host: its pools, through restarts of the daemon and of the machine.

Source: libvirt 9.0.0, src/storage/storage_driver.c.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.secrets import Secret
from vpmem_harness.libvirtd.hypervisor.storage.backend import Backend
from vpmem_harness.libvirtd.hypervisor.storage.local_backend import LocalBackend
from vpmem_harness.libvirtd.hypervisor.storage.logical_backend import LogicalBackend
from vpmem_harness.libvirtd.hypervisor.storage.pool import Pool, PoolList
from vpmem_harness.libvirtd.xml.storage.common import Permissions
from vpmem_harness.libvirtd.xml.storage.pool import PoolDefinition, Source, missing_backend
from vpmem_harness.releases import Release

#: The directory of the pool ``default``, which every host has.
DEFAULT_PATH: Final = '/var/lib/libvirt/images'


class Storage:
    """The pools of a host.

    :param publish: sends an event: its number, the pool and the event's fields.
    :param uuid: the UUID of the pool ``default``.
    :param secrets: the secrets of the host, by UUID, with which volumes are encrypted.
    :param release: returns the release of the host, which an upgrade changes.
    """

    def __init__(self, backing: Backing, publish: Callable[..., None], uuid: str,
                 secrets: Mapping[bytes, Secret], release: Callable[[], Release]) -> None:
        self.pools = PoolList()
        self._publish = publish
        self._backends: dict[str, Backend] = {
            **{kind: LocalBackend(kind, backing, secrets, release)
               for kind in ('dir', 'fs', 'netfs')},
            'logical': LogicalBackend(backing)}
        pool = self.pools.add(
            PoolDefinition('dir', 'default', uuid, Source(), DEFAULT_PATH, Permissions()),
            live=False)
        pool.persistent = pool.autostart = True
        backing.storage.make_directory(DEFAULT_PATH, None)
        self._try_to_activate(pool)

    def backend(self, kind: str) -> Backend:
        """Return what a type of pool can do.

        :raises LibvirtError: VIR_ERR_INTERNAL_ERROR, the host does not support the type.
        """
        found = self._backends.get(kind)
        if found is None:
            raise missing_backend(kind)
        return found

    def lifecycle(self, pool: Pool, event: int) -> None:
        """Send an event of a pool's life, VIR_STORAGE_POOL_EVENT_*."""
        self._publish(libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, pool, event, 0)

    def refreshed(self, pool: Pool) -> None:
        """Send the event of a pool that has been refreshed."""
        self._publish(libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH, pool)

    def activate(self, pool: Pool) -> None:
        """Start a pool and look for its volumes.

        :raises LibvirtError: it cannot be started; a transient pool is gone then.
        """
        backend = self.backend(pool.type)
        try:
            backend.start(pool)
            backend.refresh(pool)
        except LibvirtError:
            backend.stop(pool)
            pool.volumes.clear()
            self.pools.settle(pool)
            raise
        pool.active = True

    def deactivate(self, pool: Pool) -> None:
        """Stop a pool; a transient one is gone then."""
        self.backend(pool.type).stop(pool)
        pool.volumes.clear()
        pool.active = False
        self.pools.settle(pool)

    def refresh_after_upload(self, pool: Pool) -> None:
        """Look at a pool's volumes again, as libvirt does when an upload has ended."""
        with contextlib.suppress(LibvirtError):
            self.backend(pool.type).refresh(pool)
        self.refreshed(pool)

    def _try_to_activate(self, pool: Pool) -> None:
        try:
            self.activate(pool)
        except LibvirtError:
            pool.active = False

    def daemon_started(self) -> None:
        """Find the active pools, as a daemon does when it starts.

        A pool counts as active if its directory exists or is mounted, however it was before.
        Source: libvirt 9.0.0, src/storage/storage_driver.c (storagePoolUpdateStateCallback).
        """
        for pool in self.pools:
            backend = self.backend(pool.type)
            pool.active = backend.is_there(pool)
            if pool.active:
                try:
                    backend.refresh(pool)
                except LibvirtError:
                    pool.active = False
            self.pools.settle(pool)

    def machine_started(self) -> None:
        """Start what starts with the machine; transient pools are gone, nothing is mounted."""
        for pool in self.pools:
            pool.active = pool.mounted = False
            pool.volumes.clear()
            self.pools.settle(pool)
        self.daemon_started()
        for pool in self.pools:
            if pool.autostart and not pool.active:
                self._try_to_activate(pool)
