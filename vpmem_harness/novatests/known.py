"""Nova's tests that depend on Nova's fake, each with the evidence in one line.

Source: the tests of nova 34.0.0. A key is the id of a test without ``nova.tests.functional.``, or
the beginning of several ids, up to a dot.
"""

from __future__ import annotations

PREFIX = 'nova.tests.functional.'

#: The reason for each test.
KNOWN: dict[str, str] = {
}


def reason(test: str) -> str | None:
    """Return why a test depends on the fake; None if it does not."""
    name = test.removeprefix(PREFIX)
    while name:
        if name in KNOWN:
            return KNOWN[name]
        name = name.rpartition('.')[0]
    return None
