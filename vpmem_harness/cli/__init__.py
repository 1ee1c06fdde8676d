"""The command ``vpmem-harness``."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with these arguments (those of the process unless given): exit status."""
    from vpmem_harness.cli import app
    return app.main(argv)
