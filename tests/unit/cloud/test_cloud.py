"""Transcript and argument validation of a cloud."""

from __future__ import annotations

from tests import base
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import CloudFixture, HostFixture


class CloudTest(base.TestCase):

    def start_cloud(self, **options):
        return self.useFixture(
            CloudFixture(hosts=1, pmem='SMALL:2x1GiB', backend='stub', **options))

    def test_the_transcript_of_a_failed_boot(self):
        """The transcript has the free namespaces and the requested labels."""
        cloud = self.start_cloud()
        cloud.boot(pmem='SMALL')
        cloud.boot(pmem='SMAL', expect='ERROR')
        transcript = cloud.transcript()
        self.assertIn(f'{cloud.hosts[0].name} up, SMALL 1 of 2 free\n', transcript)
        self.assertIn(
            'server2 is ERROR on no host with no namespace for SMAL: No valid', transcript)

    def test_no_valid_host(self):
        """The error of a server that fits nowhere says what it wants and what the hosts have."""
        cloud = self.start_cloud()
        error = self.assertRaises(UnexpectedStateError, cloud.boot, pmem='HUGE')
        [note] = error.__notes__
        self.assertEqual(
            f'its flavor has HUGE; {cloud.hosts[0].name} up, SMALL 2 of 2 free, no HUGE',
            note)

    def test_too_little_ordinary_memory(self):
        """The error names other resources of which a host has less than the flavor wants."""
        cloud = self.start_cloud()
        error = self.assertRaises(UnexpectedStateError, cloud.boot, pmem='SMALL', ram=10**9)
        [note] = error.__notes__
        self.assertRegex(note, r'SMALL 2 of 2 free, MEMORY_MB (\d+) of \1 free$')

    def test_the_transcript_names_a_stopped_service(self):
        """The transcript names a stopped service, which explains a failed boot."""
        cloud = self.start_cloud()
        cloud.compute(cloud.hosts[0]).kill()
        self.assertIn(' down, SMALL 2 of 2 free', cloud.transcript())

    def test_the_configuration_of_a_service(self):
        """The option accepts the value of the host's ``pmem_namespaces``, or a list."""
        cloud = self.start_cloud()
        host = cloud.hosts[0]
        for value, count in (
                ('SMALL:ns_0, LARGE:ns_1', 1), (host.pmem_namespaces, 2), (['SMALL:ns_1'], 1)):
            cloud.compute(host).restart(pmem_namespaces=value)
            self.assertEqual(
                count, cloud.inventories(host)['CUSTOM_PMEM_NAMESPACE_SMALL'].total, value)

    def test_invalid_flavor_arguments_are_refused(self):
        """The error names the argument, and no server is created."""
        cloud = self.start_cloud()
        for arguments, what in (
                ({'ram': '512'}, 'ram of a flavor'), ({'vcpus': 0}, 'vcpus of a flavor'),
                ({'disk': -1}, 'disk of a flavor'), ({'pmem': ['SMALL']}, 'hw:pmem of a flavor'),
                ({'extra_specs': {'hw:numa_nodes': 2}}, 'hw:numa_nodes of a flavor'),
                ({'flavor': '5'}, 'flavor'), ({'name': 5}, 'name of a server')):
            self.assertEqual(
                what, self.assertRaises(InvalidInputError, cloud.boot, **arguments).what)
        self.assertEqual([], cloud.servers)

    def test_contradictory_arguments_are_refused(self):
        """Two values for the same thing are refused, because one would be ignored."""
        cloud = self.start_cloud()
        flavor = cloud.flavor('SMALL')
        for ask, arguments in (
                (cloud.boot, {'pmem': 'SMALL', 'flavor': flavor}),
                (cloud.boot, {'pmem': 'SMALL', 'extra_specs': {'hw:pmem': 'LARGE'}}),
                (cloud.boot, {'extra_specs': {'a': 'b'}, 'flavor': flavor}),
                (cloud.boot().resize, {'pmem': 'LARGE', 'flavor': flavor})):
            self.assertRaises(InvalidInputError, ask, **arguments)
        self.assertEqual(1, len(cloud.servers))

    def test_an_invalid_host_is_refused(self):
        """A number is refused as a host, and so is a fixture that is not set up."""
        cloud = self.start_cloud()
        for host in (0, None, HostFixture()):
            error = self.assertRaises(InvalidInputError, cloud.compute, host)
            self.assertEqual('host', error.what)

    def test_an_invalid_status_is_refused(self):
        """An invalid status is refused before the request, which would leave a server behind."""
        cloud = self.start_cloud()
        server = cloud.boot()
        for ask in (cloud.boot, server.delete, server.live_migrate):
            for status in ('Active', ['ACTIVE']):
                error = self.assertRaises(InvalidInputError, ask, expect=status)
                self.assertEqual('status', error.what)
        self.assertEqual([server.id], [each.id for each in cloud.servers])
        self.assertEqual('ACTIVE', server.status)
