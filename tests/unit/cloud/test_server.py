"""Handle of a server, and the errors that a test gets from it."""

from __future__ import annotations

import functools
import traceback

from tests import base
from vpmem_harness.cloud.server import NoFaultError
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures import CloudFixture, HostFixture, InventoryFixture, TestSeed


class ServerTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:1x1GiB', backend='stub'))

    def test_a_fault(self):
        """A server in ERROR has a fault."""
        refused = self.cloud.boot(pmem='SMALL,SMALL', expect='ERROR')
        self.assertIn('No valid host', refused.fault.message)
        self.assertEqual(refused.fault, refused.fault_or_none)

    def test_no_fault(self):
        """The error names the server and its status."""
        server = self.cloud.boot(pmem='SMALL')
        self.assertIsNone(server.fault_or_none)
        error = self.assertRaises(NoFaultError, lambda: server.fault)
        self.assertIn("server 'server1' is ACTIVE and has no fault", str(error))

    def test_a_failed_boot_shows_the_tests_line(self):
        """The traceback has one frame of the harness, and no exception of a service."""
        error = self.assertRaises(UnexpectedStateError, self.cloud.boot, pmem='SMALL,SMALL')
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if 'vpmem_harness/' in frame.filename]
        self.assertEqual(['call'], [frame.name for frame in ours])
        self.assertNotIn('During handling', ''.join(traceback.format_exception(error)))

    def test_a_label_that_no_host_has(self):
        """The error of a boot says so for each host."""
        error = self.assertRaises(UnexpectedStateError, self.cloud.boot, pmem='HUGE')
        self.assertEqual(['its flavor has HUGE; host1 up, SMALL 1 of 1 free, no HUGE'],
                         error.__notes__)

    def test_a_build_that_failed_on_each_host(self):
        """The error of a boot has the call that failed, which Nova's message does not name."""
        with self.cloud.hosts[0].faults.failing('domainCreateWithFlags'):
            error = self.assertRaises(UnexpectedStateError, self.cloud.boot, pmem='SMALL')
        [note] = error.__notes__
        self.assertRegex(note, '^host1: .* domain_create_with_flags instance-')

    def test_a_move_in_a_cloud_with_one_host(self):
        """The error says that there is no other host, and how to start two."""
        server = self.cloud.boot(pmem='SMALL')
        resize = functools.partial(server.resize, pmem='SMALL,SMALL')
        for move in (server.live_migrate, server.migrate, resize):
            error = self.assertRaises(UnexpectedStateError, move)
            self.assertIn('host1 is the only host of the cloud', error.__notes__[-1])
            self.assertIn('CloudFixture(hosts=2)', error.__notes__[-1])

    def test_a_move_that_finds_no_other_host(self):
        """In a cloud with two hosts, the error shows only what the hosts have."""
        cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:1x1GiB', backend='stub'))
        server = cloud.boot(pmem='SMALL')
        cloud.boot(pmem='SMALL')
        error = self.assertRaises(UnexpectedStateError, server.live_migrate)
        self.assertEqual(1, len(error.__notes__))

    def test_a_failed_request_that_changes_nothing(self):
        """The error says that the request failed."""
        server = self.cloud.boot(pmem='SMALL')
        error = self.assertRaises(UnexpectedStateError, server.live_migrate)
        self.assertTrue(str(error).startswith(
            "the request failed, and server 'server1' is still ACTIVE: No valid host"))

    def test_an_unexpected_exception_keeps_its_frames(self):
        """An unexpected exception keeps all its frames."""
        self.cloud.backend.create_server = lambda *arguments: 1 / 0
        error = self.assertRaises(ZeroDivisionError, self.cloud.boot)
        self.assertIn('boot', [frame.name for frame in traceback.extract_tb(error.__traceback__)])

    def test_assert_fault_names_the_server(self):
        """The failure of assertFault names the server, its status and its fault."""
        server = self.cloud.boot(pmem='SMALL')
        error = self.assertRaises(AssertionError, self.assertFault, server, 'No valid host')
        self.assertEqual(
            "server server1 is ACTIVE with no fault; expected ERROR and a fault with "
            "'No valid host'", str(error))
        refused = self.cloud.boot(pmem='SMALL', expect='ERROR')
        error = self.assertRaises(AssertionError, self.assertFault, refused, 'disk full')
        self.assertIn("server2 is ERROR with the fault 'No valid host was found. '", str(error))

    def test_a_failed_test_shows_only_its_own_line(self):
        """The traceback of a VPMEMTestCase has no frame of the harness."""
        cloud = self.cloud

        class Failing(base.testcase.VPMEMTestCase):
            def test(self):
                cloud.boot(pmem='SMALL,SMALL')

        case = Failing('test')
        case.run()
        shown = case.getDetails()['traceback'].as_text()
        self.assertIn("cloud.boot(pmem='SMALL,SMALL')", shown)
        self.assertIn('No valid host', shown)
        self.assertEqual(1, shown.count('File "'))

    def test_reprs(self):
        """The repr of each public object describes it."""
        host = self.cloud.hosts[0]
        name = host.name
        self.assertEqual(f'<CloudFixture on stub: {name} up; no servers>', repr(self.cloud))
        server = self.cloud.boot(pmem='SMALL')
        self.assertEqual(f'<Server server1 ACTIVE on {name} with ns_0>', repr(server))
        self.assertEqual(f'<CloudFixture on stub: {name} up; server1 ACTIVE>', repr(self.cloud))
        server.delete()
        self.assertEqual('<Server server1 DELETED>', repr(server))
        self.assertEqual(f'<Host {name}: 1 namespace, {host.uri}>', repr(host))
        self.assertEqual(f'<Faults of {name}: none in force>', repr(host.faults))
        with host.faults.tool_hanging('ndctl', 'list'):
            self.assertEqual(f'<Faults of {name}: ndctl list hangs>', repr(host.faults))

    def test_reprs_before_set_up(self):
        """The repr of a fixture works before setUp."""
        self.assertEqual('<CloudFixture: not set up>', repr(CloudFixture()))
        self.assertEqual('<HostFixture not set up>', repr(HostFixture()))
        self.assertEqual('<InventoryFixture: not set up, seed 5>', repr(InventoryFixture(seed=5)))
        self.assertIn('TestSeed', repr(TestSeed()))

    def test_the_connection_is_closed_with_the_cloud(self):
        """The connection of a host is closed with the cloud."""
        with CloudFixture(hosts=1, backend='stub') as cloud:
            connection = cloud.hosts[0].connection
            self.assertEqual(cloud.hosts[0].name, connection.getHostname())
            self.assertIs(connection, cloud.hosts[0].connection)
        self.assertIsNone(connection._o)
