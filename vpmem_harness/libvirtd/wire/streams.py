"""Streams of one session: the data that follow a call, in either direction.

Source: libvirt 9.0.0, src/remote/remote_daemon_stream.c, src/rpc/virnetserverprogram.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.stream import Stream
from vpmem_harness.libvirtd.wire import frames

#: What identifies a stream: program, procedure and serial of its call.
Key = tuple[int, int, int]


class Streams:
    """The open streams of a session.

    :param send: sends a message: key, message type, status and payload.
    """

    def __init__(self, send: Callable[[Key, int, int, bytes], None]) -> None:
        self._send = send
        self._open: dict[Key, Stream] = {}
        #: The streams that still have something to send.
        self.sending: set[Key] = set()

    def open(self, key: Key, stream: Stream) -> None:
        """Open the stream of a call that has been answered."""
        self._open[key] = stream
        if stream.sends:
            self.sending.add(key)

    def receive(self, key: Key, kind: int, status: int, payload: bytes) -> bool:
        """Process a message of a client; return whether it belongs to an open stream.

        :raises frames.FrameError: the session must end.
        """
        stream = self._open.get(key)
        if stream is None:
            return False
        try:
            if kind == frames.STREAM_HOLE:
                self._skip(stream, payload)
            elif status == frames.CONTINUE:
                stream.write(payload)
            elif status == frames.OK:
                self._forget(key)
                stream.finish()
                self._send(key, frames.STREAM, frames.OK, b'')
            else:
                self._forget(key)
                stream.abort()
                if status != frames.ERROR:
                    raise LibvirtError(
                        libvirt.VIR_ERR_RPC, f'stream aborted with unexpected status {status}',
                        domain=libvirt.VIR_FROM_STREAMS)
                self._send(key, frames.STREAM, frames.OK, b'')
        except LibvirtError as error:
            self._fail(key, error)
        return True

    @staticmethod
    def _skip(stream: Stream, payload: bytes) -> None:
        if not stream.sparse:
            raise frames.FrameError('a client sent a hole in a stream that is not sparse')
        try:
            length, _ = frames.HOLE.unpack_from(payload)
        except struct.error:
            raise frames.FrameError('a message with a hole is too short') from None
        stream.skip(length)

    def pump(self) -> None:
        """Send the next message of each stream that has more to send."""
        for key in list(self.sending):
            try:
                piece = self._open[key].read(frames.STREAM_DATA_MAX)
            except LibvirtError as error:
                self._fail(key, error)
                continue
            if isinstance(piece, int):
                self._send(key, frames.STREAM_HOLE, frames.CONTINUE, frames.HOLE.pack(piece, 0))
                continue
            # Data without a byte are the end.
            self._send(key, frames.STREAM, frames.CONTINUE, piece)
            if not piece:
                self.sending.discard(key)

    def end(self, key: Key, error: LibvirtError | None) -> None:
        """End a stream that the client has not closed: with an error, or like a file."""
        if key not in self._open:
            return
        if error is None:
            self._send(key, frames.STREAM, frames.CONTINUE, b'')
        else:
            self._fail(key, error)

    def abort(self) -> None:
        """Abort every stream: the client is gone."""
        for stream in self._open.values():
            stream.abort()
        self._open.clear()
        self.sending.clear()

    def _fail(self, key: Key, error: LibvirtError) -> None:
        stream = self._open.get(key)
        self._forget(key)
        if stream is not None:
            stream.abort()
        self._send(key, frames.STREAM, frames.ERROR, frames.encode_error(error))

    def _forget(self, key: Key) -> None:
        self._open.pop(key, None)
        self.sending.discard(key)
