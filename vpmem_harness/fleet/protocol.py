"""The messages on a fleet's control socket: one JSON object a line.

A request is ``{"method": ..., "arguments": {...}}``. The answer is ``{"result": ...}``, or
``{"error": {"message": ...}}``; the error of an invalid input has the fields of InvalidInputError.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Generator
from typing import Any

from vpmem_harness.exceptions import HarnessError, InvalidInputError

#: The longest message in bytes: the saved state of a large fleet, with room to spare.
LIMIT = 1 << 30

_INPUT = ('what', 'expected', 'got', 'remedy')


class FleetError(HarnessError):
    """A fleet refused a request or could not execute it."""


def no_cloud(name: str | None) -> FleetError:
    """Return the error of a request for servers in a fleet without a cloud."""
    which = 'this fleet' if name is None else f'fleet {name!r}'
    return FleetError(f'{which} has no compute service: start a fleet with --cloud')


class BadMessageError(HarnessError):
    """The other end of a control socket does not speak this protocol."""


def encode(message: dict[str, Any]) -> bytes:
    """Return a message as a line."""
    return json.dumps(message, separators=(',', ':')).encode() + b'\n'


def lines(connection: socket.socket) -> Generator[dict[str, Any], None, None]:
    """Yield the messages of the other end until it hangs up.

    :raises BadMessageError: for anything that is not a message.
    """
    with connection.makefile('rb') as stream:
        while line := stream.readline(LIMIT):
            if not line.endswith(b'\n'):
                raise BadMessageError('a message was cut off or is too long')
            try:
                message = json.loads(line)
            except ValueError as error:
                raise BadMessageError('a message is not JSON') from error
            if not isinstance(message, dict):
                raise BadMessageError('a message is not an object')
            yield message


def encode_error(error: Exception) -> dict[str, Any]:
    """Return an error as a part of an answer."""
    if isinstance(error, InvalidInputError):
        return {name: getattr(error, name) for name in _INPUT}
    return {'message': '\n'.join([str(error), *getattr(error, '__notes__', ())])}


def decode_error(error: dict[str, Any]) -> HarnessError:
    """Return the error of an answer."""
    if error.keys() >= set(_INPUT):
        return InvalidInputError(
            error['what'], expected=error['expected'], got=error['got'], remedy=error['remedy'])
    return FleetError(str(error.get('message', 'the fleet gave no reason')))
