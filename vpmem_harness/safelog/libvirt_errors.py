"""Sends the errors of libvirt's client library to the log instead of standard error.

By default the library prints each error, including names and UUIDs, and no handler sees it.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

LOG = logging.getLogger(__name__)


def register() -> None:
    """Handle libvirt's errors, if this process has imported libvirt."""
    libvirt = sys.modules.get('libvirt')
    if libvirt is not None:
        libvirt.registerErrorHandler(_log, None)


def unregister() -> None:
    """Let libvirt print its errors again."""
    libvirt = sys.modules.get('libvirt')
    if libvirt is not None:
        libvirt.registerErrorHandler(None, None)


def _log(context: None, error: Any) -> None:
    # (code, domain, message, level, str1, str2, str3, int1, int2): libvirt-override.c.
    LOG.debug('libvirt: %s', error[2])
