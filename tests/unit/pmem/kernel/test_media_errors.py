from __future__ import annotations

import testtools

from vpmem_harness.pmem.kernel import media_errors


class MediaErrorsTest(testtools.TestCase):
    """What the firmware reports and what the kernel knows."""

    def setUp(self) -> None:
        super().setUp()
        self.errors = media_errors.MediaErrors()

    def test_a_notification_tells_the_kernel(self) -> None:
        """Adjacent blocks are one range."""
        self.errors.inject(8, 2, notify=True)
        self.errors.inject(10, 1, notify=True)
        self.assertEqual([(8, 3)], self.errors.known)

    def test_a_scrub_finds_what_was_not_notified(self) -> None:
        """Until then the kernel does not know."""
        self.errors.inject(8, 2, notify=False)
        self.assertEqual([], self.errors.known)
        self.errors.scrub()
        self.assertEqual([(8, 2)], self.errors.known)

    def test_the_kernel_does_not_forget(self) -> None:
        """Uninjecting changes the firmware alone."""
        self.errors.inject(8, 4, notify=True)
        self.errors.uninject(9, 1)
        self.assertEqual(([(8, 1), (10, 2)], [(8, 4)]), (self.errors.injected, self.errors.known))

    def test_clearing_needs_the_whole_range(self) -> None:
        """A range that lies half outside stays."""
        self.errors.inject(8, 4, notify=True)
        self.errors.clear(0, 10)
        self.assertEqual([(8, 4)], self.errors.known)
        self.errors.clear(0, 12)
        self.assertEqual(([], []), (self.errors.injected, self.errors.known))

    def test_parts_count_from_their_start(self) -> None:
        """Ranges are cut to the part."""
        self.assertEqual([(0, 2), (8, 2)], media_errors.within([(8, 4), (18, 9)], 10, 10))
