"""Process-wide resources that leak checks ignore.

Code that creates such a resource adds it here, and removes it when it ends.
"""

from __future__ import annotations

#: Process ids of children.
children: set[int] = set()

#: File descriptor numbers.
descriptors: set[int] = set()
