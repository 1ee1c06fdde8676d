"""The client's end of a session as a state machine without I/O: calls in, bytes out, and back.

The owner writes the bytes that ``call`` returns, passes received bytes to ``receive``, and writes
``take_output``. Replies may come in any order; events and streams of the server are dropped.

Source: src/rpc/virnetclient.c and virnetclientprogram.c of libvirt 9.0.0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.wire import frames, keepalive, table, xdr
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, Procedure


class Answer(NamedTuple):
    """The reply to a call: what the call returns, or the error that it raises."""

    serial: int
    value: Any
    error: LibvirtError | None


class ClientSession:
    """The session of one client. Times are in seconds on the owner's clock."""

    def __init__(self, *, keepalive_interval: float = 5, keepalive_count: int = 5) -> None:
        self.keepalive = keepalive.KeepAlive(keepalive_interval, keepalive_count)
        self._splitter = frames.Splitter()
        self._serials = itertools.count(1)
        self._running: dict[int, Procedure] = {}
        self._output = bytearray()

    def call(self, name: str, arguments: tuple[Any, ...]) -> int:
        """Add a call to the output, and return its serial; raises ``XDRError``."""
        procedure = BY_NAME[name]
        payload = procedure.codec.encode(arguments) if arguments else b''
        serial = next(self._serials)
        self._output += frames.frame(
            procedure.program, procedure.number, frames.CALL, serial, frames.OK, payload)
        self._running[serial] = procedure
        return serial

    def receive(self, data: bytes, now: float = 0.0) -> Iterator[Answer]:
        """Process received bytes; raises ``FrameError`` if they are malformed."""
        self.keepalive.heard = now
        for frame in self._splitter.feed(data):
            answer = self._route(frame)
            if answer is not None:
                yield answer

    def tick(self, now: float) -> bool:
        """Send a ping if one is due; returns False if the server is considered dead."""
        verdict = self.keepalive.tick(now)
        if verdict is keepalive.Verdict.ASK:
            self._output += keepalive.PING_FRAME
        return verdict is not keepalive.Verdict.DEAD

    def take_output(self) -> bytes:
        """Return the bytes to write, and remove them from the buffer."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def _route(self, frame: bytes) -> Answer | None:
        _, program, _, number, kind, serial, status = frames.HEADER.unpack_from(frame)
        if program == table.KEEPALIVE_PROGRAM:
            if number == keepalive.PING:
                self._output += keepalive.PONG_FRAME
            return None
        procedure = self._running.get(serial)
        if kind != frames.REPLY or procedure is None or number != procedure.number:
            return None
        del self._running[serial]
        payload = frame[frames.HEADER.size:]
        try:
            if status == frames.ERROR:
                return Answer(serial, None, frames.decode_error(payload))
            if not procedure.result_count:
                return Answer(serial, None, None)
            values = procedure.results_codec.decode(payload)
        except xdr.XDRError:
            return Answer(serial, None, LibvirtError(
                libvirt.VIR_ERR_RPC, 'Unable to decode message payload',
                domain=libvirt.VIR_FROM_RPC))
        return Answer(serial, values[0] if procedure.result_count == 1 else values, None)
