"""The value of a release: versions, tables, and a field for each rule that differs."""

from __future__ import annotations

import dataclasses
import functools
from typing import Self

from vpmem_harness.releases.tables import Tables


@dataclasses.dataclass(frozen=True)
class Release:
    """One generation of hosts; the defaults of the rules are Debian 12's.

    :param name: its name, such as ``debian12``
    :param tables_of: the name of the release whose tables it has
    :param kernel: the version of Linux
    :param ndctl: the version of ndctl and daxctl
    :param daxio: the version of daxio, which is PMDK's
    :param libvirt: the version of libvirt: major * 1,000,000 + minor * 1,000 + release
    :param qemu: the version of QEMU, in the same form

    Rules of the kernel and its tools (recordings: golden/ndctl/debian12, golden/ndctl/debian13):

    :param onlines_memory: whether the kernel onlines memory that is added, so that daxctl refuses
        to switch a device to system RAM (kernel: CONFIG_MHP_DEFAULT_ONLINE_TYPE)
    :param refuses_empty_dax: whether the kernel refuses a devdax or fsdax namespace that has no
        space left after alignment (kernel: nvdimm/pfn_devs.c ``nd_pfn_init``); Linux 6.1 creates
        one of size 0
    :param missing_dax_device_fails: whether daxctl fails when it finds no device to act on
    :param create_device_ignores_argument: whether ``daxctl create-device`` takes an argument and
        the options of ``reconfigure-device``
    :param lacks: attributes that listings show and this kernel does not have: ``numa_node``,
        ``target_node`` (before Linux 5.1), ``region.align`` (before 5.7), ``device.align`` (before
        5.10), ``max_available_extent`` (before 4.19), ``mapping.position`` (before 4.14);
        and ``short_reals``, which json-c prints since 0.13
    :param old_name_hash: whether sysfs sorts names as before Linux 4.8
    :param procedures: the highest number of a procedure of libvirt's remote protocol

    Rules of libvirt's messages (recordings: golden/libvirt/calls-qemu.json,
    golden/libvirt/debian13/libvirt-11.3-calls-qemu.json):

    :param numbers_arguments: whether formats of messages number their arguments: ``%1$s``
    :param names_lines: whether errors of XML begin with the line instead of the document's name
    :param names_attributes: whether the error of an unknown value names element and attribute

    Rules of definitions and guests (recordings: golden/libvirt/nvdimm-definitions.json,
    libvirt-9.0-same-machine-*, and golden/libvirt/debian13/libvirt-11.3-*):

    :param names_blockers: whether domain capabilities name the features that a CPU model lacks
    :param hides_deprecated: whether domain capabilities can leave deprecated features out
    :param has_external_snapshots: whether capabilities announce external snapshots
    :param shows_second_level_caches: whether capabilities list the caches of cores
    :param has_clusters: whether a CPU topology has clusters
    :param shows_chipset_watchdog: whether a Q35 guest has its chipset's watchdog as a device
    :param needs_no_slots: whether a guest can have a maximum of memory without slots
    :param adds_numa: whether a guest with memory devices and without NUMA cells gets one
    :param adds_iommu: whether a guest with more than 255 vCPUs gets interrupt remapping
    :param refuses_overlaps: whether memory devices whose addresses overlap are refused
    :param topology_sets_features: whether QEMU shows CPU features that follow from several cores
    :param keeps_cpu_fallback: whether migratable XML keeps the fallback and the mode of a CPU
    :param starts_virtio_pmem: whether a guest with virtio-pmem starts
    :param shows_virtio_addresses: whether virtio memory devices show their address in memory
    :param names_closed_monitor: whether the error of a monitor that QEMU closes names the guest
    :param refuses_loader_attributes: whether automatic selection of firmware excludes path, type,
        secure='no' and other attributes of the loader (libvirt before 9.2)
    :param modern_images: whether qcow2 volumes have the third version of the format unless a client
        asks for the second (recordings: golden/libvirt/storage.json,
        golden/libvirt/debian13/libvirt-11.3-storage.json)
    :param opens_networks: whether a network of the mode ``open`` needs no address, and errors of
        networks name that mode; whether a DNS host is checked for names first (recordings:
        golden/libvirt/networks.json, golden/libvirt/debian13/libvirt-11.3-networks.json)
    :param names_small_backend: whether QEMU's error of a file that is too small names the backend
    """

    name: str
    tables_of: str
    kernel: str
    ndctl: str
    daxio: str
    libvirt: int
    qemu: int

    onlines_memory: bool = False
    refuses_empty_dax: bool = False
    missing_dax_device_fails: bool = True
    create_device_ignores_argument: bool = True
    lacks: frozenset[str] = frozenset()
    old_name_hash: bool = False

    procedures: int = 443

    numbers_arguments: bool = False
    names_lines: bool = False
    names_attributes: bool = False

    names_blockers: bool = False
    hides_deprecated: bool = False
    has_external_snapshots: bool = False
    shows_second_level_caches: bool = False
    has_clusters: bool = False
    shows_chipset_watchdog: bool = False
    needs_no_slots: bool = False
    adds_numa: bool = False
    adds_iommu: bool = False
    refuses_overlaps: bool = False
    topology_sets_features: bool = False
    keeps_cpu_fallback: bool = False
    starts_virtio_pmem: bool = False
    shows_virtio_addresses: bool = False
    names_closed_monitor: bool = False
    refuses_loader_attributes: bool = True
    names_small_backend: bool = False
    modern_images: bool = False
    opens_networks: bool = False

    @property
    def title(self) -> str:
        """The versions, as one line."""
        libvirt, qemu = (f'{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}'
                         for number in (self.libvirt, self.qemu))
        return (f'Linux {self.kernel}, ndctl {self.ndctl}, daxio {self.daxio}, libvirt {libvirt}, '
                f'QEMU {qemu}')

    @property
    def ndctl_major(self) -> int:
        """The first number of ndctl's version, on which the fields of listings depend."""
        return int(self.ndctl.split('.')[0])

    def has(self, attribute: str) -> bool:
        """Whether the kernel has an attribute that listings show."""
        return attribute not in self.lacks

    @property
    def tables(self) -> Tables:
        """Machine types, CPU models and devices."""
        return _tables(self.tables_of)

    def with_versions(self, *, libvirt: int | None = None, qemu: int | None = None) -> Self:
        """Return this release with other version numbers and the same behavior."""
        return dataclasses.replace(
            self, libvirt=self.libvirt if libvirt is None else libvirt,
            qemu=self.qemu if qemu is None else qemu)


@functools.cache
def _tables(name: str) -> Tables:
    return Tables(name)
