"""Releases of hosts: their versions, and the differences in their behavior.

A release is one generation of a distribution: kernel, ndctl, PMDK, libvirt and QEMU together.
Recordings confirm the behavior of :data:`DEBIAN_12` and :data:`DEBIAN_13`.
"""

from vpmem_harness.releases.known import DEBIAN_12, DEBIAN_13, RELEASES
from vpmem_harness.releases.release import Release
from vpmem_harness.releases.selection import DEFAULT, choose, nearest

__all__ = ['DEBIAN_12', 'DEBIAN_13', 'DEFAULT', 'RELEASES', 'Release', 'choose', 'nearest']
