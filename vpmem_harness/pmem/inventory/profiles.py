"""Profiles of random inventories: ``plain``, ``mixed``, ``hostile``, and Optane hosts.

Every table maps values to their weights as whole numbers; the order affects random draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import optane
from vpmem_harness.pmem.kernel.sizes import GIB, KIB, MIB, TIB


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A profile of random inventories. Percentages are whole numbers from 0 to 100."""

    name: str
    #: Number of NUMA nodes with DIMMs, DIMMs per node, and bytes per DIMM.
    nodes: Mapping[int, int]
    dimms_per_node: Mapping[int, int]
    dimm_sizes: Mapping[int, int]
    #: Percentage of pairs of DIMMs that are interleaved into one region.
    interleaved: int
    #: Percentage of DIMMs without label area, which have a single namespace.
    without_labels: int
    #: Number of namespaces per region, as far as they fit.
    namespaces: Mapping[int, int]
    #: Capacity in bytes, mode, map, alignment in bytes, and sector size of mode sector.
    sizes: Mapping[int, int]
    modes: Mapping[str, int]
    maps: Mapping[str, int]
    aligns: Mapping[int, int]
    sector_sizes: Mapping[int, int]
    #: own (a unique name), none, shared (with another namespace), odd (one of odd_names).
    #: Only namespaces with unique names are offered to servers.
    names: Mapping[str, int]
    odd_names: tuple[str, ...]
    #: kept, disabled, or destroyed, which leaves a hole and a free number.
    fates: Mapping[str, int]
    #: Percentage of hosts that have reused their holes, and that have rebooted since.
    refilled: int
    rebooted: int
    #: Labels for namespaces of at least this many bytes, largest first.
    labels: Mapping[str, int]
    #: Percentage of possible namespaces that are offered to servers.
    offered: int
    #: Number of DIMMs in each socket's interleave set of Optane modules; empty on other hosts.
    optane_ways: Mapping[int, int] = field(default_factory=dict)
    #: Percentage of interleave sets that are one namespace as a whole.
    whole: int = 0


PLAIN = Profile(
    name='plain',
    nodes={2: 1},
    dimms_per_node={1: 1},
    interleaved=0,
    dimm_sizes={32 * GIB: 1, 64 * GIB: 1, 128 * GIB: 1},
    without_labels=0,
    namespaces={2: 1, 3: 2, 4: 3, 5: 2, 6: 1},
    sizes={2 * GIB: 2, 4 * GIB: 4, 8 * GIB: 2, 16 * GIB: 1},
    modes={'devdax': 1},
    maps={'dev': 3, 'mem': 1},
    aligns={2 * MIB: 1},
    sector_sizes={4 * KIB: 1},
    names={'own': 1},
    odd_names=(),
    fates={'kept': 1},
    refilled=0,
    rebooted=0,
    labels={'LARGE': 16 * GIB, 'MEDIUM': 8 * GIB, 'SMALL': 4 * GIB, 'TINY': 16 * MIB},
    offered=100,
)

MIXED = Profile(
    name='mixed',
    nodes={1: 1, 2: 6, 4: 1},
    dimms_per_node={1: 3, 2: 1},
    interleaved=50,
    dimm_sizes={16 * GIB: 1, 32 * GIB: 3, 64 * GIB: 3, 126 * GIB: 2, 128 * GIB: 2, 512 * GIB: 1},
    without_labels=10,
    namespaces={1: 1, 2: 2, 3: 3, 4: 4, 5: 3, 6: 2, 8: 1},
    sizes={128 * MIB: 1, 512 * MIB: 1, 1 * GIB: 2, 2 * GIB: 3, 3 * GIB: 1, 4 * GIB: 6,
           5 * GIB: 1, 8 * GIB: 4, 16 * GIB: 2, 32 * GIB: 1},
    modes={'devdax': 14, 'fsdax': 3, 'sector': 2, 'raw': 1},
    maps={'dev': 2, 'mem': 1},
    aligns={4 * KIB: 1, 2 * MIB: 8, 1 * GIB: 1},
    sector_sizes={512: 1, 4 * KIB: 3},
    names={'own': 16, 'none': 3, 'shared': 1},
    odd_names=(),
    fates={'kept': 14, 'disabled': 1, 'destroyed': 3},
    refilled=30,
    rebooted=50,
    labels={'LARGE': 16 * GIB, 'MEDIUM': 6 * GIB, 'SMALL': 3 * GIB, 'TINY': 16 * MIB},
    offered=90,
)

HOSTILE = Profile(
    name='hostile',
    nodes={1: 2, 2: 3, 3: 1, 4: 2, 8: 1},
    dimms_per_node={1: 3, 2: 2, 3: 1},
    interleaved=30,
    dimm_sizes={256 * MIB: 1, 1 * GIB: 1, 4 * GIB + 16 * MIB: 1, 16 * GIB: 2, 32 * GIB: 2,
                126 * GIB: 2, 512 * GIB: 1, 3 * TIB: 1},
    without_labels=25,
    namespaces={0: 1, 1: 1, 3: 2, 6: 3, 9: 3, 12: 2, 18: 1},
    sizes={16 * MIB: 2, 48 * MIB: 2, 128 * MIB: 2, 528 * MIB: 2, 1 * GIB: 3, 1520 * MIB: 2,
           3 * GIB: 3, 4 * GIB: 4, 5 * GIB: 3, 8 * GIB: 2, 33 * GIB: 1, 120 * GIB: 1},
    modes={'devdax': 8, 'fsdax': 3, 'sector': 3, 'raw': 2},
    maps={'dev': 1, 'mem': 1},
    aligns={4 * KIB: 2, 2 * MIB: 4, 1 * GIB: 2},
    sector_sizes={512: 1, 4 * KIB: 1},
    names={'own': 4, 'none': 2, 'shared': 2, 'odd': 2},
    odd_names=('a b', 'ns|0', 'ns,0', 'ns:0', '$ns', '"ns"', "n's", 'back\\slash', '/dev/dax0.0',
               'namespace0.0', 'region0', 'all', '0', '-f', '{', '#', 'x' * 63),
    fates={'kept': 5, 'disabled': 2, 'destroyed': 3},
    refilled=70,
    rebooted=50,
    labels={'Large_64': 16 * GIB, '4GB': 4 * GIB, '_': 1 * GIB, 'm' * 200: 256 * MIB,
            '0': 16 * MIB},
    offered=60,
)

#: Two sockets with Optane modules, six, four or two of them interleaved.
OPTANE_2S = replace(
    MIXED,
    name='optane-2s',
    nodes={2: 1},
    dimms_per_node={},
    dimm_sizes=dict.fromkeys(optane.MODULES, 1),
    optane_ways={6: 4, 4: 2, 2: 1},
    without_labels=0,
    namespaces={1: 1, 2: 2, 3: 2, 4: 3, 6: 1},
    sizes={6 * GIB: 1, 12 * GIB: 3, 24 * GIB: 3, 48 * GIB: 2, 60 * GIB: 1, 96 * GIB: 2,
           120 * GIB: 1},
    modes={'devdax': 8, 'fsdax': 3, 'sector': 1},
    labels={'LARGE': 48 * GIB, 'MEDIUM': 24 * GIB, 'SMALL': 6 * GIB, 'TINY': 16 * MIB},
    whole=25,
)

#: The same with four sockets.
OPTANE_4S = replace(OPTANE_2S, name='optane-4s', nodes={4: 1})

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (PLAIN, MIXED, HOSTILE, OPTANE_2S, OPTANE_4S)}


def profile_named(name: str) -> Profile:
    """Return a profile by name; raises InvalidInputError if it does not exist."""
    try:
        return PROFILES[name]
    except KeyError:
        raise InvalidInputError('profile', expected=f'one of {", ".join(PROFILES)}', got=repr(name),
                                remedy='choose one of them') from None
