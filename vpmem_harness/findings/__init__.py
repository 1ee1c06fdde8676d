"""Defects of a compute service in how it treats persistent memory, each as a short scenario.

A scenario runs on real Nova, and says from what happened on the hosts whether this Nova has the
defect: nothing is looked up by version.
"""

from __future__ import annotations

from vpmem_harness.findings.catalogue import FINDINGS
from vpmem_harness.findings.finding import Finding, Outcome, run

__all__ = ['FINDINGS', 'Finding', 'Outcome', 'run']
