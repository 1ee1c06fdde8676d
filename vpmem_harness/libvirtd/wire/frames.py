"""Frames: a length, a header, a payload; and the error that a reply may carry.

Source: src/rpc/virnetprotocol.x and virnetmessage.c of libvirt 9.0.0.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from vpmem_harness.libvirtd.wire import shapes, xdr
from vpmem_harness.libvirtd.wire.procedures import named_shapes

#: The most that a frame may count after its length word.
MESSAGE_MAX: Final = 33554432
#: The most that a payload may count.
PAYLOAD_MAX: Final = 33554408
LENGTH_SIZE: Final = 4
#: Length, program, version, procedure, type, serial, status.
HEADER: Final = struct.Struct('>IIIiIII')
LENGTH: Final = struct.Struct('>I')
#: The most descriptors that a client may send along.
DESCRIPTORS_MAX: Final = 32

CALL: Final = 0
REPLY: Final = 1
MESSAGE: Final = 2
STREAM: Final = 3
CALL_WITH_FDS: Final = 4

_KIND_BYTE: Final = 19     # the lowest of the type in the header

OK: Final = 0
ERROR: Final = 1


class FrameError(Exception):
    """Bytes after which the stream cannot be followed any more: it ends the session."""


_ERROR_SHAPE: Final = (
    'code:int domain:int message:string? level:int dom:domain? '
    'str1:string? str2:string? str3:string? int1:int int2:int net:network?')


def error_codec() -> xdr.Codec:
    """The codec of libvirt's error object."""
    return xdr.compile_type(shapes.read_fields(_ERROR_SHAPE, named_shapes()))


def encode_error(error: Any) -> bytes:
    """Encodes an error with the attributes of ``libvirtd.errors.LibvirtError``.

    Texts that are longer than a string may be are cut.
    """
    message, *details = map(_cut, (error.message, error.str1, error.str2, error.str3))
    return error_codec().encode((error.code, error.domain, message, error.level, None,
                                 *details, error.int1, error.int2, None))


def _cut(text: str | None) -> str | None:
    """The text, or as much of it as fits into a string on the wire."""
    if text is None or 4 * len(text) <= xdr.STRING_MAX:     # whatever the characters
        return text
    return text.encode('utf-8', 'surrogateescape')[:xdr.STRING_MAX].decode('utf-8', 'ignore')


def frame(program: int, procedure: int, kind: int, serial: int, status: int,
          payload: bytes = b'', version: int = 1) -> bytes:
    """One whole frame; raises ``XDRError`` where the payload is too long for any."""
    if len(payload) > PAYLOAD_MAX:
        raise xdr.XDRError(f'{len(payload)} bytes of payload where {PAYLOAD_MAX} are the limit')
    return HEADER.pack(HEADER.size + len(payload), program, version, procedure, kind, serial,
                       status) + payload


class Splitter:
    """Cuts a stream of bytes into frames."""

    __slots__ = ('_rest', '_skip', 'missing')

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skip = 0      # bytes that carry descriptors behind a frame
        #: How many bytes the frame that has begun still wants; 0 where that is not known.
        self.missing = 0

    @property
    def within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._rest or self._skip)

    def feed(self, data: bytes) -> list[bytes]:
        """Returns the frames that are whole now; raises ``FrameError`` for an absurd length."""
        rest = self._rest
        if not rest and not self._skip and len(data) > LENGTH_SIZE and (
                check_length(data, 0) == len(data) and data[_KIND_BYTE] != CALL_WITH_FDS):
            return [data]       # as it nearly always is
        if self._skip:
            data, self._skip = data[self._skip:], max(0, self._skip - len(data))
        if rest:
            rest += data
            if len(rest) < LENGTH_SIZE:
                return []
            self.missing = max(0, check_length(rest, 0) - len(rest))
            if self.missing:
                return []
            data = bytes(rest)
            rest.clear()
        frames = []
        at, end = 0, len(data)
        while end - at >= LENGTH_SIZE:
            stop = at + check_length(data, at)
            if stop > end:
                self.missing = stop - end
                break
            frame = data[at:stop] if at or stop < end else data
            frames.append(frame)
            at = stop
            if frame[_KIND_BYTE] == CALL_WITH_FDS:
                at += descriptors(frame)
                self._skip = max(0, at - end)
        if at < end:
            rest += data[at:]
        return frames


def descriptors(whole: bytes) -> int:
    """Reads how many descriptors follow a frame, each with one byte of its own."""
    if len(whole) < HEADER.size + LENGTH_SIZE:
        raise FrameError('the number of descriptors is missing')
    count = int(LENGTH.unpack_from(whole, HEADER.size)[0])
    if count > DESCRIPTORS_MAX:
        raise FrameError(f'{count} descriptors where {DESCRIPTORS_MAX} are the limit')
    return count


def check_length(data: bytes | bytearray, at: int) -> int:
    """Reads a frame's length; raises ``FrameError`` unless it holds a header and is in bounds."""
    length = int(LENGTH.unpack_from(data, at)[0])
    if length < HEADER.size:
        raise FrameError(f'a frame of {length} bytes has no room for its header')
    if length > MESSAGE_MAX + LENGTH_SIZE:
        raise FrameError(f'a frame of {length} bytes where {MESSAGE_MAX + LENGTH_SIZE} are '
                         'the limit')
    return length
