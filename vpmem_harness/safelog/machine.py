"""The names that identify the machine of a run."""

from __future__ import annotations

import dataclasses
import getpass
import os
import socket


@dataclasses.dataclass(frozen=True)
class Machine:
    """The names of a machine and its user; empty if unknown.

    :param host: its host name, with or without a domain.
    :param user: the login name of the user who runs the program.
    :param home: that user's home directory.
    """

    host: str = ''
    user: str = ''
    home: str = ''

    @classmethod
    def here(cls) -> Machine:
        """Return the names of this machine."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = ''
        return cls(socket.gethostname(), user, os.path.expanduser('~'))
