"""Collections of cyclic garbage during the start of many hosts."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collections_paused() -> Iterator[None]:
    """Pause the collection of cyclic garbage, unless this process has disabled it already.

    The objects of hosts stay as long as the hosts, so that a collection during their start finds
    nothing. With 3,000 hosts it took a fifth of the CPU time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
