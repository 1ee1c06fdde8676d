"""Streams of a session."""

from __future__ import annotations

import libvirt
import testtools

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.wire import frames
from vpmem_harness.libvirtd.wire.streams import Streams

KEY = (1, 208, 7)


class Recorded:
    """A stream that records its calls."""

    def __init__(self, *pieces, sparse=False, error=None):
        self.pieces = list(pieces)
        self.sends = bool(pieces)
        self.sparse = sparse
        self.error = error
        self.told = []

    def read(self, most):
        return self.pieces.pop(0)

    def write(self, data):
        if self.error is not None:
            raise self.error
        self.told.append(data)

    def skip(self, length):
        self.told.append(length)

    def finish(self):
        self.told.append('finish')

    def abort(self):
        self.told.append('abort')


class StreamsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.sent = []
        self.streams = Streams(lambda key, kind, status, payload: self.sent.append(
            (kind, status, payload)))

    def open(self, stream):
        self.streams.open(KEY, stream)
        return stream

    def test_download(self):
        """Data and holes are sent one by one, and a message without data at the end."""
        self.open(Recorded(b'data', 9, b''))
        while self.streams.sending:
            self.streams.pump()
        self.assertEqual([(frames.STREAM, frames.CONTINUE, b'data'),
                          (frames.STREAM_HOLE, frames.CONTINUE, frames.HOLE.pack(9, 0)),
                          (frames.STREAM, frames.CONTINUE, b'')], self.sent)

    def test_upload(self):
        """The client's data and holes reach the stream, and its end is confirmed."""
        stream = self.open(Recorded(sparse=True))
        for kind, status, payload in ((frames.STREAM, frames.CONTINUE, b'x'),
                                      (frames.STREAM_HOLE, frames.CONTINUE, frames.HOLE.pack(5, 0)),
                                      (frames.STREAM, frames.OK, b'')):
            self.assertTrue(self.streams.receive(KEY, kind, status, payload))
        self.assertEqual([b'x', 5, 'finish'], stream.told)
        self.assertEqual([(frames.STREAM, frames.OK, b'')], self.sent)

    def test_abort(self):
        """The abort of a client is confirmed."""
        stream = self.open(Recorded())
        self.streams.receive(KEY, frames.STREAM, frames.ERROR, b'')
        self.assertEqual(['abort'], stream.told)
        self.assertEqual([(frames.STREAM, frames.OK, b'')], self.sent)

    def test_error(self):
        """An error of the stream is sent, and ends it."""
        self.open(Recorded(error=LibvirtError(libvirt.VIR_ERR_SYSTEM_ERROR, 'no space')))
        self.streams.receive(KEY, frames.STREAM, frames.CONTINUE, b'x')
        [(kind, status, payload)] = self.sent
        self.assertEqual((frames.STREAM, frames.ERROR), (kind, status))
        self.assertIn(b'no space', payload)
        self.assertFalse(self.streams.receive(KEY, frames.STREAM, frames.CONTINUE, b'x'))

    def test_hole_in_a_stream_that_is_not_sparse(self):
        """A hole in a stream that is not sparse ends the session."""
        self.open(Recorded())
        self.assertRaises(frames.FrameError, self.streams.receive, KEY, frames.STREAM_HOLE,
                          frames.CONTINUE, frames.HOLE.pack(5, 0))

    def test_short_hole(self):
        """A message with a hole that is too short ends the session."""
        self.open(Recorded(sparse=True))
        self.assertRaises(frames.FrameError, self.streams.receive, KEY, frames.STREAM_HOLE,
                          frames.CONTINUE, b'1')

    def test_gone(self):
        """Every stream is aborted when the client is gone."""
        stream = self.open(Recorded(b'data'))
        self.streams.abort()
        self.assertEqual(['abort'], stream.told)
        self.assertFalse(self.streams.sending)

    def test_end(self):
        """The daemon ends a stream like a file, and the client closes it."""
        stream = self.open(Recorded())
        self.streams.end(KEY, None)
        self.assertEqual([(frames.STREAM, frames.CONTINUE, b'')], self.sent)
        self.streams.receive(KEY, frames.STREAM, frames.OK, b'')
        self.assertEqual(['finish'], stream.told)

    def test_end_with_an_error(self):
        """The daemon ends a stream with an error; it is closed then."""
        stream = self.open(Recorded())
        self.streams.end(KEY, LibvirtError(libvirt.VIR_ERR_RPC, 'lost'))
        self.streams.end(KEY, None)
        [(kind, status, payload)] = self.sent
        self.assertEqual((frames.STREAM, frames.ERROR), (kind, status))
        self.assertIn(b'lost', payload)
        self.assertEqual(['abort'], stream.told)
