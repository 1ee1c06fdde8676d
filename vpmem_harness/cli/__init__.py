"""The command ``vpmem-harness``."""

from __future__ import annotations

TYPE_CHECKING = False       # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Without ``argv`` it uses the arguments of the process. The process then belongs to the command,
    and signals that end the command stay handled until the process ends.
    """
    # This comes first: before it runs, a signal ends the process in Python's default way.
    from vpmem_harness.cli import signals

    def command() -> int:
        from vpmem_harness.cli import app

        return app.main(argv)

    return signals.run_to_end(command, whole_process=argv is None)
