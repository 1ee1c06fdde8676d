"""Odd frames, sent to libvirtd and to the simulated daemon's session.

    python -m tests.conformance.odd_frames [FRAMES] [SEED]

Three comparisons share the frames:

- before the connection is open, where each answer shows whether the arguments were decoded, and no
  driver acts on them: both answer the same;
- on an open connection: libvirtd answers an odd call as it answers the call that the session has
  decoded, encoded canonically;
- connect_open: the same.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import re
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.conformance import libvirtd
from tests.functional.libvirtd import noise
from tests.unit.libvirtd.wire import client
from vpmem_harness.libvirtd.wire import frames, keepalive, shapes, table, xdr
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, PROGRAMS, Procedure
from vpmem_harness.libvirtd.wire.session import Session
from vpmem_harness.randomness import Randomness

#: What the daemon has sent when it has closed the connection.
END: Final = 'the end'

_SECONDS = 5
_BATCH = 40
_LONG = 1024     # items of the longest lists that are filled
_SENTINELS = (0xfffffff0, 0xfffffff1)
_LAST = 443      # the last procedure of libvirt 9.0.0
_NAMES = (b'test:///default', b'test:///default\0x', b'test:///default?a=\xff', b'foo:///x', b'foo',
          b'foo:///\xff\xfe', b'foo:///a\0b', b'test:///\xc3\xa4', b'\0', b'test:///none')
#: libvirtd forgets to say why these fail.
_SILENT = frozenset(('auth_polkit',))
#: Answers depend on earlier calls; or the daemon reads or writes files.
_STATEFUL = re.compile(
    'register|interface_change|screenshot|save|core_dump|restore'
    '|connect_(open|close)|^auth_|node_suspend')

Answer = tuple[Any, ...] | str


class OddFrames(noise.Noise):
    """Draws frames with what libvirt's own client never writes."""

    def __init__(self, randomness: Randomness) -> None:
        super().__init__(randomness)
        self._procedures = [
            procedure for procedure in self._procedures
            if procedure.method not in _SILENT
            and (procedure.program != table.REMOTE_PROGRAM or procedure.number <= _LAST)]
        self._payloads: dict[Callable[[], noise.Frame], int] = {
            self._several: 60, self._count: 10, self._boolean: 20, self._variant: 10,
            self._padding: 10, self._word: 15, self._bits: 10, self._cut: 10, self._more: 10,
            self._bytes: 10, self._nonsense: 10, self._no_padding: 10, self._unknown_type: 15,
            self._long: 15}
        self._with_lists = [procedure for procedure in self._procedures
                            if 'ListOf(' in repr(procedure.arguments)]
        self._with_parameters = [procedure for procedure in self._procedures
                                 if 'TypedParam(' in repr(procedure.arguments)]
        self._kinds = {
            **self._payloads, self._program: 5, self._version: 3, self._procedure: 5,
            self._kind: 8, self._type: 3, self._status: 4, self._descriptors: 6,
            self._keepalive: 3, self._length: 2, self.oversize: 1}

    def frame(self) -> noise.Frame:
        """Return the next frame; none that opens, closes or stalls the connection."""
        while True:
            frame = super().frame()
            _, program, _, number, *_ = frames.HEADER.unpack_from(frame.data)
            opens = program == table.REMOTE_PROGRAM and number in (1, 2)
            later = (program == table.REMOTE_PROGRAM and number > _LAST
                     and number in PROGRAMS[program])
            if not opens and not later:
                return frame

    def take(self, count: int) -> Iterator[noise.Frame]:
        """Yield a number of frames."""
        return (self.frame() for _ in range(count))

    def of_each_procedure(self) -> Iterator[noise.Frame]:
        """Yield a call of each procedure, with arguments that decode."""
        return (noise.Frame(procedure.method, self._framed(procedure, self._written(procedure)[0]))
                for procedure in self._procedures)

    def call(self) -> noise.Frame:
        """Return the next frame that is odd in its arguments only."""
        while True:
            frame = self._random.weighted(self._payloads)()
            if not _STATEFUL.search(procedure_of(frame.data).method):
                return frame

    def opening(self) -> noise.Frame:
        """Return an odd connect_open; never one without a name, which probes for a driver."""
        procedure = BY_NAME['connect_open']
        while True:
            name = self._random.choice(_NAMES)
            mark = self._random.choice((1, 1, 1 << 24, 2, 0xffffffff))
            pad = self._random.bytes(-len(name) % 4) if self._random.chance(0.5) else (
                bytes(-len(name) % 4))
            flags = self._random.choice((0, 0, 0, 1, 2, 4, 1 << 24, 1 << 31))
            payload = (_word(mark) + _word(len(name)) + name + pad + _word(flags)
                       + self._random.bytes(self._random.choice((0, 0, 1, 4, 40))))
            if self._random.chance(0.3):
                payload = self._damaged(payload)
            try:
                usable = procedure.codec.decode(payload)[0]
            except xdr.XDRError:
                usable = True
            if usable:
                return noise.Frame('connect_open', self._framed(procedure, payload))

    def _several(self) -> noise.Frame:
        procedure = self._any()
        payload, marks = self._written(procedure)
        for at, what in marks:
            if what == 'padding' and self._random.chance(0.7):
                payload = payload[:at] + self._random.bytes(1) + payload[at + 1:]
            elif what == 'boolean' and any(payload[at:at + 4]) and self._random.chance(0.7):
                payload = payload[:at] + _word(self._random.choice((
                    1 << 24, 2, 255, 256, 0xffffffff))) + payload[at + 4:]
        if self._random.chance(0.5):
            payload += self._random.bytes(self._random.between(1, 40))
        if self._random.chance(0.2):
            payload = self._damaged(payload)
        return noise.Frame('several', self._framed(procedure, payload))

    def _no_padding(self) -> noise.Frame:
        while True:
            procedure = self._any()
            payload, marks = self._written(procedure)
            if (len(payload) - 1, 'padding') in marks:
                return noise.Frame('no padding', self._framed(procedure, payload[:-1]))

    def _unknown_type(self) -> noise.Frame:
        procedure = self._random.choice(self._with_parameters)
        payload, marks = self._written(procedure)
        places = [at for at, what in marks if what == 'variant']
        if not places:
            return self._unknown_type()
        at = self._random.choice(places)
        kind = self._random.choice((0, 0, 8, 8, 9, 0xffffffff, 1 << 24))
        return noise.Frame('a type of a parameter', self._framed(
            procedure, payload[:at] + _word(kind) + payload[at + 4:]))

    def _long(self) -> noise.Frame:
        procedure = self._random.choice(self._with_lists)
        writer = _LongLists(self._random)
        writer.write(procedure.arguments)
        return noise.Frame('long lists', self._framed(procedure, bytes(writer.out)))

    def _type(self) -> noise.Frame:
        kind = self._random.choice((0x100, 0x101, 0x104, 0x10004, 1 << 24, 4 << 24))
        procedure = self._any()
        return noise.Frame('type', self._framed(
            procedure, self._written(procedure)[0], kind=kind))

    def _descriptors(self) -> noise.Frame:
        """Return a call with no descriptors, or with more than a message can have."""
        procedure = self._any()
        count = self._random.choice((0, 0, 0, 33, 256, 1 << 24, 1 << 31, (1 << 32) - 1))
        payload = _word(count) + self._written(procedure)[0]
        if self._random.chance(0.5):
            payload += self._random.bytes(self._random.between(1, 40))
        if self._random.chance(0.1):
            count, payload = 1, self._random.bytes(self._random.below(4))
        return noise.Frame('descriptors', self._framed(
            procedure, payload, kind=frames.CALL_WITH_FDS), last=bool(count))

    def _damaged(self, payload: bytes) -> bytes:
        """Return the payload with one byte replaced, often by a NUL."""
        if not payload:
            return payload
        at = self._random.below(len(payload))
        byte = self._random.choice((b'\0', b'\0', b'\xff', self._random.bytes(1)))
        return payload[:at] + byte + payload[at + 1:]


class _LongLists(noise._Writer):
    """Writes lists that have their maximum number of items, or one more."""

    def write(self, shape: shapes.Type) -> None:
        match shape:
            case shapes.ListOf(of, limit) if limit <= _LONG:
                count = limit + self._random.below(2)
                self._mark(count, 'count')
                for _ in range(count):
                    self.write(of)
            case _:
                super().write(shape)


class Real:
    """A client of libvirtd that collects the answers to many frames."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_SECONDS)
        self._socket.connect(path)
        self._splitter = frames.Splitter()

    def __enter__(self) -> Real:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def ask(self, data: bytes, count: int = 0) -> list[Answer]:
        """Send frames, wait for that many answers, and return all that come.

        A call that is always answered follows the frames, twice, so that answers that nobody
        expects come in time.
        """
        came: list[Answer] = []
        for sentinel in _SENTINELS:
            with contextlib.suppress(ConnectionError):
                self._socket.sendall(data + client.call('auth_list', serial=sentinel))
            data, answered = b'', False
            while not answered or len(came) < count:
                for answer in self._receive():
                    if answer == END:
                        return [*came, answer]
                    if answer[3] == sentinel:
                        answered = True
                    else:
                        came.append(answer)
        return came

    def _receive(self) -> list[Answer]:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            return ['no answer', END]
        except ConnectionError:
            data = b''
        if not data:
            return [END]
        return read(b''.join(self._splitter.feed(data)))


def simulated(data: bytes) -> list[Answer]:
    """Return the answers of the simulated daemon's session."""
    session, came = Session(), []
    try:
        session.receive(data)
    except frames.FrameError:
        came.append(END)
    while session.ready:
        call = session.next_call()
        if call is not None:
            raise AssertionError(f'nothing is open, but the session returned {call}')
    return read(session.take_output()) + came


def compare_closed(path: str, odd: Iterator[noise.Frame]) -> Iterator[tuple[str, str | None]]:
    """Compare frames before the connection is open; yield kinds and differences."""
    while batch := list(itertools.islice(odd, _BATCH)):
        rest = [frame for frame in batch if frame.last]
        batch = [frame._replace(data=numbered(frame.data, serial))
                 for serial, frame in enumerate((f for f in batch if not f.last), 1000)]
        ours = [simulated(frame.data) for frame in batch]
        with Real(path) as real:
            came = real.ask(b''.join(frame.data for frame in batch), sum(map(len, ours)))
            left = collections.Counter(map(repr, came))
            expected = collections.Counter(repr(answer) for one in ours for answer in one)
            for serial, (frame, mine) in enumerate(zip(batch, ours, strict=True), 1000):
                theirs = [answer for answer in came if answer[3] == serial]
                same = all(left[repr(answer)] == expected[repr(answer)]
                           for answer in (*mine, *theirs))
                yield frame.kind, None if same else _difference(frame, mine, theirs)
            if END in came or left.total() != expected.total():
                yield 'a batch', f'{left - expected} came, {expected - left} did not'
        for frame in rest:
            with Real(path) as real:
                theirs = real.ask(frame.data)
            mine = simulated(frame.data)
            yield frame.kind, None if mine == theirs else _difference(frame, mine, theirs)


def compare_open(path: str, odd: OddFrames, total: int) -> Iterator[tuple[str, str | None]]:
    """Compare the answers of libvirtd to odd calls and to what the session makes of them."""
    while total > 0:
        batch = [odd.call() for _ in range(min(_BATCH, total))]
        total -= len(batch)
        with Real(path) as real:
            real.ask(client.call('connect_open', 'test:///default', 0), 1)
            for frame in batch:
                yield frame.kind, same_meaning(frame, lambda data: real.ask(data, 1))


def compare_opening(path: str, odd: OddFrames, total: int) -> Iterator[tuple[str, str | None]]:
    """The same for connect_open."""
    def ask(data: bytes) -> list[Answer]:
        with Real(path) as real:
            return real.ask(data, 1)

    for _ in range(total):
        frame = odd.opening()
        yield frame.kind, same_meaning(frame, ask)


def compare(path: str, randomness: Randomness, total: int) -> Iterator[tuple[str, str | None]]:
    """Compare a number of frames in all three ways; yield kinds and differences."""
    odd = OddFrames(randomness)
    yield from compare_closed(path, odd.take(total * 7 // 10))
    yield from compare_open(path, odd, total * 2 // 10)
    yield from compare_opening(path, odd, total // 10)


def same_meaning(frame: noise.Frame, ask: Callable[[bytes], list[Answer]]) -> str | None:
    """Return how libvirtd's answer differs from that to the decoded call, or None."""
    procedure = procedure_of(frame.data)
    theirs = [_outcome(answer) for answer in ask(frame.data)]
    refused = 'Unable to decode message payload' in str(theirs)
    try:
        arguments = procedure.codec.decode(frame.data[frames.HEADER.size:])
    except xdr.XDRError as error:
        return None if refused else _difference(frame, error, theirs)
    canonical = frames.frame(procedure.program, procedure.number, frames.CALL, 1, frames.OK,
                             procedure.codec.encode(arguments))
    expected = [_outcome(answer) for answer in ask(canonical)]
    same = expected == theirs and not refused
    return None if same else _difference(frame, (arguments, expected), theirs)


def _outcome(answer: Answer) -> Answer:
    """Return an answer without its results, which change with time."""
    if isinstance(answer, str) or answer[4] == frames.ERROR:
        return answer
    return answer[:5]


def procedure_of(data: bytes) -> Procedure:
    """Return the procedure of a frame."""
    _, program, _, number, *_ = frames.HEADER.unpack_from(data)
    return PROGRAMS[program][number]


def read(data: bytes) -> list[Answer]:
    """Return answers as tuples; without the daemon's own pings and events."""
    return [(a.program, a.number, a.kind, a.serial, a.status,
             a.error if a.status == frames.ERROR else a.payload)
            for a in client.answers(data)
            if a.kind != frames.MESSAGE
            or (a.program, a.number) == (table.KEEPALIVE_PROGRAM, keepalive.PONG)]


def numbered(data: bytes, serial: int) -> bytes:
    """Return a frame with another serial."""
    return data[:20] + _word(serial) + data[24:]


def _word(number: int) -> bytes:
    return frames.LENGTH.pack(number)


def _difference(frame: noise.Frame, ours: object, theirs: object) -> str:
    _, program, version, number, kind, _, status = frames.HEADER.unpack_from(frame.data)
    name = PROGRAMS.get(program, {}).get(number, '?')
    return (f'{frame.kind}: program {program:#x} version {version} {name} type {kind} '
            f'status {status} {frame.data[frames.HEADER.size:][:300].hex(" ", 4)}\n'
            f'  ours: {ours}\n  real: {theirs}')


def main(arguments: list[str]) -> int:
    """Compare and print the result; 1 if there are differences."""
    total = int(arguments[0]) if arguments else 10000
    randomness = Randomness(int(arguments[1]) if len(arguments) > 1 else None)
    reason = libvirtd.missing()
    if reason:
        print(reason)
        return 2
    kinds: collections.Counter[str] = collections.Counter()
    different = 0
    with libvirtd.RealLibvirtd() as real:
        for kind, difference in compare(real.path, randomness, total):
            kinds[kind] += 1
            if difference:
                different += 1
                print(difference)
    print(f'seed {randomness.seed}: {kinds.total()} frames, {different} different;',
          ', '.join(f'{kind} {count}' for kind, count in kinds.most_common()))
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
