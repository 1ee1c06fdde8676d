"""The stub's domain XML equals Nova's."""

from __future__ import annotations

import datetime
import pathlib

import testtools
from lxml import etree

from vpmem_harness.cloud.api import VPMEMDevice
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.stub.compute.guest import (
    NOVA_NAMESPACE,
    Guest,
    HostCell,
    Owner,
    cpu_spec,
    domain_xml,
)

GOLDEN = pathlib.Path(__file__).parents[4] / 'golden' / 'nova'

SMALL = VPMEMDevice('SMALL', 'ns_0', '/dev/dax0.0', 4292870144, 2097152)
LARGE = VPMEMDevice('LARGE', 'ns_1', '/dev/dax0.1', 8585740288, 2097152)


class GuestXMLTest(testtools.TestCase):

    def assert_is_novas(self, recording, pmem, vpmems, vcpus=1, rescue=False):
        """Compare the whole document with the one that Nova wrote for the same instance."""
        expected = (GOLDEN / recording).read_text()
        nova = etree.fromstring(expected)

        def of(path):
            return nova.find(path, {'nova': NOVA_NAMESPACE})

        uuid = nova.findtext('uuid')
        created = datetime.datetime.fromisoformat(of('.//nova:creationTime').text)
        got = domain_xml(Guest(
            uuid=uuid,
            name='instance-00000001',
            display_name='Acme webserver',
            created=created,
            flavor=Flavor('f1', '7', vcpus=vcpus, extra_specs={'hw:pmem': pmem} if pmem else {}),
            image_id=of('.//nova:image').get('uuid'),
            owner=Owner(of('.//nova:user').get('uuid'), of('.//nova:project').get('uuid')),
            instance_path=f'/var/lib/nova/instances/{uuid}',
            cell=HostCell(0, (0, 1)),
            vpmems=vpmems,
            rescue=rescue))
        self.assertEqual(expected, got)

    def test_one_namespace(self):
        """A namespace adds a device, its size to the maximum memory, and a NUMA cell."""
        self.assert_is_novas('one-namespace.xml', 'SMALL', [SMALL])

    def test_namespaces_in_the_order_of_the_flavor(self):
        """Two namespaces become two devices with two slots, and each vCPU is pinned to the cell."""
        self.assert_is_novas('two-namespaces.xml', 'LARGE,SMALL', [LARGE, SMALL], vcpus=2)

    def test_no_persistent_memory(self):
        """A guest without persistent memory has no NUMA cell and no pinning."""
        self.assert_is_novas('no-persistent-memory.xml', '', [])

    def test_rescue(self):
        """The rescue disk comes first, and the namespace remains."""
        self.assert_is_novas('rescue.xml', 'SMALL', [SMALL], rescue=True)


    def test_names_with_special_characters(self):
        """Names and extra specs get to libvirt as they are."""
        name, value = '<a> & "b" \'c\' ü', 'x"<&>'
        guest = Guest(
            uuid='u', name='i', display_name=name, created=datetime.datetime(2026, 1, 1),
            flavor=Flavor(name, '1', extra_specs={'quota:a"b': value}), image_id='im',
            owner=Owner('user', 'project'), instance_path='/a"&b', cell=None)
        domain = etree.fromstring(domain_xml(guest))
        flavor = domain.find('.//{*}flavor')
        [spec] = flavor.iterfind('{*}extraSpecs/{*}extraSpec')
        self.assertEqual(
            (name, name, 'quota:a"b', value, '/a"&b/disk'),
            (domain.findtext('.//{*}instance/{*}name'), flavor.get('name'), spec.get('name'),
             spec.text, domain.find('.//disk/source').get('file')))


class CPUSpecTest(testtools.TestCase):

    def test_consecutive_cpus_form_a_range(self):
        """Consecutive CPUs are written as a range, as in libvirt."""
        self.assertEqual('0-3,8', cpu_spec({8, 1, 0, 2, 3}))
