"""What an interrupted process may have left: the last pass over it, when all else is done."""

from __future__ import annotations

import contextlib
import os
import sys


class Leftovers:
    """The process's children and directories; made before the process has any of its own.

    Children that are there already were started by the program that this one replaced.
    """

    def __init__(self) -> None:
        self._others: set[int] = set()
        with contextlib.suppress(OSError):
            for thread in os.listdir('/proc/self/task'):
                with open(f'/proc/self/task/{thread}/children') as file:
                    self._others.update(map(int, file.read().split()))

    def remove(self) -> None:
        """Write out the output that is buffered, end the children, remove the directories."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        # What has not been imported has not acquired anything.
        if 'vpmem_harness.host.processes' in sys.modules:
            from vpmem_harness.host import processes

            processes.end_descendants(self._others)
        if 'vpmem_harness.host.directories' in sys.modules:
            from vpmem_harness.host import directories

            directories.remove_own()
