"""Real Nova on hosts of the releases, with its present and its next minimum versions."""

from __future__ import annotations

import ast
import importlib.util
import pathlib

import fixtures
import testtools

from tests import base
from vpmem_harness import releases
from vpmem_harness.cloud.nova import workarounds
from vpmem_harness.exceptions import HarnessError
from vpmem_harness.fixtures import CloudFixture
from vpmem_harness.releases import selection


def _versions() -> dict[str, int]:
    """Return the versions that the installed driver names, without an import of Nova."""
    [place] = importlib.util.find_spec('nova').submodule_search_locations
    driver = ast.parse(pathlib.Path(place, 'virt', 'libvirt', 'driver.py').read_text())
    found = {}
    for node in driver.body:
        name = node.targets[0].id if isinstance(node, ast.Assign) else ''
        if name.endswith(('MIN_LIBVIRT_VERSION', 'MIN_QEMU_VERSION')):
            major, minor, micro = ast.literal_eval(node.value)
            found[name] = major * 1_000_000 + minor * 1000 + micro
    return found


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class MinimumTest(base.TestCase):

    def test_the_default_release_follows_nova(self):
        """The minimum that decides about the default release is that of the installed Nova."""
        found = _versions()
        self.assertEqual(
            selection.NOVA_MINIMUM, (found['MIN_LIBVIRT_VERSION'], found['MIN_QEMU_VERSION']))
        self.assertEqual('debian13', selection.oldest(
            found['NEXT_MIN_LIBVIRT_VERSION'], found['NEXT_MIN_QEMU_VERSION']).name)


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class NextMinimumTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable(workarounds.NEXT_MINIMUM, '1'))

    def test_servers_on_debian_13(self):
        """A server boots, resizes and migrates live where Nova requires its next minimum."""
        cloud = self.useFixture(CloudFixture(
            hosts=2, pmem='SMALL:2x4GiB,LARGE:1x6GiB', backend='nova',
            release=releases.DEBIAN_13))
        server = cloud.boot(pmem='SMALL')
        self.assertGuestHas(server)
        server.resize(pmem='LARGE').confirm_resize()
        self.assertGuestHas(server)
        before = server.host
        server.live_migrate()
        self.assertNotEqual(before, server.host)
        self.assertGuestHas(server)
        self.assertConsistent(cloud)

    def test_debian_12_is_too_old(self):
        """Nova refuses to start on a host whose libvirt is older."""
        cloud = CloudFixture(hosts=1, pmem='SMALL:1x4GiB', backend='nova', release='debian12')
        error = self.assertRaises(fixtures.MultipleExceptions, cloud.setUp)
        self.assertIsInstance(error.args[0][1], HarnessError)
        self.assertIn('Nova requires libvirt version 10.0.0 or greater', str(error.args[0][1]))
