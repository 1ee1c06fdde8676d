"""Fleets that go on in another process."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import fixtures
import libvirt
from lxml import etree

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet import saved
from vpmem_harness.fleet.fleet import Fleet
from vpmem_harness.fleet.places import Places
from vpmem_harness.fleet.spec import FleetSpec, HostGroup, HostNames, make_specs

PMEM = 'SMALL:3x4GiB,LARGE:1x16GiB'


class SavedTest(base.TestCase):

    def start(self, spec, state=None):
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        fleet = Fleet(spec, Places(directory, directory), saved=state)
        fleet.start()
        self.addCleanup(fleet.stop)
        return fleet

    def fleet(self, hosts=1, cloud=False, **values):
        specs = make_specs([HostGroup(hosts, None, values or {'pmem': PMEM}, 'test', Path())],
                           HostNames())
        return self.start(FleetSpec(name='test', seed=1, cloud=cloud, hosts=specs))

    def file(self, fleet):
        path = Path(self.useFixture(fixtures.TempDir()).path) / 'fleet.json'
        saved.write(saved.to_values(fleet.save()), path)
        return path

    def again(self, fleet):
        """Save a fleet, end it, and start it from the file."""
        path = self.file(fleet)
        fleet.stop()
        state = saved.read(path)
        return self.start(state.spec, state)

    def comparable(self, fleet):
        """The state of a fleet without what belongs to the process."""
        state = fleet.state()
        hosts = tuple(dataclasses.replace(host, uri='', tools='', calls=0) for host in state.hosts)
        return dataclasses.replace(state, hosts=hosts, time=0.0, directory='')

    def test_hosts_with_random_memory(self):
        """Namespaces, labels, contents and listings are the same."""
        fleet = self.fleet(2, profile='hostile')
        host = fleet.host('host1')
        host.pmem.write(next(one.path for one in host.namespaces if one.mode == 'devdax'), 'me')
        words = ('ndctl', 'list', '-NRDvi')
        before = self.comparable(fleet), [one.run(*words) for one in fleet.hosts.values()]
        again = self.again(fleet)
        self.assertEqual(before, (self.comparable(again),
                                  [one.run(*words) for one in again.hosts.values()]))

    def test_a_fleet_with_servers(self):
        """Servers, domains, holders, writers and allocations are the same."""
        fleet = self.fleet(2, cloud=True)
        cloud = fleet.cloud
        cloud.boot(pmem='SMALL', name='a', host='host1')
        cloud.boot(pmem='SMALL', name='b', host='host2').stop()
        cloud.boot(pmem='SMALL', name='c', host='host1').resize(pmem='LARGE')
        cloud.boot(pmem='SMALL', name='d', host='host1').delete()
        before = self.comparable(fleet)
        self.assertEqual(before, self.comparable(self.again(fleet)))

    def test_servers_go_on(self):
        """Every operation works on the servers afterwards, and new UUIDs differ from old ones."""
        fleet = self.fleet(2, cloud=True)
        fleet.cloud.boot(pmem='SMALL', name='a', host='host1')
        fleet.cloud.boot(pmem='SMALL', name='b', host='host1').resize(pmem='LARGE')
        fleet.cloud.boot(pmem='SMALL', name='c', host='host2').stop()
        known = {server.id for server in fleet.cloud.servers}
        cloud = self.again(self.again(fleet)).cloud
        servers = {server.name: server for server in cloud.servers}
        self.assertNotIn(cloud.boot(pmem='SMALL', name='e').id, known)
        servers['a'].live_migrate('host2')
        servers['b'].revert_resize()
        servers['c'].start()
        for server in cloud.servers:
            server.delete()
        self.assertEqual([], [one for host in cloud.hosts for one in host.hypervisor.domains])

    def test_running_guests_lock_their_images(self):
        """No other guest can write to the image of a guest that has run since before."""
        fleet = self.fleet(cloud=True)
        fleet.cloud.boot(pmem='SMALL', name='a')
        connection = self.again(fleet).host('host1').connection
        [domain] = connection.listAllDomains()
        root = etree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        root.find('name').text = 'b'
        for found in (*root.findall('uuid'), *root.findall('devices/memory')):
            found.getparent().remove(found)
        other = connection.defineXML(etree.tostring(root, encoding='unicode'))
        error = self.assertRaises(libvirt.libvirtError, other.create)
        self.assertIn('Failed to get "write" lock', str(error))

    def test_checkpoints(self):
        """The checkpoints of a domain remain, with their bitmaps."""
        fleet = self.fleet()
        host = fleet.host('host1')
        image = host.layout.root / 'files/disk'
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(bytes(1024**2))
        domain = host.connection.defineXML(
            "<domain type='qemu'><name>guest</name><memory>65536</memory><os><type>hvm</type></os>"
            "<devices><disk type='file'><driver name='qemu' type='qcow2'/>"
            f"<source file='{image}'/><target dev='vda'/></disk></devices></domain>")
        domain.create()
        domain.checkpointCreateXML('<domaincheckpoint><name>one</name></domaincheckpoint>')
        [domain] = self.again(fleet).host('host1').connection.listAllDomains()
        checkpoint = domain.checkpointLookupByName('one')
        self.assertIn("size='0'", checkpoint.getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE))

    def test_services_and_daemons_that_are_down(self):
        """What did not run does not run afterwards."""
        fleet = self.fleet(2, cloud=True)
        fleet.cloud.compute('host1').stop()
        fleet.cloud.compute('host2').stop()
        fleet.host('host2').faults.daemon_down()
        hosts = self.again(fleet).state().hosts
        self.assertEqual([('running', 'down'), ('down', 'down')],
                         [(host.libvirtd, host.compute) for host in hosts])

    def test_the_file_is_private(self):
        """Only the user can read the file."""
        self.assertEqual(0o600, self.file(self.fleet()).stat().st_mode & 0o777)

    def test_files_that_cannot_be_loaded(self):
        """A changed file, another version and other files are refused."""
        path = self.file(self.fleet())
        document = json.loads(path.read_text())

        def refused(text):
            path.write_text(text)
            return str(self.assertRaises(InvalidInputError, saved.read, path))

        self.assertIn('version 2', refused(json.dumps({**document, 'version': 2})))
        fleet = {**document['fleet'], 'generation': 7}
        self.assertIn('changed', refused(json.dumps({**document, 'fleet': fleet})))
        self.assertIn('generation', refused(json.dumps(
            {**document, 'fleet': {**fleet, 'generation': 'x'}})))
        fleet = {**document['fleet'], 'hosts': {}}
        self.assertIn('state of each host', refused(json.dumps(
            {**document, 'fleet': fleet, 'checksum': saved._checksum(fleet)})))
        for text in ('', '[]', '{"format": "x"}', '{', '1'):
            refused(text)
        path.unlink()
        self.assertRaises(InvalidInputError, saved.read, path)

    def test_a_file_that_cannot_be_written(self):
        """The error names the file."""
        error = self.assertRaises(InvalidInputError, saved.write, {}, Path('/nonexistent/file'))
        self.assertIn('/nonexistent/file', str(error))
