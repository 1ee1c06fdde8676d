"""Procedures for storage pools.

Source: libvirt 9.0.0, src/storage/storage_driver.c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_exclusive_flags, check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.hypervisor.storage import capabilities
from vpmem_harness.libvirtd.hypervisor.storage.backend import NO_OVERWRITE, OVERWRITE
from vpmem_harness.libvirtd.hypervisor.storage.pool import Pool, PoolList
from vpmem_harness.libvirtd.hypervisor.storage.storage import Storage
from vpmem_harness.libvirtd.values import StoragePoolHandle, StorageVolHandle
from vpmem_harness.libvirtd.xml.storage import pool as pool_xml
from vpmem_harness.libvirtd.xml.storage.common import FROM, sanitize

_FILTERS: Final[tuple[tuple[int, int, Callable[[Pool], bool]], ...]] = (
    (libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
     libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE, lambda pool: pool.active),
    (libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
     libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT, lambda pool: pool.persistent),
    (libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART,
     libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_NO_AUTOSTART, lambda pool: pool.autostart))
#: The filters by type: one bit for each of libvirt's types, in their order, where it exists.
_TYPES: Final = {
    kind: getattr(libvirt, f'VIR_CONNECT_LIST_STORAGE_POOLS_{kind.upper().replace("-", "_")}', 0)
    for kind in pool_xml.TYPES}
_CREATE: Final = (libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD
                  | libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE
                  | libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE)


class StoragePoolProcedures(ProcedureGroup):
    """Procedures for storage pools."""

    def pool(self, handle: StoragePoolHandle) -> Pool:
        """Return the pool of a client's reference.

        :raises LibvirtError: VIR_ERR_NO_STORAGE_POOL.
        """
        return self._pools.by_uuid(handle.uuid, f' ({handle.name})')

    @property
    def _storage(self) -> Storage:
        return self.hypervisor.storage

    @property
    def _pools(self) -> PoolList:
        return self.hypervisor.storage.pools

    @procedure
    def connect_list_all_storage_pools(self, need_results: int, flags: int) -> list[Pool]:
        """Return the pools that match the filters."""
        allowed = sum(yes | no for yes, no, _ in _FILTERS)
        types = 0
        for bit in _TYPES.values():
            types |= bit
        check_flags('storageConnectListAllStoragePools', flags, allowed | types, domain=FROM)
        return [pool for pool in self._pools
                if (not flags & types or flags & _TYPES[pool.type])
                and all(not flags & (yes | no) or flags & (yes if test(pool) else no)
                        for yes, no, test in _FILTERS)]

    @procedure
    def connect_list_storage_pools(self, maximum: int) -> list[str]:
        """Return the names of the active pools."""
        return [pool.name for pool in self._pools if pool.active]

    @procedure
    def connect_num_of_storage_pools(self) -> int:
        """Return the number of active pools."""
        return sum(pool.active for pool in self._pools)

    @procedure
    def connect_list_defined_storage_pools(self, maximum: int) -> list[str]:
        """Return the names of the inactive pools."""
        return [pool.name for pool in self._pools if not pool.active]

    @procedure
    def connect_num_of_defined_storage_pools(self) -> int:
        """Return the number of inactive pools."""
        return sum(not pool.active for pool in self._pools)

    @procedure
    def connect_get_storage_pool_capabilities(self, flags: int) -> str:
        """Return the supported types of pools and formats of volumes as XML."""
        check_flags('storageConnectGetStoragePoolCapabilities', flags, 0, domain=FROM)
        return capabilities.xml()

    @procedure
    def connect_find_storage_pool_sources(self, kind: str, specification: str | None,
                                          flags: int) -> str:
        """Return the sources of which pools could be made, as XML."""
        if kind not in pool_xml.TYPES:
            raise internal(f'unknown storage pool type {kind}', domain=FROM)
        return self._storage.backend(kind).find_sources(specification, flags)

    @procedure
    def storage_pool_lookup_by_name(self, name: str) -> Pool:
        """Return the pool with that name."""
        return self._pools.by_name(name)

    @procedure
    def storage_pool_lookup_by_uuid(self, uuid: bytes) -> Pool:
        """Return the pool with that UUID."""
        return self._pools.by_uuid(uuid)

    @procedure
    def storage_pool_lookup_by_volume(self, handle: StorageVolHandle) -> Pool:
        """Return the pool of a volume."""
        return self._pools.by_name(handle.pool)

    @procedure
    def storage_pool_lookup_by_target_path(self, path: str) -> Pool:
        """Return the active pool with that target."""
        clean = sanitize(path)
        for pool in self._pools:
            if pool.active and pool.definition.path == clean:
                return pool
        more = '' if clean == path else f' ({clean})'
        raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_POOL,
                           f"no storage pool with matching target path '{path}'{more}",
                           domain=FROM)

    @procedure
    def storage_pool_define_xml(self, xml: str, flags: int) -> Pool:
        """Define a pool, or redefine one."""
        check_flags('storagePoolDefineXML', flags, libvirt.VIR_STORAGE_POOL_DEFINE_VALIDATE,
                    domain=FROM)
        definition = pool_xml.parse(xml, self.hypervisor.randomness.uuid(), validate=bool(flags))
        if '\n' in definition.name:
            raise LibvirtError(
                libvirt.VIR_ERR_XML_DETAIL, "invalid char in name: \n",
                domain=libvirt.VIR_FROM_XML)
        self._storage.backend(definition.type)
        pool = self._pools.add(definition, live=False)
        pool.persistent = True
        self._storage.lifecycle(pool, libvirt.VIR_STORAGE_POOL_EVENT_DEFINED)
        return pool

    @procedure
    def storage_pool_create_xml(self, xml: str, flags: int) -> Pool:
        """Start a transient pool, or an inactive one with another definition."""
        self._check_create('storagePoolCreateXML', flags)
        definition = pool_xml.parse(xml, self.hypervisor.randomness.uuid())
        self._storage.backend(definition.type)
        pool = self._pools.add(definition, live=True)
        self._start(pool, flags)
        return pool

    @procedure
    def storage_pool_create(self, handle: StoragePoolHandle, flags: int) -> None:
        """Start an inactive pool."""
        self._check_create('storagePoolCreate', flags)
        pool = self.pool(handle)
        if pool.active:
            raise invalid(f"storage pool '{pool.name}' is already active", domain=FROM)
        self._start(pool, flags)

    def _check_create(self, function: str, flags: int) -> None:
        check_flags(function, flags, _CREATE, domain=FROM)
        # libvirt compares the flags of virStoragePoolBuild here, which have other values.
        check_exclusive_flags(function, flags, 'VIR_STORAGE_POOL_BUILD_OVERWRITE',
                              'VIR_STORAGE_POOL_BUILD_NO_OVERWRITE', domain=FROM)

    def _start(self, pool: Pool, flags: int) -> None:
        build = 0
        if flags & libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE:
            build = OVERWRITE
        elif flags & libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE:
            build = NO_OVERWRITE
        if flags:
            try:
                self._storage.backend(pool.type).build(pool, build)
            except LibvirtError:
                self._pools.settle(pool)
                raise
        self._storage.activate(pool)
        self._storage.lifecycle(pool, libvirt.VIR_STORAGE_POOL_EVENT_STARTED)

    @procedure
    def storage_pool_build(self, handle: StoragePoolHandle, flags: int) -> None:
        """Make what an inactive pool needs, such as its directory."""
        pool = self.pool(handle)
        if pool.active:
            raise invalid(f"storage pool '{pool.name}' is already active", domain=FROM)
        self._storage.backend(pool.type).build(pool, flags)
        self._storage.lifecycle(pool, libvirt.VIR_STORAGE_POOL_EVENT_CREATED)

    @procedure
    def storage_pool_destroy(self, handle: StoragePoolHandle) -> None:
        """Stop an active pool; its volumes stay."""
        pool = self.pool(handle)
        pool.check_active()
        self._storage.lifecycle(pool, libvirt.VIR_STORAGE_POOL_EVENT_STOPPED)
        self._storage.deactivate(pool)

    @procedure
    def storage_pool_delete(self, handle: StoragePoolHandle, flags: int) -> None:
        """Remove what an inactive pool was built of."""
        pool = self.pool(handle)
        self._check_inactive(pool)
        name = 'LogicalDeletePool' if pool.type == 'logical' else 'DeleteLocal'
        check_flags(f'virStorageBackend{name}', flags, 0, domain=FROM)
        self._storage.backend(pool.type).delete(pool)
        self._storage.lifecycle(pool, libvirt.VIR_STORAGE_POOL_EVENT_DELETED)

    @procedure
    def storage_pool_undefine(self, handle: StoragePoolHandle) -> None:
        """Remove the definition of an inactive pool."""
        pool = self.pool(handle)
        self._check_inactive(pool)
        self._storage.lifecycle(pool, libvirt.VIR_STORAGE_POOL_EVENT_UNDEFINED)
        self._pools.remove(pool)

    def _check_inactive(self, pool: Pool) -> None:
        if pool.active:
            raise invalid(f"storage pool '{pool.name}' is still active", domain=FROM)

    @procedure
    def storage_pool_refresh(self, handle: StoragePoolHandle, flags: int) -> None:
        """Look for the volumes of an active pool again."""
        check_flags('storagePoolRefresh', flags, 0, domain=FROM)
        pool = self.pool(handle)
        pool.check_active()
        try:
            self._storage.backend(pool.type).refresh(pool)
        except LibvirtError:
            self._storage.lifecycle(pool, libvirt.VIR_STORAGE_POOL_EVENT_STOPPED)
            self._storage.deactivate(pool)
            raise
        self._storage.refreshed(pool)

    @procedure
    def storage_pool_get_info(self, handle: StoragePoolHandle) -> tuple[int, int, int, int]:
        """Return the state, and the bytes of all, of what is used and of what is free."""
        pool = self.pool(handle)
        state = libvirt.VIR_STORAGE_POOL_RUNNING if pool.active \
            else libvirt.VIR_STORAGE_POOL_INACTIVE
        return int(state), pool.capacity, pool.allocation, pool.available

    @procedure
    def storage_pool_get_xml_desc(self, handle: StoragePoolHandle, flags: int) -> str:
        """Return a pool's XML."""
        check_flags('storagePoolGetXMLDesc', flags, libvirt.VIR_STORAGE_XML_INACTIVE,
                    domain=FROM)
        return self.pool(handle).xml(inactive=bool(flags))

    @procedure
    def storage_pool_is_active(self, handle: StoragePoolHandle) -> int:
        """Return whether a pool is active."""
        return int(self.pool(handle).active)

    @procedure
    def storage_pool_is_persistent(self, handle: StoragePoolHandle) -> int:
        """Return whether a pool has a persistent definition."""
        return int(self.pool(handle).persistent)

    @procedure
    def storage_pool_get_autostart(self, handle: StoragePoolHandle) -> int:
        """Return whether a pool starts with the host."""
        return int(self.pool(handle).autostart)

    @procedure
    def storage_pool_set_autostart(self, handle: StoragePoolHandle, autostart: int) -> None:
        """Set whether a pool starts with the host."""
        pool = self.pool(handle)
        if not pool.persistent:
            raise internal('pool has no config file', domain=FROM)
        pool.autostart = bool(autostart)

    @procedure
    def storage_pool_num_of_volumes(self, handle: StoragePoolHandle) -> int:
        """Return the number of volumes of an active pool."""
        pool = self.pool(handle)
        pool.check_active()
        return len(pool.volumes)

    @procedure
    def storage_pool_list_volumes(self, handle: StoragePoolHandle, maximum: int) -> list[str]:
        """Return the names of an active pool's volumes."""
        pool = self.pool(handle)
        pool.check_active()
        return list(pool.volumes)

    @procedure
    def storage_pool_list_all_volumes(self, handle: StoragePoolHandle, need_results: int,
                                      flags: int) -> list[StorageVolHandle]:
        """Return the volumes of an active pool."""
        check_flags('storagePoolListAllVolumes', flags, 0, domain=FROM)
        pool = self.pool(handle)
        pool.check_active()
        return [pool.handle(volume) for volume in pool.volumes.values()]
