"""Errors of the kernel and of ndctl, with their errno."""

from __future__ import annotations

import os


class KernelError(Exception):
    """An operation that the kernel refuses with ``errno``."""

    def __init__(self, errno: int) -> None:
        super().__init__(os.strerror(errno))
        self.errno = errno


class NdctlError(Exception):
    """An ndctl command that failed: the ``errno`` of its exit status, and its message."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.message = message
