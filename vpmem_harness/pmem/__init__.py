"""Persistent memory: regions, namespaces, sizes, and ndctl, daxctl and daxio."""

from __future__ import annotations

from vpmem_harness.pmem.dimms import DimmSpec
from vpmem_harness.pmem.errors import KernelError, NdctlError
from vpmem_harness.pmem.machine import PersistentMemory
from vpmem_harness.pmem.media import Contents, Segment
from vpmem_harness.pmem.namespaces import Namespace
from vpmem_harness.pmem.results import CommandResult

__all__ = ['CommandResult', 'Contents', 'DimmSpec', 'KernelError', 'Namespace', 'NdctlError',
           'PersistentMemory', 'Segment']
