"""What a compute service does on its host, and what it does no more once it has been killed."""

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
        """A guest that runs, and has no configuration."""
        domain = self.host.connection.createXML(XML)
        self.assertFalse(domain.isPersistent())
        return domain.UUIDString()

    def test_a_guest_without_a_configuration_that_shuts_down(self):
        """It is off, although it is not there any more."""
        uuid = self.transient()
        self.assertTrue(self.driver.shut_down(self.driver.require(uuid)))
        self.assertIsNone(self.driver.domain(uuid))

    def test_a_guest_without_a_configuration_is_turned_off(self):
        """No error says that it is gone then."""
        uuid = self.transient()
        self.driver.power_off(uuid)
        self.assertEqual(PowerState.NOSTATE, self.driver.power_state(uuid))

    def test_another_error_while_a_guest_shuts_down(self):
        """It is none that says that the guest is off."""
        domain = self.driver.require(self.transient())
        with self.host.faults.failing('domainGetInfo', skip=1):
            self.assertRaises(libvirt.libvirtError, self.driver.shut_down, domain)

    def test_a_closed_driver_connects_no_more(self):
        """The host that a killed service would reach may have restarted since."""
        self.driver.close()
        self.assertRaises(errors.HypervisorUnavailable, self.driver.connect)
