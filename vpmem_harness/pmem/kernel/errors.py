"""What goes wrong in the kernel or in a tool, with the number that Linux has for it."""

from __future__ import annotations

import os


class KernelError(Exception):
    """The kernel refused; ``errno`` says why."""

    def __init__(self, errno: int) -> None:
        super().__init__(os.strerror(errno))
        self.errno = errno


class NdctlError(Exception):
    """ndctl refused: ``errno`` is the error its exit status stands for, ``message`` its words."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.message = message
