"""A client of a fleet's control socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from vpmem_harness.fleet import protocol
from vpmem_harness.fleet.places import Location, NoFleetError, locate
from vpmem_harness.fleet.snapshot import (
    CallState,
    FleetState,
    calls_from_json,
    fleet_from_json,
)
from vpmem_harness.serving.listener import is_own


class FleetClient:
    """A connection to a running fleet; use it as a context manager.

    :raises NoFleetError: when the fleet does not answer, or belongs to somebody else.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(location.socket))
        except PermissionError as error:
            self._socket.close()
            raise NoFleetError(f'the {location} belongs to another user') from error
        except OSError as error:
            self._socket.close()
            raise NoFleetError(
                f'the {location} does not answer: it is starting, or has just ended') from error
        if not is_own(self._socket):
            self._socket.close()
            raise NoFleetError(f'the {location} belongs to another user')
        self._answers = protocol.lines(self._socket)

    def __enter__(self) -> FleetClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._answers.close()
        self._socket.close()

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the fleet and return its result.

        :raises HarnessError: the fleet's error.
        """
        try:
            self._socket.sendall(protocol.encode({'method': method, 'arguments': arguments}))
            answer = next(self._answers, None)
        except OSError:
            answer = None
        if answer is None:
            raise NoFleetError(f'the {self.location} has ended')
        if 'error' in answer:
            raise protocol.decode_error(answer['error'])
        return answer.get('result')

    def state(self) -> FleetState:
        """The state of the fleet."""
        return fleet_from_json(self.call('state'))

    def calls_after(self, seen: Mapping[str, int], limit: int) -> list[CallState]:
        """The latest calls to the hosts: see ``Fleet.calls_after``."""
        return calls_from_json(self.call('calls', seen=dict(seen), limit=limit))


def connect(name: str | None = None, runtime_dir: str | None = None,
            environ: Mapping[str, str] | None = None) -> FleetClient:
    """Connect to the fleet that a user means: see :func:`vpmem_harness.fleet.places.locate`."""
    return FleetClient(locate(name, runtime_dir, os.environ if environ is None else environ))
