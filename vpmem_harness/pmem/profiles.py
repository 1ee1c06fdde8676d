"""The proportions in which random hosts hold things: ``plain``, ``mixed`` and ``hostile``.

Every table maps a value to its whole-number weight, in the order that it is drawn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.spec import GiB, KiB, MiB, TiB


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What random hosts look like. Percentages are whole numbers from 0 to 100."""

    name: str
    #: NUMA nodes that have DIMMs, DIMMs of each of them, and the bytes of a DIMM.
    nodes: Mapping[int, int]
    dimms_per_node: Mapping[int, int]
    dimm_sizes: Mapping[int, int]
    #: Percent of the DIMMs that have no label area: one namespace each, the size of the DIMM.
    without_labels: int
    #: Namespaces that are created in a region, as far as it has room.
    namespaces: Mapping[int, int]
    #: Their capacity in bytes, mode, map, alignment in bytes, and sector size of mode sector.
    sizes: Mapping[int, int]
    modes: Mapping[str, int]
    maps: Mapping[str, int]
    aligns: Mapping[int, int]
    sector_sizes: Mapping[int, int]
    #: own (nobody else has it), none, shared (with another one), odd (Nova cannot be told of it).
    names: Mapping[str, int]
    odd_names: tuple[str, ...]
    #: kept, disabled, or destroyed again, which leaves a hole and a free number behind.
    fates: Mapping[str, int]
    #: Percent of the hosts that have used their holes again, and that have been rebooted since.
    refilled: int
    rebooted: int
    #: Labels for namespaces of at least so many bytes, the largest first.
    labels: Mapping[str, int]
    #: Percent of the namespaces that could be offered to servers and are.
    offered: int


PLAIN = Profile(
    name='plain',
    nodes={2: 1},
    dimms_per_node={1: 1},
    dimm_sizes={32 * GiB: 1, 64 * GiB: 1, 128 * GiB: 1},
    without_labels=0,
    namespaces={2: 1, 3: 2, 4: 3, 5: 2, 6: 1},
    sizes={2 * GiB: 2, 4 * GiB: 4, 8 * GiB: 2, 16 * GiB: 1},
    modes={'devdax': 1},
    maps={'dev': 3, 'mem': 1},
    aligns={2 * MiB: 1},
    sector_sizes={4 * KiB: 1},
    names={'own': 1},
    odd_names=(),
    fates={'kept': 1},
    refilled=0,
    rebooted=0,
    labels={'LARGE': 16 * GiB, 'MEDIUM': 8 * GiB, 'SMALL': 4 * GiB, 'TINY': 16 * MiB},
    offered=100,
)

MIXED = Profile(
    name='mixed',
    nodes={1: 1, 2: 6, 4: 1},
    dimms_per_node={1: 3, 2: 1},
    dimm_sizes={16 * GiB: 1, 32 * GiB: 3, 64 * GiB: 3, 126 * GiB: 2, 128 * GiB: 2, 512 * GiB: 1},
    without_labels=10,
    namespaces={1: 1, 2: 2, 3: 3, 4: 4, 5: 3, 6: 2, 8: 1},
    sizes={128 * MiB: 1, 512 * MiB: 1, 1 * GiB: 2, 2 * GiB: 3, 3 * GiB: 1, 4 * GiB: 6,
           5 * GiB: 1, 8 * GiB: 4, 16 * GiB: 2, 32 * GiB: 1},
    modes={'devdax': 14, 'fsdax': 3, 'sector': 2, 'raw': 1},
    maps={'dev': 2, 'mem': 1},
    aligns={4 * KiB: 1, 2 * MiB: 8, 1 * GiB: 1},
    sector_sizes={512: 1, 4 * KiB: 3},
    names={'own': 16, 'none': 3, 'shared': 1},
    odd_names=(),
    fates={'kept': 14, 'disabled': 1, 'destroyed': 3},
    refilled=30,
    rebooted=50,
    labels={'LARGE': 16 * GiB, 'MEDIUM': 6 * GiB, 'SMALL': 3 * GiB, 'TINY': 16 * MiB},
    offered=90,
)

HOSTILE = Profile(
    name='hostile',
    nodes={1: 2, 2: 3, 3: 1, 4: 2, 8: 1},
    dimms_per_node={1: 3, 2: 2, 3: 1},
    dimm_sizes={256 * MiB: 1, 1 * GiB: 1, 4 * GiB + 16 * MiB: 1, 16 * GiB: 2, 32 * GiB: 2,
                126 * GiB: 2, 512 * GiB: 1, 3 * TiB: 1},
    without_labels=25,
    namespaces={0: 1, 1: 1, 3: 2, 6: 3, 9: 3, 12: 2, 18: 1},
    sizes={16 * MiB: 2, 48 * MiB: 2, 128 * MiB: 2, 528 * MiB: 2, 1 * GiB: 3, 1520 * MiB: 2,
           3 * GiB: 3, 4 * GiB: 4, 5 * GiB: 3, 8 * GiB: 2, 33 * GiB: 1, 120 * GiB: 1},
    modes={'devdax': 8, 'fsdax': 3, 'sector': 3, 'raw': 2},
    maps={'dev': 1, 'mem': 1},
    aligns={4 * KiB: 2, 2 * MiB: 4, 1 * GiB: 2},
    sector_sizes={512: 1, 520: 1, 528: 1, 4 * KiB: 1, 4104: 1, 4160: 1, 4224: 1},
    names={'own': 4, 'none': 2, 'shared': 2, 'odd': 2},
    odd_names=('a b', 'ns|0', 'ns,0', 'ns:0', '$ns', '"ns"', "n's", 'back\\slash', '/dev/dax0.0',
               'namespace0.0', 'region0', 'all', '0', '-f', '{', '#', 'x' * 63),
    fates={'kept': 5, 'disabled': 2, 'destroyed': 3},
    refilled=70,
    rebooted=50,
    labels={'Large_64': 16 * GiB, '4GB': 4 * GiB, '_': 1 * GiB, 'm' * 200: 256 * MiB,
            '0': 16 * MiB},
    offered=60,
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (PLAIN, MIXED, HOSTILE)}


def profile_named(name: str) -> Profile:
    """The profile of that name; raises InvalidInputError when there is none."""
    try:
        return PROFILES[name]
    except KeyError:
        raise InvalidInputError('profile', expected=', '.join(PROFILES), got=repr(name),
                                remedy='choose one of them') from None
