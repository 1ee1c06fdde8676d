"""The connection of a host that its users share."""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.server import Daemon


class OwnConnection:
    """A read-write connection to a host's daemon, opened when it is first needed."""

    def __init__(self) -> None:
        self._connection: libvirt.virConnect | None = None
        self._opened_after = 0

    def open(self, daemon: Daemon) -> libvirt.virConnect:
        """Return the connection; it is opened again after the daemon has closed it."""
        if self._connection is not None and daemon.running and not (
                self._connection.isAlive() and self._opened_after == daemon.cut_offs):
            self.close()
        if self._connection is None:
            self._opened_after = daemon.cut_offs
            self._connection = libvirt.open(daemon.uri)
        return self._connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
