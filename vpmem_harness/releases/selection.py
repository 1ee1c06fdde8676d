"""Choice of a release: by name, by default, and by versions."""

from __future__ import annotations

from typing import Final

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.releases.known import RELEASES
from vpmem_harness.releases.release import Release

#: The minimum versions of libvirt and QEMU of the supported Nova.
#: Source: nova/virt/libvirt/driver.py, MIN_LIBVIRT_VERSION and MIN_QEMU_VERSION.
NOVA_MINIMUM: Final = (8_000_000, 6_002_000)


def oldest(libvirt: int, qemu: int) -> Release:
    """Return the oldest release with at least these versions, or the newest of all."""
    *_, newest = RELEASES.values()
    return next((release for release in RELEASES.values()
                 if release.libvirt >= libvirt and release.qemu >= qemu), newest)


#: The default release of a host: the oldest one that Nova accepts.
DEFAULT: Final = oldest(*NOVA_MINIMUM)


def choose(release: str | Release | None) -> Release:
    """Return a release by its name, the default for None; raises InvalidInputError."""
    if release is None:
        return DEFAULT
    if isinstance(release, Release):
        return release
    if release not in RELEASES:
        raise InvalidInputError('release', expected=' or '.join(RELEASES), got=repr(release),
                                remedy=f'leave it out for {DEFAULT.name}')
    return RELEASES[release]


def nearest(libvirt: int | None = None, qemu: int | None = None) -> Release:
    """Return the newest release whose versions are not above these, with these version numbers.

    A version is a number, as in :class:`Release`. If no release has it, the host reports that
    number, and behaves like the nearest older release (the oldest one if there is none).
    """
    older = [release for release in RELEASES.values()
             if (libvirt is None or release.libvirt <= libvirt)
             and (qemu is None or release.qemu <= qemu)]
    if libvirt is None and qemu is None:
        return DEFAULT
    release = older[-1] if older else next(iter(RELEASES.values()))
    return release.with_versions(libvirt=libvirt, qemu=qemu)
