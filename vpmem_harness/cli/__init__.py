"""The command ``vpmem-harness``."""

from __future__ import annotations

TYPE_CHECKING = False       # without typing, which takes a while to import
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments and return its exit status.

    Without arguments it takes those of the process, which then is the command's: signals that end
    the command stay handled until the process ends.
    """
    # First, and alone: until it runs, a signal ends the process in Python's own ways.
    from vpmem_harness.cli import signals

    def command() -> int:
        from vpmem_harness.cli import app

        return app.main(argv)

    return signals.run_to_end(command, whole_process=argv is None)
