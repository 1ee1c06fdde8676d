"""Rules that differ between releases of the kernel, ndctl and PMDK.

Each field is one difference, proven by recordings of both releases.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Release:
    """One generation of hosts; the defaults are Debian 12's (Linux 6.1).

    :param ndctl: the version of ndctl and daxctl
    :param daxio: the version of daxio, which is PMDK's
    :param onlines_memory: whether the kernel onlines memory that is added, so that daxctl refuses
        to switch a device to system RAM (kernel: CONFIG_MHP_DEFAULT_ONLINE_TYPE)
    :param refuses_empty_dax: whether the kernel refuses a devdax or fsdax namespace of which
        alignment leaves nothing (kernel: nvdimm/pfn_devs.c ``nd_pfn_init``); Linux 6.1 makes one
        of size 0
    :param missing_dax_device_fails: whether daxctl fails when it finds no device to act on
    :param create_device_ignores_argument: whether ``daxctl create-device`` takes an argument and
        the options of ``reconfigure-device``
    """

    ndctl: str = '76.1'
    daxio: str = '1.12.1'
    onlines_memory: bool = False
    refuses_empty_dax: bool = False
    missing_dax_device_fails: bool = True
    create_device_ignores_argument: bool = True


#: Linux 6.1, ndctl 76.1, daxio 1.12.1.
DEBIAN_12 = Release()
#: Linux 6.12, ndctl 81, daxio 1.13.1.
DEBIAN_13 = Release(
    ndctl='81', daxio='1.13.1', onlines_memory=True, refuses_empty_dax=True,
    missing_dax_device_fails=False, create_device_ignores_argument=False)
