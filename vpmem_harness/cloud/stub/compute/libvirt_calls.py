"""Calls of libvirt-python that raise the error of the call itself.

libvirt keeps the last error of each thread, and libvirt-python reads it only after the C function
has returned. If Python's garbage collector runs in between and frees another domain or connection,
libvirt resets or replaces the error. The exception then has no code, or the code of another error.
libvirt also reports each error of a call to the error handler, before the call returns. This module
keeps that report.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import libvirt
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: The error that libvirt has reported last in each thread.
_reported = threading.local()


def report(_context: object, error: tuple[Any, ...]) -> None:
    """Keep and log an error of libvirt instead of printing it; callers get it as an exception."""
    _reported.error = error
    LOG.debug('libvirt: %s', error[2])


class LibvirtObject:
    """A connection or a domain whose methods raise the error that libvirt reports for them.

    It needs :func:`report` as libvirt's error handler; otherwise errors stay as they are.

    :param check: called before each call; an error prevents the call.
    """

    __slots__ = ('_check', '_object')

    def __init__(self, one: Any, check: Callable[[], None] = lambda: None) -> None:
        self._object = one
        self._check = check

    def close(self) -> None:
        """Close the connection, which is always possible."""
        self._object.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._object, name)

        def call(*args: Any) -> Any:
            self._check()
            _reported.error = None
            try:
                result = method(*args)
            except libvirt.libvirtError as error:
                _correct(error)
                raise
            if isinstance(result, libvirt.virDomain):
                return LibvirtObject(result, self._check)
            return result
        return call


def _correct(error: libvirt.libvirtError) -> None:
    reported = _reported.error
    if reported is not None and reported != error.err:
        error.err = reported
        error.args = (reported[2],)
