"""Frames of the RPC protocol: length, header and payload; and the error of a reply.

Source: src/rpc/virnetprotocol.x and virnetmessage.c of libvirt 9.0.0.
"""

from __future__ import annotations

import functools
import struct
from typing import Any, Final

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.wire import shapes, xdr
from vpmem_harness.libvirtd.wire.procedures import named_shapes
from vpmem_harness.plurals import counted

#: Maximum bytes of a frame, without its length word.
MESSAGE_MAX: Final = 33554432
#: Maximum bytes of a payload.
PAYLOAD_MAX: Final = 33554408
LENGTH_SIZE: Final = 4
#: Length, program, version, procedure, type, serial, status.
HEADER: Final = struct.Struct('>IIIiIII')
LENGTH: Final = struct.Struct('>I')
#: Maximum number of file descriptors in one message.
DESCRIPTORS_MAX: Final = 32

CALL: Final = 0
REPLY: Final = 1
MESSAGE: Final = 2
STREAM: Final = 3
CALL_WITH_FDS: Final = 4
STREAM_HOLE: Final = 6

_LENGTH_AND_KIND: Final = struct.Struct('>I12xi')
_KIND: Final = slice(16, 20)     # place of the message type in a frame
_CALL_WITH_FDS: Final = LENGTH.pack(CALL_WITH_FDS)

OK: Final = 0
ERROR: Final = 1
CONTINUE: Final = 2

#: Maximum bytes of data in one message of a stream.
#: Source: VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX in src/rpc/virnetprotocol.x.
STREAM_DATA_MAX: Final = 262120
#: A hole in a stream: its length and flags.
HOLE: Final = struct.Struct('>qI')


class FrameError(Exception):
    """The stream is malformed and cannot be read any further; this ends the session."""


_ERROR_SHAPE: Final = (
    'code:int domain:int message:string? level:int dom:domain? '
    'str1:string? str2:string? str3:string? int1:int int2:int net:network?')


@functools.cache
def error_codec() -> xdr.Codec:
    """Return the codec of ``remote_error``."""
    return xdr.compile_type(shapes.read_fields(_ERROR_SHAPE, named_shapes()))


def encode_error(error: Any) -> bytes:
    """Encode an error that has the attributes of ``libvirtd.errors.LibvirtError``.

    Texts longer than ``REMOTE_STRING_MAX`` are truncated.
    """
    message, *details = map(_cut, (error.message, error.str1, error.str2, error.str3))
    return error_codec().encode((error.code, error.domain, message, error.level, None,
                                 *details, error.int1, error.int2, None))


def decode_error(payload: bytes) -> LibvirtError:
    """Return the error in the payload of a reply; raises ``XDRError``."""
    (code, domain, message, level, _, str1, str2, str3, int1, int2,
     _) = error_codec().decode(payload)
    error = LibvirtError(code, domain=domain, int1=int1, int2=int2)
    error.level, error.message = level, message or error.message
    error.str1, error.str2, error.str3 = str1, str2, str3
    error.args = (error.message,)
    return error


def _cut(text: str | None) -> str | None:
    """Truncate a text to ``REMOTE_STRING_MAX`` bytes."""
    if text is None or 4 * len(text) <= xdr.STRING_MAX:     # a character takes at most 4 bytes
        return text
    return text.encode('utf-8', 'surrogateescape')[:xdr.STRING_MAX].decode('utf-8', 'ignore')


def frame(program: int, procedure: int, kind: int, serial: int, status: int,
          payload: bytes = b'', version: int = 1) -> bytes:
    """Return one whole frame; raises ``XDRError`` if the payload is too long."""
    if len(payload) > PAYLOAD_MAX:
        raise xdr.XDRError(f'the payload has {len(payload)} bytes, the limit is {PAYLOAD_MAX}')
    return HEADER.pack(HEADER.size + len(payload), program, version, procedure, kind, serial,
                       status) + payload


class Splitter:
    """Splits a stream of bytes into frames."""

    __slots__ = ('_rest', '_skip', 'missing')

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skip = 0      # bytes behind a frame that carry its descriptors
        #: How many bytes the current frame still lacks; 0 if unknown.
        self.missing = 0

    @property
    def within(self) -> bool:
        """Whether a frame has been received in part."""
        return bool(self._rest or self._skip)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that are complete; raises ``FrameError`` for an invalid length."""
        rest = self._rest
        size = len(data)
        if size >= HEADER.size and not rest and not self._skip:
            length, kind = _LENGTH_AND_KIND.unpack_from(data)
            if length == size and kind != CALL_WITH_FDS:
                return [data]       # the usual case
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
            if frame[_KIND] == _CALL_WITH_FDS:
                at += descriptors(frame)
                self._skip = max(0, at - end)
        if at < end:
            rest += data[at:]
        return frames


def descriptors(whole: bytes) -> int:
    """Return how many descriptors follow a frame, each with one byte of data."""
    if len(whole) < HEADER.size + LENGTH_SIZE:
        raise FrameError('the frame ends before the number of descriptors')
    count = int(LENGTH.unpack_from(whole, HEADER.size)[0])
    if count > DESCRIPTORS_MAX:
        raise FrameError(
            f'the frame has {counted(count, "descriptor")}, the limit is {DESCRIPTORS_MAX}')
    return count


def check_length(data: bytes | bytearray, at: int) -> int:
    """Return a frame's length; raises ``FrameError`` if it is too short or too long."""
    length = int(LENGTH.unpack_from(data, at)[0])
    if length < HEADER.size:
        raise FrameError(f'a frame of {counted(length, "byte")} is too short for its header')
    if length > MESSAGE_MAX + LENGTH_SIZE:
        raise FrameError(f'a frame of {length} bytes where {MESSAGE_MAX + LENGTH_SIZE} are '
                         'the limit')
    return length
