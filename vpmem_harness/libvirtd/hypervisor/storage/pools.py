"""The storage pool ``default``, to look at: an empty directory.

Source: libvirt 9.0.0, src/storage/storage_driver.c.
"""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import StoragePoolHandle, StorageVolHandle
from vpmem_harness.libvirtd.xml.etree import add, element, serialize

_FROM = libvirt.VIR_FROM_STORAGE
_PAIRS = ((libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
           libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE),
          (libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
           libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT),
          (libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART,
           libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_NO_AUTOSTART))
_DIR = libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_DIR
#: Every filter by a pool's type.
_TYPES = 0xffffffc0 & ((1 << 20) - 1)


@dataclass(frozen=True)
class Pool:
    """A directory of volumes; sizes in bytes."""

    name: str
    uuid: bytes
    path: str
    capacity: int
    allocation: int

    def xml(self) -> str:
        """The pool's definition and what is in it."""
        root = element('pool', type='dir')
        add(root, 'name', self.name)
        add(root, 'uuid', uuids.UUID(bytes=self.uuid))
        for name, size in (('capacity', self.capacity), ('allocation', self.allocation),
                           ('available', self.capacity - self.allocation)):
            add(root, name, size, unit='bytes')
        add(root, 'source')
        target = add(root, 'target')
        add(target, 'path', self.path)
        permissions = add(target, 'permissions')
        for name, value in (('mode', '0711'), ('owner', '0'), ('group', '0')):
            add(permissions, name, value)
        return serialize(root)


class StorageProcedures(ProcedureGroup):
    """Procedures that look at storage pools."""

    def _pool(self, handle: StoragePoolHandle) -> Pool:
        return self._pool_of(handle.uuid, f' ({handle.name})')

    def _pool_of(self, uuid: bytes, more: str = '') -> Pool:
        for pool in self.hypervisor.pools:
            if pool.uuid == uuid:
                return pool
        raise LibvirtError(
            libvirt.VIR_ERR_NO_STORAGE_POOL,
            f"no storage pool with matching uuid '{uuids.UUID(bytes=uuid)}'{more}",
            domain=_FROM)

    @procedure
    def connect_list_all_storage_pools(self, need_results: int, flags: int) -> list[Pool]:
        """Every pool that fits the filters."""
        pairs = 0
        for yes, no in _PAIRS:
            pairs |= yes | no
        check_flags('storageConnectListAllStoragePools', flags, pairs | _TYPES, domain=_FROM)
        if flags & _TYPES and not flags & _DIR:
            return []
        if any(flags & (yes | no) and not flags & yes for yes, no in _PAIRS):
            return []
        return list(self.hypervisor.pools)

    @procedure
    def connect_list_storage_pools(self, maximum: int) -> list[str]:
        """The names of active pools."""
        return [pool.name for pool in self.hypervisor.pools]

    @procedure
    def connect_num_of_storage_pools(self) -> int:
        """How many pools are active."""
        return len(self.hypervisor.pools)

    @procedure
    def connect_list_defined_storage_pools(self, maximum: int) -> list[str]:
        """The names of pools that are not active."""
        return []

    @procedure
    def connect_num_of_defined_storage_pools(self) -> int:
        """How many pools are not active."""
        return 0

    @procedure
    def storage_pool_lookup_by_name(self, name: str) -> Pool:
        """The pool with that name."""
        for pool in self.hypervisor.pools:
            if pool.name == name:
                return pool
        raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_POOL,
                           f"no storage pool with matching name '{name}'", domain=_FROM)

    @procedure
    def storage_pool_lookup_by_uuid(self, uuid: bytes) -> Pool:
        """The pool with that UUID."""
        return self._pool_of(uuid)

    @procedure
    def storage_pool_lookup_by_target_path(self, path: str) -> Pool:
        """The pool in that directory."""
        for pool in self.hypervisor.pools:
            if pool.path == path.rstrip('/'):
                return pool
        raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_POOL,
                           f"no storage pool with matching target path '{path}'", domain=_FROM)

    @procedure
    def storage_pool_get_info(self, handle: StoragePoolHandle) -> tuple[int, int, int, int]:
        """State, and bytes: all, used, free."""
        pool = self._pool(handle)
        return (int(libvirt.VIR_STORAGE_POOL_RUNNING), pool.capacity, pool.allocation,
                pool.capacity - pool.allocation)

    @procedure
    def storage_pool_get_xml_desc(self, handle: StoragePoolHandle, flags: int) -> str:
        """A pool's XML."""
        check_flags('storagePoolGetXMLDesc', flags, libvirt.VIR_STORAGE_XML_INACTIVE,
                    domain=_FROM)
        return self._pool(handle).xml()

    @procedure
    def storage_pool_is_active(self, handle: StoragePoolHandle) -> int:
        """1: pools here are active."""
        self._pool(handle)
        return 1

    @procedure
    def storage_pool_is_persistent(self, handle: StoragePoolHandle) -> int:
        """1: pools here are persistent."""
        self._pool(handle)
        return 1

    @procedure
    def storage_pool_get_autostart(self, handle: StoragePoolHandle) -> int:
        """1: pools here start with the host."""
        self._pool(handle)
        return 1

    @procedure
    def storage_pool_refresh(self, handle: StoragePoolHandle, flags: int) -> None:
        """Look again at what is in a pool, and tell that it was done."""
        check_flags('storagePoolRefresh', flags, 0, domain=_FROM)
        pool = self._pool(handle)
        self.hypervisor.object_events.publish(
            'storage_pool', libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH, pool.uuid, pool)

    @procedure
    def storage_pool_num_of_volumes(self, handle: StoragePoolHandle) -> int:
        """How many volumes a pool has: none are kept here."""
        self._pool(handle)
        return 0

    @procedure
    def storage_pool_list_volumes(self, handle: StoragePoolHandle, maximum: int) -> list[str]:
        """The names of a pool's volumes."""
        self._pool(handle)
        return []

    @procedure
    def storage_pool_list_all_volumes(self, handle: StoragePoolHandle, need_results: int,
                                      flags: int) -> list[StorageVolHandle]:
        """A pool's volumes."""
        check_flags('storagePoolListAllVolumes', flags, 0, domain=_FROM)
        self._pool(handle)
        return []

    @procedure
    def storage_vol_lookup_by_name(self, handle: StoragePoolHandle,
                                   name: str) -> StorageVolHandle:
        """The volume with that name."""
        self._pool(handle)
        raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                           f"no storage vol with matching name '{name}'", domain=_FROM)

    @procedure
    def storage_vol_lookup_by_path(self, path: str) -> StorageVolHandle:
        """The volume at that path."""
        raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                           f"no storage vol with matching path '{path}'", domain=_FROM)

    @procedure
    def storage_vol_lookup_by_key(self, key: str) -> StorageVolHandle:
        """The volume with that key."""
        raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                           f"no storage vol with matching key {key}", domain=_FROM)
