"""Choice of a release."""

from __future__ import annotations

import testtools

from vpmem_harness import releases
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.releases import selection


class SelectionTest(testtools.TestCase):

    def test_the_default_is_the_oldest_that_nova_accepts(self) -> None:
        """Debian 12 is the default until Nova needs a newer libvirt or QEMU."""
        self.assertEqual('debian12', releases.DEFAULT.name)
        self.assertEqual('debian12', selection.oldest(8_000_000, 6_002_000).name)
        self.assertEqual('debian13', selection.oldest(10_000_000, 8_002_002).name)
        self.assertEqual('debian13', selection.oldest(99_000_000, 8_002_002).name)

    def test_names(self) -> None:
        """A release is chosen by its name; the error for another name lists the known ones."""
        self.assertIs(releases.DEBIAN_13, releases.choose('debian13'))
        self.assertIs(releases.DEFAULT, releases.choose(None))
        self.assertIs(releases.DEBIAN_13, releases.choose(releases.DEBIAN_13))
        error = self.assertRaises(InvalidInputError, releases.choose, 'debian11')
        self.assertIn("expected debian12 or debian13, got 'debian11'", str(error))

    def test_versions(self) -> None:
        """A version has the behavior of the newest release that is not above it."""
        self.assertEqual('debian12', releases.nearest(libvirt=10_000_000).name)
        self.assertEqual(10_000_000, releases.nearest(libvirt=10_000_000).libvirt)
        self.assertEqual('debian13', releases.nearest(libvirt=12_000_000, qemu=11_000_000).name)
        self.assertEqual('debian12', releases.nearest(libvirt=12_000_000, qemu=8_002_002).name)
        self.assertEqual('debian12', releases.nearest(libvirt=7_000_000).name)
        self.assertIs(releases.DEFAULT, releases.nearest())

    def test_titles(self) -> None:
        """The title of a release lists its versions."""
        self.assertEqual('Linux 6.12, ndctl 81, daxio 1.13.1, libvirt 11.3.0, QEMU 10.0.13',
                         releases.DEBIAN_13.title)
