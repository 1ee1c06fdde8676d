"""The simulated daemon's verdicts on odd frames equal the recorded ones of the real libvirtd."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from tests import base
from tests.conformance import odd_calls, odd_frames
from vpmem_harness.libvirtd.wire import frames, xdr

RECORDED = pathlib.Path(__file__).parents[1] / 'golden/libvirt/odd-frames.json'


class RecordedFramesTest(base.TestCase):

    def recorded(self, section: str) -> Iterator[tuple[str, bytes, Any]]:
        """Yield the name, the bytes and the verdict of each frame of a section."""
        for name, (data, verdict) in json.loads(RECORDED.read_text()).items():
            if name.startswith(section):
                yield name, bytes.fromhex(data), verdict

    def test_before_the_connection_is_open(self) -> None:
        """Frames of each kind get the same answers, or end the connection."""
        self.assertEqual([], [
            (name, verdict, ours) for name, data, verdict in self.recorded('closed')
            if (ours := json.loads(json.dumps(odd_calls.plain(odd_frames.simulated(data)))))
            != verdict])

    def test_decoding(self) -> None:
        """Odd arguments mean the same as the recorded arguments without oddities."""
        def decoded(data: bytes) -> str | None:
            codec = odd_frames.procedure_of(data).codec
            try:
                return codec.encode(codec.decode(data[frames.HEADER.size:])).hex()
            except xdr.XDRError:
                return None
        self.assertEqual([], [name for name, data, verdict in self.recorded('decoded')
                              if decoded(data) != verdict])

    def test_calls(self) -> None:
        """Odd calls of each procedure get a reply or the same error."""
        different = []
        for name, data, verdict in self.recorded('call'):
            with odd_calls.Simulated() as ours:
                found = odd_calls.verdict(ours.ask(data))
            if found != verdict:
                different.append((name, verdict, found))
        self.assertEqual([], different)
