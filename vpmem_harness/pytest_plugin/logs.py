"""pytest's own capture of the log beside the fixture that captures all of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def as_before() -> Iterator[None]:
    """Keep pytest's handlers at the level of the root logger, while a fixture lowers that level.

    Otherwise "Captured log" would show every debug message a second time.
    """
    level = logging.getLogger().level
    handlers = [one for one in logging.getLogger().handlers if one.level == logging.NOTSET]
    for handler in handlers:
        handler.setLevel(level)
    try:
        yield
    finally:
        for handler in handlers:
            if handler.level == level:
                handler.setLevel(logging.NOTSET)
