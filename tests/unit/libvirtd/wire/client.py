"""Client side of the protocol, without I/O, for tests."""

from __future__ import annotations

from typing import Any, NamedTuple

from vpmem_harness.libvirtd.wire import frames, table
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, PROGRAMS


class Answer(NamedTuple):
    program: int
    number: int
    kind: int
    serial: int
    status: int
    payload: bytes

    @property
    def results(self) -> Any:
        return PROGRAMS[self.program][self.number].results_codec.decode(self.payload)

    @property
    def fields(self) -> Any:
        return PROGRAMS[self.program][self.number].codec.decode(self.payload)

    @property
    def error(self) -> dict[str, Any]:
        names = ('code', 'domain', 'message', 'level', 'dom', 'str1', 'str2', 'str3', 'int1',
                 'int2', 'net')
        return dict(zip(names, frames.error_codec().decode(self.payload), strict=True))


def call(name: str, *arguments: Any, serial: int = 1, kind: int = frames.CALL,
         status: int = frames.OK) -> bytes:
    """Return the frame of a call."""
    procedure = BY_NAME[name]
    return frames.frame(procedure.program, procedure.number, kind, serial, status,
                        procedure.codec.encode(arguments))


def keepalive(number: int) -> bytes:
    return frames.frame(table.KEEPALIVE_PROGRAM, number, frames.MESSAGE, 0, frames.OK)


def answers(data: bytes) -> list[Answer]:
    """Return the frames that the daemon has written."""
    return [Answer(*(frames.HEADER.unpack_from(frame)[index] for index in (1, 3, 4, 5, 6)),
                   frame[frames.HEADER.size:])
            for frame in frames.Splitter().feed(data)]
