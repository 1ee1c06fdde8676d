"""Known defects of Nova in the treatment of persistent memory, each with a scenario.

A scenario runs on real Nova, and decides from the events on the hosts whether this Nova has the
defect. It does not depend on version numbers.
"""

from __future__ import annotations

from vpmem_harness.findings.catalogue import FINDINGS
from vpmem_harness.findings.finding import Finding, Outcome, run

__all__ = ['FINDINGS', 'Finding', 'Outcome', 'run']
