"""vCPUs that a definition lists."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.xml.domain.test_parser import DomainCase
from vpmem_harness.libvirtd.errors import LibvirtError

DOMAIN = ("<domain type='qemu'><name>guest</name><memory unit='MiB'>64</memory><vcpu>4</vcpu>"
          "<vcpus>{}</vcpus><os><type machine='pc'>hvm</type></os></domain>")
BOOT = "<vcpu id='0' enabled='yes'/>"


def vcpu(number, enabled, hotpluggable, more=''):
    """Return a vCPU."""
    return (f"<vcpu id='{number}' enabled='{enabled}' hotpluggable='{hotpluggable}' {more}/>")


class VcpusTest(DomainCase):

    def test_vcpus_that_are_not_listed(self):
        """vCPUs beside those that are listed are offline, and count."""
        definition = self.parse(DOMAIN.format(BOOT + "<vcpu id='2' enabled='yes' order='0'/>"))
        self.assertEqual('2', definition.root.find('vcpu').get('current'))
        self.assertEqual([('yes', 'no'), ('no', 'yes'), ('yes', 'no'), ('no', 'yes')], [
            (found.get('enabled'), found.get('hotpluggable'))
            for found in definition.root.findall('vcpus/vcpu')])
        self.assertEqual([], definition.root.findall('vcpus/vcpu[@order]'))

    def test_contradictions(self):
        """The first vCPU is always online, and those that cannot be plugged precede others."""
        for vcpus, message in (
                ("<vcpu id='0' enabled='no'/>",
                 "unsupported configuration: vcpu 0 can't be offline"),
                (vcpu(0, 'yes', 'yes'), "unsupported configuration: vcpu0 can't be hotpluggable"),
                (BOOT + vcpu(1, 'no', 'no'), "unsupported configuration: vcpu '1' is both offline "
                                             'and not hotpluggable'),
                (BOOT + vcpu(9, 'no', 'yes'), "XML error: vcpu id '9' is out of range of maximum "
                                              'vcpu count'),
                (BOOT + vcpu(1, 'yes', 'yes', "order='2'"), 'unsupported configuration: all vcpus '
                                                            'must have either set or unset order'),
                (BOOT + vcpu(1, 'no', 'yes') + vcpu(2, 'yes', 'no'),
                 'unsupported configuration: online non-hotpluggable vcpus need to be ordered '
                 'prior to hotplugable vcpus')):
            error = self.assertRaises(LibvirtError, self.parse, DOMAIN.format(vcpus))
            self.assertEqual(message, error.message)


class StartTest(testtools.TestCase):

    def test_order(self):
        """libvirt checks the order again when the guest starts, with what it has completed."""
        client = hosts.Client(hosts.recorded_host())
        domain = client.domain_define_xml(DOMAIN.format(
            BOOT + "<vcpu id='1' enabled='no'/><vcpu id='2' enabled='yes'/>"))
        error = hosts.refusal(client.domain_create, domain)
        self.assertEqual('unsupported configuration: online non-hotpluggable vcpus need to be '
                         'ordered prior to hotplugable vcpus', error.message)
