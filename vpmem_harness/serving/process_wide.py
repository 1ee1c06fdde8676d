"""What a process makes once and keeps until it ends, so that no test has left it behind.

Whoever makes it notes it here, and takes it out again at its end.
"""

from __future__ import annotations

#: The ids of child processes.
children: set[int] = set()

#: The numbers of descriptors.
descriptors: set[int] = set()
