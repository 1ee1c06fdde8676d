"""What libvirt's client library says of errors goes to the log instead of standard error.

On its own it prints each error, names and UUIDs included, past every handler.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

LOG = logging.getLogger(__name__)


def register() -> None:
    """Take libvirt's errors, if anybody in this process has loaded it."""
    libvirt = sys.modules.get('libvirt')
    if libvirt is not None:
        libvirt.registerErrorHandler(_log, None)


def unregister() -> None:
    """Leave libvirt to print its errors again."""
    libvirt = sys.modules.get('libvirt')
    if libvirt is not None:
        libvirt.registerErrorHandler(None, None)


def _log(context: None, error: Any) -> None:
    # (code, domain, message, level, str1, str2, str3, int1, int2): libvirt-override.c.
    LOG.debug('libvirt: %s', error[2])
