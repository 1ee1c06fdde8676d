"""A fleet and its state."""

from __future__ import annotations

import json
import os
from pathlib import Path

import fixtures
import libvirt

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.fleet import Fleet
from vpmem_harness.fleet.places import Places
from vpmem_harness.fleet.snapshot import fleet_from_json, to_json
from vpmem_harness.fleet.spec import FleetSpec, HostGroup, HostNames, make_specs

PMEM = 'SMALL:2x4GiB,LARGE:1x16GiB'


class FleetTest(base.TestCase):

    def fleet(self, hosts=1, cloud=False):
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        fleet = Fleet(FleetSpec(name='test', seed=1, cloud=cloud, hosts=self.specs(hosts)),
                      Places(directory, directory))
        fleet.start()
        self.addCleanup(fleet.stop)
        return fleet

    def specs(self, count, first=1):
        return make_specs([HostGroup(count, None, {'pmem': PMEM}, 'test', Path())],
                          HostNames(first=first))

    def test_state_of_a_new_host(self):
        """A new host has its regions and namespaces, and nobody holds them."""
        (host,) = self.fleet().state().hosts
        self.assertEqual(
            [('ns_0', 'SMALL', (), ()), ('ns_1', 'SMALL', (), ()), ('ns_2', 'LARGE', (), ())],
            sorted((one.name, one.label, one.holders, one.writers) for one in host.namespaces))
        self.assertEqual(('running', None, (), ()),
                         (host.libvirtd, host.compute, host.domains, host.faults))

    def test_state_of_a_server(self):
        """A server shows as server, as domain, and as holder and writer of its namespace."""
        fleet = self.fleet(cloud=True)
        fleet.cloud.boot(pmem='LARGE', name='db')
        state = fleet.state()
        (host,), (server,) = state.hosts, state.servers
        (domain,) = host.domains
        held = next(one for one in host.namespaces if one.name == 'ns_2')
        self.assertEqual(('db', 'ACTIVE', 'host1', ('ns_2',)),
                         (server.name, server.status, server.host, server.namespaces))
        self.assertEqual(('db', 'running', (held.device,)),
                         (domain.server, domain.state, domain.devices))
        self.assertEqual(((domain.name,), ('db',), ('db',)),
                         (held.holders, held.claimed_by, held.writers))
        used = {one.resource_class: one.used for one in host.resources}
        self.assertEqual(1, used['CUSTOM_PMEM_NAMESPACE_LARGE'])

    def test_namespaces_lie_in_their_region(self):
        """Offsets and sizes fit into the region, and do not overlap."""
        (host,) = self.fleet().state().hosts
        for region in host.regions:
            end = 0
            for one in sorted(region.namespaces, key=lambda one: one.offset):
                self.assertGreaterEqual(one.offset, end)
                end = one.offset + one.raw_size
            self.assertLessEqual(end, region.size)

    def test_faults_in_force(self):
        """A fault has a number and the number of calls that it has struck."""
        fleet = self.fleet()
        host = fleet.host('host1')
        host.faults.failing('connectGetHostname')
        self.assertRaises(libvirt.libvirtError, host.connection.getHostname)
        ((fault,),) = [one.faults for one in fleet.state().hosts]
        self.assertEqual((1, 1, 0), (fault.number, fault.struck, fault.holding))

    def test_state_as_json(self):
        """The state survives JSON."""
        fleet = self.fleet(cloud=True)
        fleet.cloud.boot(pmem='SMALL')
        state = fleet.state()
        self.assertEqual(state, fleet_from_json(json.loads(json.dumps(to_json(state)))))

    def test_calls_after_the_last_known_one(self):
        """Only new calls are returned, at most as many as wanted."""
        fleet = self.fleet()
        host = fleet.host('host1')
        host.run('ndctl', 'list')
        host.run('daxctl', 'list')
        first, second = fleet.calls_after({}, 10)
        self.assertEqual(('ndctl list', 'daxctl list'), (first.text, second.text))
        self.assertEqual([second], fleet.calls_after({'host1': first.number}, 10))
        self.assertEqual([second], fleet.calls_after({}, 1))

    def test_list_of_hosts_for_programs(self):
        """``hosts.json`` has what a program needs to use each host."""
        fleet = self.fleet(2)
        listed = json.loads((fleet.directory / 'hosts.json').read_text())['hosts']
        self.assertEqual(['host1', 'host2'], [host['name'] for host in listed])
        self.assertEqual(fleet.host('host2').uri, listed[1]['uri'])
        self.assertTrue(os.access(f'{listed[0]["tools"]}/ndctl', os.X_OK))
        self.assertIn('LARGE:', listed[0]['pmem_namespaces'])

    def test_an_unknown_host(self):
        """The error lists the hosts."""
        error = self.assertRaises(InvalidInputError, self.fleet(2).host, 'host3')
        self.assertIn('host1, host2', str(error))

    def test_a_host_is_added(self):
        """A server can boot on a host that was added, and migrate to it."""
        fleet = self.fleet(cloud=True)
        server = fleet.cloud.boot(pmem='SMALL')
        (added,) = self.specs(1, first=2)
        fleet.add_host(added)
        server.live_migrate('host2')
        self.assertEqual(['host1', 'host2'], [host.name for host in fleet.state().hosts])
        self.assertEqual('host2', server.host)

    def test_hosts_know_each_other(self):
        """A guest can migrate by name to every host of the fleet, one that was added included."""
        fleet = self.fleet(2)
        (added,) = self.specs(1, first=3)
        fleet.add_host(added)
        self.assertEqual([['host1', 'host2', 'host3']] * 3,
                         [sorted(host.peers.neighbours) for host in fleet.hosts.values()])

    def test_a_removed_host_is_unknown(self):
        """The other hosts forget a host that was removed."""
        fleet = self.fleet(2)
        fleet.remove_host('host2')
        self.assertEqual(['host1'], list(fleet.host('host1').peers.neighbours))

    def test_a_name_twice(self):
        """A host of a name that is taken is refused."""
        fleet = self.fleet()
        self.assertRaises(InvalidInputError, fleet.add_host, self.specs(1)[0])

    def test_a_host_is_removed(self):
        """The host, its provider and its directory are gone."""
        fleet = self.fleet(2, cloud=True)
        fleet.remove_host('host1')
        self.assertEqual(['host2'], [host.name for host in fleet.state().hosts])
        self.assertEqual('host2', fleet.cloud.boot(pmem='SMALL').host)
        self.assertEqual(['host2', 'hosts.json'], sorted(os.listdir(fleet.directory)))

    def test_a_host_with_servers_stays(self):
        """Nova refuses to delete the service of a host with servers."""
        fleet = self.fleet(cloud=True)
        server = fleet.cloud.boot(pmem='SMALL')
        self.assertRaises(errors.Conflict, fleet.remove_host, 'host1')
        self.assertEqual('ACTIVE', server.status)
        server.delete()
        fleet.remove_host('host1')
        self.assertEqual((), fleet.state().hosts)

    def test_nothing_is_left_in_the_directory(self):
        """A fleet that has stopped has removed its files."""
        fleet = self.fleet(2, cloud=True)
        fleet.stop()
        self.assertEqual([], os.listdir(fleet.directory))
