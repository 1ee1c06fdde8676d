"""Run the command with ``python -m vpmem_harness``, if it is not on PATH."""

from __future__ import annotations

import runpy

runpy.run_module('vpmem_harness.cli', run_name='__main__')
