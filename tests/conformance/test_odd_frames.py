"""The simulated daemon accepts and refuses the same odd frames as the real libvirtd."""

from __future__ import annotations

from tests import base
from tests.conformance import libvirtd, odd_frames
from vpmem_harness.randomness import Randomness

_SEED = 20261129


class OddFramesTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        missing = libvirtd.missing()
        if missing:
            self.skipTest(missing)
        self.path = self.useFixture(libvirtd.RealLibvirtd()).path
        self.odd = odd_frames.OddFrames(Randomness(_SEED))

    def test_before_the_connection_is_open(self) -> None:
        """Both answer odd frames the same, or both drop them, or both close the connection."""
        self.assertEqual([], [difference for _, difference in odd_frames.compare_closed(
            self.path, self.odd.take(400)) if difference])

    def test_each_procedure_before_the_connection_is_open(self) -> None:
        """Arguments of each procedure decode in both, and both refuse the call the same way."""
        self.assertEqual([], [difference for _, difference in odd_frames.compare_closed(
            self.path, self.odd.of_each_procedure()) if difference])

    def test_on_an_open_connection(self) -> None:
        """What the session decodes means the same to libvirtd as the odd bytes do."""
        self.assertEqual([], [difference for _, difference in odd_frames.compare_open(
            self.path, self.odd, 120) if difference])

    def test_opening(self) -> None:
        """The same holds for the call that opens the connection."""
        self.assertEqual([], [difference for _, difference in odd_frames.compare_opening(
            self.path, self.odd, 60) if difference])
