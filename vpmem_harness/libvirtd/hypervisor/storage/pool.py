"""Storage pools and their volumes.

Source: libvirt 9.0.0, src/conf/virstorageobj.c.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.values import StorageVolHandle
from vpmem_harness.libvirtd.xml.storage import volume as volume_xml
from vpmem_harness.libvirtd.xml.storage.common import FROM
from vpmem_harness.libvirtd.xml.storage.pool import PoolDefinition
from vpmem_harness.libvirtd.xml.storage.volume import Target


@dataclass(eq=False)
class Volume:
    """A volume of a pool; sizes are in bytes.

    :ivar type: ``file``, ``dir`` or ``block``.
    :ivar sparse: whether it is a logical volume that takes space as it is written.
    """

    name: str
    path: str
    type: str
    target: Target
    capacity: int = 0
    allocation: int = 0
    physical: int = 0
    backing: Target | None = None
    sparse: bool = False
    key: str = ''
    extents: list[tuple[str, int, int]] = field(default_factory=list)

    def xml(self) -> str:
        """Return the volume's XML."""
        return volume_xml.xml(
            self.type, self.name, self.key, (self.capacity, self.allocation, self.physical),
            self.target, self.backing, self.extents)


class Pool:
    """A pool; sizes are in bytes.

    :ivar definition: the current definition.
    :ivar next_definition: the persistent definition, if it differs from the current one.
    :ivar persistent: whether the pool has a configuration file.
    """

    def __init__(self, definition: PoolDefinition) -> None:
        self.definition = definition
        self.next_definition: PoolDefinition | None = None
        self.persistent = False
        self.autostart = False
        self.active = False
        self.mounted = False
        self.capacity = 0
        self.allocation = 0
        self.available = 0
        self.volumes: dict[str, Volume] = {}

    @property
    def name(self) -> str:
        """The pool's name."""
        return self.definition.name

    @property
    def uuid(self) -> bytes:
        """The pool's UUID."""
        return uuids.UUID(self.definition.uuid).bytes

    @property
    def type(self) -> str:
        """The pool's type."""
        return self.definition.type

    def __repr__(self) -> str:
        return f'<Pool {self.name}>'

    def xml(self, *, inactive: bool = False) -> str:
        """Return the current definition or, with ``inactive``, the persistent one."""
        if inactive and self.next_definition is not None:
            return self.next_definition.xml(0, 0, 0)
        return self.definition.xml(self.capacity, self.allocation, self.available)

    def check_active(self) -> None:
        """Refuse an operation that needs an active pool."""
        if not self.active:
            raise invalid(f"storage pool '{self.name}' is not active", domain=FROM)

    def volume(self, name: str) -> Volume:
        """Return the volume with that name.

        :raises LibvirtError: VIR_ERR_NO_STORAGE_VOL.
        """
        found = self.volumes.get(name)
        if found is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_VOL,
                               f"no storage vol with matching name '{name}'", domain=FROM)
        return found

    def handle(self, volume: Volume) -> StorageVolHandle:
        """Return a client's reference to a volume."""
        return StorageVolHandle(self.name, volume.name, volume.key)

    def use(self, number: int) -> None:
        """Count bytes that a new volume takes; a negative number gives them back."""
        self.allocation += number
        self.available -= number


class PoolList:
    """The pools of a host, by name and by UUID."""

    def __init__(self) -> None:
        self._pools: dict[bytes, Pool] = {}

    def __iter__(self) -> Iterator[Pool]:
        return iter(list(self._pools.values()))

    def by_name(self, name: str) -> Pool:
        """Return the pool with that name.

        :raises LibvirtError: VIR_ERR_NO_STORAGE_POOL.
        """
        for pool in self._pools.values():
            if pool.name == name:
                return pool
        raise LibvirtError(libvirt.VIR_ERR_NO_STORAGE_POOL,
                           f"no storage pool with matching name '{name}'", domain=FROM)

    def by_uuid(self, uuid: bytes, more: str = '') -> Pool:
        """Return the pool with that UUID; ``more`` is appended to the error.

        :raises LibvirtError: VIR_ERR_NO_STORAGE_POOL.
        """
        found = self._pools.get(uuid)
        if found is None:
            raise LibvirtError(
                libvirt.VIR_ERR_NO_STORAGE_POOL,
                f"no storage pool with matching uuid '{uuids.UUID(bytes=uuid)}'{more}",
                domain=FROM)
        return found

    def search(self, test: Callable[[Pool], Volume | None]) -> tuple[Pool, Volume] | None:
        """Return the first volume that ``test`` finds in an active pool."""
        for pool in self:
            found = test(pool) if pool.active else None
            if found is not None:
                return pool, found
        return None

    def at_path(self, path: str) -> tuple[Pool, Volume] | None:
        """Return the volume of an active pool at a path."""
        return self.search(lambda pool: next(
            (volume for volume in pool.volumes.values() if volume.path == path), None))

    def add(self, definition: PoolDefinition, *, live: bool) -> Pool:
        """Add a pool, or give an existing one a new definition.

        :param live: whether the pool is about to start; then it must not be active.
        :raises LibvirtError: another pool has the name, the UUID or the source.
        """
        for other in self._pools.values():
            if other.name != definition.name and _same_source(other.definition, definition):
                raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                                   f"Storage source conflict with pool: '{other.name}'",
                                   domain=FROM)
        pool = self._same(definition, live=live)
        if pool is None:
            pool = Pool(definition)
            self._pools[pool.uuid] = pool
        elif pool.active:
            pool.next_definition = definition
        else:
            if pool.next_definition is None and live:
                pool.next_definition = pool.definition
            pool.definition = definition
        return pool

    def _same(self, definition: PoolDefinition, *, live: bool) -> Pool | None:
        found = self._pools.get(uuids.UUID(definition.uuid).bytes)
        if found is not None:
            if found.name != definition.name:
                raise LibvirtError(
                    libvirt.VIR_ERR_OPERATION_FAILED,
                    f"pool '{found.name}' is already defined with uuid {definition.uuid}",
                    domain=FROM)
            if live and found.active:
                raise invalid(f"pool is already active as '{found.name}'", domain=FROM)
            return found
        for other in self._pools.values():
            if other.name == definition.name:
                raise LibvirtError(
                    libvirt.VIR_ERR_OPERATION_FAILED,
                    f"pool '{other.name}' already exists with uuid {other.definition.uuid}",
                    domain=FROM)
        return None

    def remove(self, pool: Pool) -> None:
        """Remove a pool."""
        self._pools.pop(pool.uuid, None)

    def settle(self, pool: Pool) -> None:
        """Remove an inactive transient pool; give another its persistent definition."""
        if pool.active:
            return
        if not pool.persistent:
            self.remove(pool)
        elif pool.next_definition is not None:
            pool.definition, pool.next_definition = pool.next_definition, None


def _same_source(one: PoolDefinition, other: PoolDefinition) -> bool:
    """Whether two pools would have the same source."""
    if one.type in ('dir', 'netfs'):
        if other.type != one.type:
            return False
        if one.type == 'dir':
            return one.path == other.path
        return (one.source.dir == other.source.dir
                and [host[0] for host in one.source.hosts]
                == [host[0] for host in other.source.hosts])
    return other.type in ('fs', 'logical') and bool(
        {path for path, _ in one.source.devices} & {path for path, _ in other.source.devices})
