"""daxctl."""

from __future__ import annotations

from vpmem_harness.pmem.commands.daxctl.program import PROGRAM, run

__all__ = ['PROGRAM', 'run']
