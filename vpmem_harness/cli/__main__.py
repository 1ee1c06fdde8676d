"""``python -m vpmem_harness.cli``: the command, if it is not on PATH."""

from __future__ import annotations

import sys

from vpmem_harness.cli import main

sys.exit(main())
