from __future__ import annotations

import hypothesis
import testtools
from hypothesis import strategies

from vpmem_harness.pmem.kernel.media import Contents, InfoBlock, Media, Segment

_BLOCK = InfoBlock('dax', 'one', 'other', 1000, data_offset=20000)


class MediaTest(testtools.TestCase):
    """The last writer of each range."""

    def test_new_media_are_zero(self) -> None:
        """Nobody has written to them."""
        self.assertEqual((Segment(100, None),), Media(100).read(0, 100).segments)

    def test_a_write_in_the_middle_splits(self) -> None:
        """What lies before and behind stays."""
        media = Media(100)
        media.write(0, 100, 'old')
        media.write(40, 60, 'new')
        self.assertEqual((Segment(40, 'old'), Segment(20, 'new'), Segment(40, 'old')),
                         media.read(0, 100).segments)

    def test_zeroes_wipe(self) -> None:
        """Zeroed media have no writers."""
        media = Media(100)
        media.write(0, 100, 'old')
        media.write(0, 100, None)
        self.assertTrue(media.read(0, 100).is_zero)

    def test_an_overwritten_info_block_is_gone(self) -> None:
        """Data written over its first bytes destroy it."""
        media = Media(100000)
        media.put_info_block(0, _BLOCK)
        media.write(5000, 5001, 'somebody')
        self.assertIsNone(media.info_block(0))

    def test_data_behind_an_info_block_leave_it(self) -> None:
        """A namespace's data do not touch its info block."""
        media = Media(100000)
        media.put_info_block(0, _BLOCK)
        media.write(20000, 21000, 'somebody')
        self.assertEqual(_BLOCK, media.info_block(0))

    @hypothesis.given(strategies.lists(strategies.tuples(
        strategies.integers(0, 60), strategies.integers(0, 60),
        strategies.sampled_from(['a', 'b', None])), max_size=20))
    def test_like_an_array(self, writes: list[tuple[int, int, str | None]]) -> None:
        """After any writes, each byte says what an array of writers says."""
        media, array = Media(60), [None] * 60
        for start, end, writer in writes:
            media.write(start, end, writer)
            if start < end:
                array[start:end] = [writer] * (end - start)
        read = [segment.writer for segment in media.read(0, 60).segments
                for _ in range(segment.length)]
        self.assertEqual(array, read)


class ContentsTest(testtools.TestCase):
    """Contents as bytes."""

    def test_the_first_bytes(self) -> None:
        """As many as there are, when that is fewer."""
        contents = Contents((Segment(3, 'me'), Segment(5, None)))
        self.assertEqual((Segment(3, 'me'), Segment(1, None)), contents.first(4).segments)
        self.assertEqual((Segment(2, 'me'),), contents.first(2).segments)
        self.assertEqual(contents, contents.first(9))
        self.assertEqual((), contents.first(0).segments)

    def test_zeroes_are_bytes_of_zero(self) -> None:
        """Zeroes come in chunks of the size asked for."""
        contents = Contents((Segment(5, None),))
        self.assertEqual([bytes(2), bytes(2), bytes(1)], list(contents.chunks(2)))

    def test_data_name_their_writer(self) -> None:
        """The name is repeated, across chunks too."""
        contents = Contents((Segment(9, 'me'), Segment(1, None)))
        self.assertEqual(b'me\nme\nme\n\0', b''.join(contents.chunks(4)))
