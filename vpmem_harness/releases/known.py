"""The releases that hosts can have, oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vpmem_harness.releases.release import Release

DEBIAN_12: Final = Release(
    name='debian12', tables_of='debian12',
    kernel='6.1', ndctl='76.1', daxio='1.12.1', libvirt=9_000_000, qemu=7_002_022)

DEBIAN_13: Final = Release(
    name='debian13', tables_of='debian13',
    kernel='6.12', ndctl='81', daxio='1.13.1', libvirt=11_003_000, qemu=10_000_013,
    onlines_memory=True, refuses_empty_dax=True, missing_dax_device_fails=False,
    create_device_ignores_argument=False, procedures=453,
    numbers_arguments=True, names_lines=True, names_attributes=True,
    names_blockers=True, hides_deprecated=True, has_external_snapshots=True,
    shows_second_level_caches=True, has_clusters=True, shows_chipset_watchdog=True,
    needs_no_slots=True, adds_numa=True, adds_iommu=True,
    refuses_overlaps=True, topology_sets_features=True, keeps_cpu_fallback=True,
    starts_virtio_pmem=True, shows_virtio_addresses=True, names_closed_monitor=True,
    names_small_backend=True, modern_images=True, opens_networks=True,
    refuses_loader_attributes=False)

#: The releases by name, oldest first.
RELEASES: Final[Mapping[str, Release]] = {
    release.name: release for release in (DEBIAN_12, DEBIAN_13)}
