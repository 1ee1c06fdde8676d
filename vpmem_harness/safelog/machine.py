"""The machine on which a run takes place, as far as its logs could give it away."""

from __future__ import annotations

import dataclasses
import getpass
import os
import socket


@dataclasses.dataclass(frozen=True)
class Machine:
    """What identifies the machine and who uses it; empty where it is not known.

    :param host: its host name, with or without a domain.
    :param user: the login name of who runs the program.
    :param home: that user's home directory.
    """

    host: str = ''
    user: str = ''
    home: str = ''

    @classmethod
    def here(cls) -> Machine:
        """This machine."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = ''
        return cls(socket.gethostname(), user, os.path.expanduser('~'))
