"""A stream of bytes is split into frames, and only invalid lengths end it."""

from __future__ import annotations

import struct

import testtools
from hypothesis import given
from hypothesis import strategies as st

from vpmem_harness.libvirtd.wire import frames, table, xdr


def call(payload: bytes = b'', serial: int = 1) -> bytes:
    return frames.frame(table.REMOTE_PROGRAM, 59, frames.CALL, serial, frames.OK, payload)


class SplitterTest(testtools.TestCase):

    @given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(1, 60)))
    def test_frames_come_whole_however_they_arrive(self, payloads, sizes):
        """The frames do not depend on how the stream is divided."""
        sent = [call(payload, serial) for serial, payload in enumerate(payloads)]
        stream, splitter, came = b''.join(sent), frames.Splitter(), []
        for size in [*sizes, len(stream)]:
            came += splitter.feed(stream[:size])
            stream = stream[size:]
        self.assertEqual(sent, came)

    def test_it_says_how_much_is_missing(self):
        """When the length has arrived, the number of missing bytes is known."""
        splitter = frames.Splitter()
        self.assertEqual((0, [], 96), (splitter.missing, splitter.feed(call(bytes(72))[:4]),
                                       splitter.missing))

    def test_absurd_lengths(self):
        """A frame shorter than its header, or above libvirt's limit, is an error."""
        for length in (0, 4, 27, frames.MESSAGE_MAX + 5, 2**32 - 1):
            self.assertRaises(frames.FrameError, frames.Splitter().feed,
                              struct.pack('>I', length))

    def test_the_longest_frame_is_taken(self):
        """A frame of exactly the maximum length is accepted."""
        self.assertEqual([], frames.Splitter().feed(
            struct.pack('>I', frames.MESSAGE_MAX + frames.LENGTH_SIZE)))

    def test_descriptors_are_skipped(self):
        """Bytes that carry descriptors are not part of a frame, split or not."""
        sent = frames.frame(table.REMOTE_PROGRAM, 349, frames.CALL_WITH_FDS, 1, frames.OK,
                            struct.pack('>I', 2))
        for cut in range(len(sent) + 2 + len(call()) + 1):
            splitter = frames.Splitter()
            stream = sent + b'\0\0' + call()
            self.assertEqual([sent, call()],
                             splitter.feed(stream[:cut]) + splitter.feed(stream[cut:]))

    def test_only_one_type_has_descriptors(self):
        """A type that has only its lowest byte in common with a call with descriptors has none."""
        sent = frames.frame(table.REMOTE_PROGRAM, 349, 0x100 + frames.CALL_WITH_FDS, 1, frames.OK,
                            struct.pack('>I', 2))
        self.assertEqual([sent, call()], frames.Splitter().feed(sent + call()))

    def test_too_many_descriptors(self):
        """More descriptors than libvirt allows are an error."""
        sent = frames.frame(table.REMOTE_PROGRAM, 349, frames.CALL_WITH_FDS, 1, frames.OK,
                            struct.pack('>I', 33))
        self.assertRaises(frames.FrameError, frames.Splitter().feed, sent)


class FrameTest(testtools.TestCase):

    def test_a_payload_that_is_too_long(self):
        """A payload above libvirt's limit is not framed."""
        self.assertRaises(xdr.XDRError, call, bytes(frames.PAYLOAD_MAX + 1))
