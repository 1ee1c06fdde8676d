"""Records what the real libvirtd says of odd frames.

    python -m tools.recording.odd_frames [SEED]

It needs root, Debian's libvirt-daemon and qemu-system-x86, and changes nothing of the machine. It
writes ``tests/golden/libvirt/odd-frames.json``, with frames of each kind and procedure:

- ``closed``: a frame before the connection is open, and the answers;
- ``decoded``: arguments of a call, and arguments without oddities that the test driver answers the
  same way, or null if libvirtd cannot decode the first ones;
- ``call``: a call of the QEMU driver, and its verdict.

A frame on which the simulated daemon differs is left out, and reported.
"""

from __future__ import annotations

import collections
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any, Final

from tests.conformance import libvirtd, machine, odd_calls, odd_frames
from tests.unit.libvirtd.wire import client
from tools.recording.steps import write
from vpmem_harness.libvirtd.wire import frames, xdr
from vpmem_harness.randomness import Randomness

_SEED: Final = 20261130
_FRAMES: Final = {'closed': 3000, 'decoded': 2000, 'call': 8000}
#: Frames of one kind.
_EACH: Final = 6
#: The length of the longest recorded frame in bytes.
_LONGEST: Final = 2000
#: Frames on one connection.
_BATCH: Final = 40

Recorded = tuple[str, str, list[Any]]


def _closed(path: str, odd: odd_frames.OddFrames) -> Iterator[Recorded]:
    for frame in odd.take(_FRAMES['closed']):
        ours = odd_frames.simulated(frame.data)
        with odd_frames.Real(path) as real:
            answers = real.ask(frame.data, 0 if frame.last else len(ours))
        if answers == ours:
            yield 'closed', frame.kind, [frame.data.hex(), odd_calls.plain(answers)]
        else:
            print('differs:', frame.kind, frame.data.hex())


def _decoded(path: str, odd: odd_frames.OddFrames) -> Iterator[Recorded]:
    for _ in range(_FRAMES['decoded'] // _BATCH):
        with odd_frames.Real(path) as real:
            def ask(data: bytes, real: odd_frames.Real = real) -> list[odd_frames.Answer]:
                return real.ask(data, 1)

            ask(client.call('connect_open', 'test:///default', 0))
            for _ in range(_BATCH):
                frame = odd.call()
                difference = odd_frames.same_meaning(frame, ask)
                if difference is not None:
                    print('differs:', difference)
                    continue
                codec = odd_frames.procedure_of(frame.data).codec
                try:
                    plain = codec.encode(codec.decode(frame.data[frames.HEADER.size:])).hex()
                except xdr.XDRError:
                    plain = None
                yield 'decoded', frame.kind, [frame.data.hex(), plain]


def _calls(path: str, randomness: Randomness) -> Iterator[Recorded]:
    for found in odd_calls.compare(path, odd_calls.OddCalls(randomness), _FRAMES['call']):
        if found.ours == found.real:
            yield ('call', f'{found.procedure.method} {str(found.real)[:4]}',
                   [found.frame.data.hex(), found.real])


def record(seed: int) -> None:
    """Send the frames and write the file."""
    randomness = Randomness(seed)
    outcomes: dict[str, Any] = {}
    counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def keep(found: Iterator[Recorded]) -> None:
        for section, kind, recorded in found:
            counts[section, kind] += 1
            number = counts[section, kind]
            if number <= (1 if section == 'call' else _EACH) and len(recorded[0]) < 2 * _LONGEST:
                outcomes[f'{section}: {kind} {number}'] = recorded

    with libvirtd.RealLibvirtd() as real:
        keep(_closed(real.path, odd_frames.OddFrames(randomness.derive('closed'))))
        keep(_decoded(real.path, odd_frames.OddFrames(randomness.derive('decoded'))))
    with machine.RealMachine(qemu=True) as real:
        path = urllib.parse.unquote(real.uri.partition('socket=')[2])
        keep(_calls(path, randomness.derive('calls')))
    write('odd-frames', outcomes)
    print(f'{counts.total()} frames, {len(outcomes)} recorded')


if __name__ == '__main__':
    record(int(sys.argv[1]) if len(sys.argv) > 1 else _SEED)
