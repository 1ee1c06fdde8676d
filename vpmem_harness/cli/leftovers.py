"""Final cleanup of an interrupted process."""

from __future__ import annotations

import contextlib
import os
import sys


class Leftovers:
    """Child processes and directories that this process may leave behind.

    Create it at the start: existing children belong to the program that exec replaced.
    """

    def __init__(self) -> None:
        self._others: set[int] = set()
        with contextlib.suppress(OSError):
            for thread in os.listdir('/proc/self/task'):
                with open(f'/proc/self/task/{thread}/children') as file:
                    self._others.update(map(int, file.read().split()))

    def remove(self) -> None:
        """Flush the output, end the children and remove the directories."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        # Modules that were not imported have not acquired anything.
        if 'vpmem_harness.host.processes' in sys.modules:
            from vpmem_harness.host import processes

            processes.end_descendants(self._others)
        if 'vpmem_harness.host.directories' in sys.modules:
            from vpmem_harness.host import directories

            directories.remove_own()
            directories.sweep_again()
