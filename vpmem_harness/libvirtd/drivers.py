"""Drivers of libvirt, and the daemons that serve one each.

Source: libvirt 11.3.0, src/remote/remote_daemon.c, meson.build of each driver; the ``connectOpen``
of each driver for its URIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: The daemons of split mode, with their drivers. libvirtd serves all of them.
SPLIT_DAEMONS: Final[Mapping[str, str]] = {
    'virtqemud': 'qemu', 'virtnetworkd': 'network', 'virtstoraged': 'storage',
    'virtnodedevd': 'nodedev', 'virtsecretd': 'secret', 'virtnwfilterd': 'nwfilter',
    'virtinterfaced': 'interface'}

#: The drivers, by the scheme of their URIs.
DRIVERS: Final = tuple(SPLIT_DAEMONS.values())
