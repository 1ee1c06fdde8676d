"""Series of Nova that the harness was tested with, and the installed one.

This module does not import Nova.
"""

from __future__ import annotations

import importlib.metadata

from vpmem_harness.exceptions import InvalidInputError

#: The tested version of each series. A series is named by the first two numbers of its versions.
TESTED = {'33.0': '33.0.2', '34.0': '34.0.0'}


def installed() -> str | None:
    """Return the version of the installed Nova; None without one."""
    try:
        return importlib.metadata.version('nova')
    except importlib.metadata.PackageNotFoundError:
        return None


def of(version: str) -> str:
    """Return the series of a version: 34.0 for 34.0.1."""
    return '.'.join(version.split('.')[:2])


def note(version: str | None) -> str | None:
    """Return a sentence on a Nova whose series was not tested; None for a tested series.

    A newer series and a development version, as of a checkout, usually work.
    """
    if version is None or of(version) in TESTED:
        return None
    return f'nova {version} is of an untested series; tested were {" and ".join(TESTED.values())}'


def check() -> None:
    """Check that a supported Nova is installed.

    Source of the minimum: Nova 33 is the first series whose nova-compute runs on native threads.

    :raises InvalidInputError: if there is none, or an older one.
    """
    oldest = min(int(series.partition('.')[0]) for series in TESTED)
    version = installed()
    if version is None or int(version.partition('.')[0]) < oldest:
        raise InvalidInputError(
            'backend', expected=f'nova {oldest} or later to be installed', got=version or 'none',
            remedy="install vpmem-harness[nova], or use the backend 'stub'")
