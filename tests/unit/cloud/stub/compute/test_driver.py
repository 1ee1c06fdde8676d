"""Compute driver: operations on a host, and none after the service was killed."""

from __future__ import annotations

import types

import libvirt

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState
from vpmem_harness.cloud.stub.compute.driver import LibvirtDriver
from vpmem_harness.fixtures import HostFixture

XML = """
<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>256</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
</domain>
"""


class DriverTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))
        self.driver = LibvirtDriver(types.SimpleNamespace(
            uri=self.host.uri, bin_dir='', env={}, instances_path=self.host.instances_path))
        self.addCleanup(self.driver.close)
        self.addCleanup(self.driver.give_back)

    def transient(self):
        """Return a running guest without a persistent configuration."""
        domain = self.host.connection.createXML(XML)
        self.assertFalse(domain.isPersistent())
        return domain.UUIDString()

    def test_a_transient_guest_that_shuts_down(self):
        """The driver reports it as off although its domain has disappeared."""
        uuid = self.transient()
        self.assertTrue(self.driver.shut_down(self.driver.require(uuid)))
        self.assertIsNone(self.driver.domain(uuid))

    def test_a_transient_guest_is_powered_off(self):
        """Powering off raises no error although the domain disappears."""
        uuid = self.transient()
        self.driver.power_off(uuid)
        self.assertEqual(PowerState.NOSTATE, self.driver.power_state(uuid))

    def test_another_error_during_a_shutdown(self):
        """An error other than a missing domain is raised."""
        domain = self.driver.require(self.transient())
        with self.host.faults.failing('domainGetInfo', skip=1):
            self.assertRaises(libvirt.libvirtError, self.driver.shut_down, domain)

    def test_a_closed_driver_calls_libvirt_no_more(self):
        """A killed service does not go on with a domain that it has looked up."""
        domain = self.driver.require(self.transient())
        self.driver.close()
        self.assertRaises(errors.HypervisorUnavailable, domain.destroy)

    def test_a_closed_driver_does_not_reconnect(self):
        """A closed driver opens no connection, because the host may have restarted since."""
        self.driver.close()
        self.assertRaises(errors.HypervisorUnavailable, self.driver.connect)
