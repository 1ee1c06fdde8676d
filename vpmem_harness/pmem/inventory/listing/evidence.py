"""Detection of the versions of ndctl and of the kernel that wrote a listing, from its fields."""

from __future__ import annotations

from typing import Any

from vpmem_harness.pmem.inventory.listing import amounts
from vpmem_harness.pmem.kernel.sizes import TIB

#: The versions of ndctl whose listings are known.
FIRST, LAST = 61, 81

#: Attributes of the kernel that a listing of a version or a later one shows if they exist.
_ATTRIBUTES = {'region.align': 68, 'target_node': 68, 'device.align': 71,
               'device.target_node': 66, 'max_available_extent': 62}


class Evidence:
    """The versions that the fields of a listing allow."""

    def __init__(self) -> None:
        self.low = FIRST
        self.high = LAST
        self._missing: set[str] = set()
        self._present: set[str] = set()
        self._positions: set[bool] = set()
        self._always_verbose = False
        self._without_node = False
        self._lacks_node = False
        self._bare_memory = False
        self.as_user = False

    def at_least(self, version: int) -> None:
        """Note that this version or a later one has printed something."""
        self.low = max(self.low, version)

    def before(self, version: int) -> None:
        """Note that an earlier version has printed something."""
        self.high = min(self.high, version - 1)

    def _attribute(self, name: str, present: bool) -> None:
        (self._present if present else self._missing).add(name)
        if present:
            self.at_least(_ATTRIBUTES[name])

    def saw_list(self, count: int) -> None:
        """Note a list at the top; ndctl before 62 prints no list of one object."""
        if count == 1:
            self.at_least(62)

    def saw_single_object(self, value: dict[str, Any]) -> None:
        """Note an object at the top: of -u, of create-namespace, or of ndctl before 62."""
        if type(value.get('size')) is int and 'daxregion' not in value \
                and value['size'] >= 5_120_000:
            self.before(62)

    def saw_dimm(self, value: dict[str, Any]) -> None:
        """Note the fields of a DIMM."""
        if 'security' in value:
            self.at_least(64)
        if 'security_frozen' in value:
            self.at_least(67)

    def saw_region(self, value: dict[str, Any]) -> None:
        """Note the fields of a region."""
        self._attribute('region.align', 'align' in value)
        self._attribute('max_available_extent', 'max_available_extent' in value)
        self._without_node = self._without_node or 'numa_node' not in value
        if 'numa_node' in value:
            self._attribute('target_node', 'target_node' in value)
        if 'capabilities' in value:
            self.at_least(65)
        iset = value.get('iset_id')
        if type(iset) is int and iset < 0:
            self.before(73)
        elif type(iset) is int and iset >= 2**63:
            self.at_least(73)
        self._units(value.get('size'))

    def saw_mappings(self, values: list[dict[str, Any]]) -> None:
        """Note the fields of mappings."""
        self._positions |= {'position' in value for value in values}

    def saw_namespace(self, value: dict[str, Any]) -> None:
        """Note the fields of a namespace."""
        mode, size = value['mode'], value.get('size')
        mapped = mode == 'devdax' or (mode == 'fsdax' and 'uuid' in value)
        if 'align' in value:
            self.at_least(64)
        elif mapped:
            self.before(64)
        self._without_node = self._without_node or 'numa_node' not in value
        if 'raw_uuid' in value or 'numa_node' in value:
            self._always_verbose = True
            self._attribute('target_node', 'target_node' in value)
            self._lacks_node = self._lacks_node or 'numa_node' not in value
        if mode in ('raw', 'fsdax') and 'sector_size' not in value:
            self.at_least(62)
            self.before(64)
        if 'supported_alignments' in value or 'supported sector sizes' in value:
            self.at_least(64)
            self.before(65)
        dax = value.get('daxregion')
        if isinstance(dax, dict) and 'align' not in dax:
            self.as_user = True
        self._units(size)

    def saw_device(self, value: dict[str, Any]) -> None:
        """Note the fields of a dax device."""
        if 'mode' in value:
            self.at_least(66)
            self._attribute('device.target_node', 'target_node' in value)
        else:
            self.before(66)
        self._attribute('device.align', 'align' in value)
        if 'online_memblocks' in value:
            self.at_least(72)
        elif 'movable' in value:
            self.at_least(67)
            self.before(72)
        elif value.get('mode') == 'system-ram':
            self._bare_memory = True
        if 'mappings' in value:
            self.at_least(71)

    def settle(self) -> None:
        """Draw the conclusions that need the whole listing."""
        if self._always_verbose and self.high < 64 and self.low < 62:
            # ndctl 61 prints these fields always, 62 and 63 with -v.
            self.before(62)
        if self._without_node and not self._lacks_node and self.high >= 62:
            self.at_least(62)
        if self._bare_memory and not self.as_user and self.low < 72:
            # Later versions count the memory blocks for root.
            self.before(72)

    @property
    def hides_memory(self) -> bool:
        """Whether a device that is memory without a zone may have blocks that are online."""
        return self.as_user or self.low >= 72 or self.high < 67

    def _units(self, size: object) -> None:
        found = amounts.parse(size)
        if found is None or found.is_exact:
            return
        if found.letter == 'T':
            self.at_least(74)
        elif found.low >= 2 * TIB:
            self.before(74)

    @property
    def described(self) -> str:
        """Which fields the listing has, for an explanation."""
        if self.low > self.high:
            return (f'fields of different versions, some of {self.low} or later, others of '
                    f'{self.high} or earlier, as if two outputs were combined or edited')
        if self.low == self.high:
            return f'the fields of version {self.low}'
        return f'the fields of a version from {self.low} to {self.high}'

    @property
    def is_recent(self) -> bool:
        """Whether the kernel certainly aligns the capacities of namespaces, as Linux 5.7 does."""
        return bool(self._present & {'region.align', 'device.align'}) or not self._missing

    def lacks(self, version: int) -> frozenset[str]:
        """Return the attributes that this version of ndctl would show and the kernel lacks."""
        missing = {name for name in self._missing - self._present if version >= _ATTRIBUTES[name]}
        if 'device.target_node' in missing:
            missing = missing - {'device.target_node'} | {'target_node'}
        if self._positions == {False}:
            missing.add('mapping.position')
        if self._lacks_node:
            missing.add('numa_node')
        return frozenset(missing)

    def version(self, preferred: int) -> int:
        """Return the version whose listings look like this one, the preferred one if it can be.

        A field can be missing because of ndctl or of the kernel. An older ndctl is more likely.
        """
        limit = min([_ATTRIBUTES[name] - 1 for name in self._missing - self._present
                     if _ATTRIBUTES[name] > self.low] + [self.high])
        return max(self.low, min(preferred, limit))
