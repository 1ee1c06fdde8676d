"""Persistent memory: regions, namespaces, sizes, and ndctl, daxctl and daxio."""

from __future__ import annotations

from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.errors import KernelError, NdctlError
from vpmem_harness.pmem.kernel.health import Firmware, Health
from vpmem_harness.pmem.kernel.media import Contents, Segment
from vpmem_harness.pmem.kernel.namespaces import Namespace
from vpmem_harness.pmem.machine import PersistentMemory
from vpmem_harness.releases import DEBIAN_12, DEBIAN_13, Release

__all__ = ['DEBIAN_12', 'DEBIAN_13', 'CommandResult', 'Contents', 'DimmSpec', 'Firmware', 'Health',
           'KernelError', 'Namespace', 'NdctlError', 'PersistentMemory', 'Release', 'Segment']
