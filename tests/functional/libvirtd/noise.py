"""Malformed frames, drawn from a seed.

Most frames begin as a valid call of a procedure. The writer records the positions of
counts, booleans, types and padding, where the frame is then corrupted. Names, UUIDs and documents
are random, so that a frame that decodes refers to nothing that exists.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from vpmem_harness.libvirtd.wire import frames, primitives, shapes, table
from vpmem_harness.libvirtd.wire.procedures import PROGRAMS, Procedure
from vpmem_harness.randomness import Randomness

#: Boundary values of numbers.
ODD = (0, 1, 2, 3, 4, 5, 7, 8, 16, 27, 28, 255, 256, 4095, 65535, 65536, 1 << 20, (1 << 22) + 1,
       frames.MESSAGE_MAX, frames.MESSAGE_MAX + 5, (1 << 31) - 1, 1 << 31, (1 << 32) - 2,
       (1 << 32) - 1)
TEXTS = ('', '\0', 'x' * 300, '../' * 40, '%s%n', '\udcff\udcfe', '<', '<domain', '<domain/>',
         "<domain type='qemu'><name>&amp;&lol;</name></domain>", 'qemu:///system', '-1',
         '\U0001f4a9')

#: Procedures that are never called with valid arguments: they affect the client's own session or
#: the whole machine.
_LEFT_ALONE = frozenset({'connect_open', 'connect_close', 'node_suspend_for_duration'})


_NONSENSE = 'arguments that name nothing'
_SERIAL = 'a serial'


class Frame(NamedTuple):
    """Bytes to send at once.

    :param kind: the kind of error in the frame.
    :param data: the bytes.
    :param last: whether the stream ends or is out of step after the frame.
    """

    kind: str
    data: bytes
    last: bool = False

    @property
    def malformed(self) -> bool:
        """Whether the frame itself is malformed, not only its contents."""
        return self.kind not in (_NONSENSE, _SERIAL)


class Noise:
    """Generator of malformed frames."""

    def __init__(self, randomness: Randomness) -> None:
        self._random = randomness
        self._procedures = [procedure for procedures in PROGRAMS.values()
                            for procedure in procedures.values()
                            if procedure.shaped and procedure.callable
                            and procedure.method not in _LEFT_ALONE]
        self._kinds: dict[Callable[[], Frame], int] = {
            self._count: 20, self._boolean: 8, self._variant: 8, self._padding: 6,
            self._word: 12, self._bits: 10, self._cut: 10, self._more: 6, self._bytes: 6,
            self._program: 6, self._version: 3, self._procedure: 6, self._kind: 8,
            self._status: 4, self._serial: 2, self._descriptors: 4, self._keepalive: 3,
            self._nonsense: 40, self._length: 3, self._out_of_step: 3, self._unfinished: 4,
        }

    def frame(self) -> Frame:
        """Return the next frame."""
        return self._random.weighted(self._kinds)()

    def oversize(self) -> Frame:
        """Return a frame of several megabytes."""
        size = self._random.choice((1 << 20, primitives.STRING_MAX + 4, frames.PAYLOAD_MAX))
        payload = struct.pack('>I', self._random.choice((size - 4, *ODD))) + bytes(size - 4)
        return Frame('megabytes', self._framed(self._any(), payload))

    # Errors in the payload

    def _count(self) -> Frame:
        return self._marked('count', 'a count')

    def _boolean(self) -> Frame:
        return self._marked('boolean', 'a boolean')

    def _variant(self) -> Frame:
        return self._marked('variant', 'a type of a parameter')

    def _marked(self, mark: str, kind: str) -> Frame:
        for _ in range(20):
            procedure = self._any()
            payload, marks = self._written(procedure)
            places = [at for at, what in marks if what == mark]
            if places:
                at = self._random.choice(places)
                wrong = self._random.choice(ODD) if self._random.chance(0.8) else (
                    self._random.below(1 << 32))
                return Frame(kind, self._framed(procedure, _put(payload, at, wrong)))
        return self._word()

    def _padding(self) -> Frame:
        procedure = self._any()
        payload, marks = self._written(procedure)
        places = [at for at, what in marks if what == 'padding']
        if not places:
            return self._word()
        at = self._random.choice(places)
        return Frame('padding', self._framed(
            procedure, payload[:at] + b'\xff' + payload[at + 1:]))

    def _word(self) -> Frame:
        procedure = self._any()
        payload, _ = self._written(procedure)
        if len(payload) < 4:
            return self._more()
        at = 4 * self._random.below(len(payload) // 4)
        return Frame('a word', self._framed(
            procedure, _put(payload, at, self._random.choice(ODD))))

    def _bits(self) -> Frame:
        procedure = self._any()
        payload = bytearray(self._written(procedure)[0])
        if not payload:
            return self._more()
        for _ in range(self._random.between(1, 4)):
            payload[self._random.below(len(payload))] ^= 1 << self._random.below(8)
        return Frame('bits', self._framed(procedure, bytes(payload)))

    def _cut(self) -> Frame:
        procedure = self._any()
        payload, _ = self._written(procedure)
        if not payload:
            return self._more()
        return Frame('too short', self._framed(
            procedure, payload[:self._random.below(len(payload))]))

    def _more(self) -> Frame:
        procedure = self._any()
        payload, _ = self._written(procedure)
        return Frame('left over', self._framed(
            procedure, payload + self._random.bytes(self._random.between(1, 64))))

    def _bytes(self) -> Frame:
        return Frame('mere bytes', self._framed(
            self._any(), self._random.bytes(self._random.below(200))))

    def _nonsense(self) -> Frame:
        procedure = self._any()
        return Frame(_NONSENSE, self._framed(
            procedure, self._written(procedure)[0]))

    # Errors in the header

    def _program(self) -> Frame:
        program = self._random.choice((0, table.REMOTE_PROGRAM + 9, *ODD))
        return Frame('program', self._framed(self._any(), program=program))

    def _version(self) -> Frame:
        return Frame('version', self._framed(
            self._any(), version=self._random.choice((0, 2, 1 << 31))))

    def _procedure(self) -> Frame:
        number = self._random.choice((0, 318, 444, 9999, *ODD))
        return Frame('procedure', self._framed(self._any(), number=number - (number >> 31 << 32)))

    def _kind(self) -> Frame:
        kind = self._random.choice((frames.REPLY, frames.MESSAGE, frames.STREAM, 5, 99, 1 << 31))
        return Frame('type', self._framed(self._any(), kind=kind))

    def _status(self) -> Frame:
        status = self._random.choice((frames.ERROR, 2, 3, 1 << 31))
        return Frame('status', self._framed(self._any(), status=status))

    def _serial(self) -> Frame:
        procedure = self._any()
        return Frame(_SERIAL, self._framed(
            procedure, self._written(procedure)[0], serial=self._random.choice(ODD)))

    def _descriptors(self) -> Frame:
        count = self._random.choice((0, 1, 32, 33, 1 << 31))
        payload = struct.pack('>I', count) if self._random.chance(0.8) else b''
        return Frame('descriptors', self._framed(
            self._any(), payload, kind=frames.CALL_WITH_FDS), last=bool(count) or not payload)

    def _keepalive(self) -> Frame:
        return Frame('keepalive', frames.frame(
            table.KEEPALIVE_PROGRAM, self._random.below(4), self._random.below(4), 0,
            self._random.below(3), self._random.bytes(self._random.below(9))))

    # Errors in the stream

    def _length(self) -> Frame:
        whole = self._framed(self._any(), self._random.bytes(self._random.below(100)))
        wrong = self._random.choice((0, 1, 27, frames.MESSAGE_MAX + 5, 1 << 31, (1 << 32) - 1))
        return Frame('length', _put(whole, 0, wrong), last=True)

    def _out_of_step(self) -> Frame:
        whole = self._framed(self._any(), self._random.bytes(40))
        length = self._random.between(frames.HEADER.size, len(whole) - 1)
        return Frame('out of step', _put(whole, 0, length), last=True)

    def _unfinished(self) -> Frame:
        procedure = self._any()
        whole = self._framed(procedure, self._written(procedure)[0])
        if self._random.chance(0.3):
            # The rest never comes: the daemon must not allocate memory for it in advance.
            whole = _put(whole, 0, frames.MESSAGE_MAX)
        return Frame('unfinished', whole[:self._random.between(1, len(whole) - 1)], last=True)

    # Frames

    def _any(self) -> Procedure:
        return self._random.choice(self._procedures)

    def _framed(self, procedure: Procedure, payload: bytes = b'', *, program: int | None = None,
                version: int = table.VERSION, number: int | None = None, kind: int = frames.CALL,
                status: int = frames.OK, serial: int = 1) -> bytes:
        return struct.pack(
            '>IIIIIII', frames.HEADER.size + len(payload),
            procedure.program if program is None else program, version,
            (procedure.number if number is None else number) & 0xffffffff, kind, serial,
            status) + payload

    def _written(self, procedure: Procedure) -> tuple[bytes, list[tuple[int, str]]]:
        writer = _Writer(self._random)
        writer.write(procedure.arguments)
        return bytes(writer.out), writer.marks


class _Writer:
    """Writer of values that records the positions to corrupt."""

    def __init__(self, randomness: Randomness) -> None:
        self._random = randomness
        self.out = bytearray()
        self.marks: list[tuple[int, str]] = []

    def write(self, shape: shapes.Type) -> None:
        match shape:
            case shapes.Scalar(name):
                self._number(name)
            case shapes.String():
                self._opaque(self._text())
            case shapes.UUID():
                self.out += self._random.bytes(16)
            case shapes.Opaque(limit):
                self._opaque(self._random.bytes(self._random.below(min(limit, 40) + 1)))
            case shapes.Chars(limit, fixed):
                self._chars(limit, fixed)
            case shapes.TypedParam():
                self._parameter()
            case shapes.Optional(of):
                present = self._random.below(2)
                self._mark(present, 'boolean')
                if present:
                    self.write(of)
            case shapes.ListOf(of, limit):
                count = self._random.below(min(limit, 3) + 1)
                self._mark(count, 'count')
                for _ in range(count):
                    self.write(of)
            case shapes.Struct(fields):
                for field in fields:
                    self.write(field.type)

    def _mark(self, number: int, what: str) -> None:
        self.marks.append((len(self.out), what))
        self.out += struct.pack('>I', number)

    def _number(self, name: str) -> None:
        number = self._random.choice(ODD) if self._random.chance(0.3) else self._random.below(4)
        if name == 'double':
            self.out += struct.pack('>d', float(number))
        elif name.endswith('hyper'):
            self.out += struct.pack('>Q', number)
        else:
            limit = {'char': 128, 'uchar': 256, 'ushort': 65536}.get(name, 1 << 32)
            self.out += struct.pack('>I', number % limit)

    def _text(self) -> bytes:
        if self._random.chance(0.7):
            return b'noise-%d' % self._random.below(1 << 16)
        return self._random.choice(TEXTS).encode('utf-8', 'surrogateescape')

    def _opaque(self, content: bytes) -> None:
        self._mark(len(content), 'count')
        self.out += content
        while len(self.out) % 4:
            self.marks.append((len(self.out), 'padding'))
            self.out.append(0)

    def _chars(self, limit: int, fixed: bool) -> None:
        text = b'noise\0'[:limit]
        if fixed:
            text = text.ljust(limit, b'\0')
        else:
            self._mark(len(text), 'count')
        for byte in text:
            self.out += struct.pack('>I', byte)

    def _parameter(self) -> None:
        self._opaque(self._text())
        kind = self._random.between(1, 7)
        self._mark(kind, 'variant')
        if kind == 7:
            self._opaque(self._text())
        else:
            self._number(('int', 'uint', 'hyper', 'uhyper', 'double', 'int')[kind - 1])


def _put(data: bytes, at: int, word: int) -> bytes:
    return data[:at] + struct.pack('>I', word) + data[at + 4:]
