"""Requests to a compute service that is down wait until it returns."""

from __future__ import annotations

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.fixtures.cloud import CloudFixture


class WaitingTest(base.VPMEMTestCase):

    def ask(self, *requests, evacuated=False, last):
        """Send a server's last request while its service is down, then start the service."""
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x4GiB'))
        server = self.cloud.boot(pmem='SMALL', host=self.cloud.hosts[0])
        for request in requests:
            getattr(server, request)()
        self.lost = self.cloud.compute(server.host)
        self.lost.stop()
        last(server)
        if evacuated:
            server.evacuate()
        self.lost.start()
        self.cloud.settle()
        return server

    def told(self, server, request):
        """Return the error details of the latest request of a name."""
        [*_, action] = [one for one in server.actions if one.action == request]
        return [event.details for event in action.events if event.details]

    # The service returns without an evacuation

    def test_a_suspend(self):
        """A pending suspend runs once."""
        server = self.ask(last=lambda server: server.suspend(expect=None))
        self.assertEqual('SUSPENDED', server.status)
        self.assertEqual([], self.told(server, 'suspend'))

    def test_a_resume(self):
        """A pending resume runs once."""
        server = self.ask('suspend', last=lambda server: server.resume(expect=None))
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual([], self.told(server, 'resume'))

    def test_a_rescue(self):
        """A pending rescue runs once."""
        server = self.ask(last=lambda server: server.rescue(expect=None))
        self.assertEqual('RESCUE', server.status)
        self.assertEqual([], self.told(server, 'rescue'))

    def test_a_shelve(self):
        """A pending shelve runs once and frees the namespaces."""
        server = self.ask(last=lambda server: server.shelve(expect=None))
        self.assertEqual('SHELVED_OFFLOADED', server.status)
        self.assertNamespacesFree(self.cloud, self.lost.host)

    def test_a_stop(self):
        """The service runs the stop at startup and from the queue; one event never finishes."""
        server = self.ask(last=lambda server: server.stop(expect=None))
        self.assertEqual('SHUTOFF', server.status)
        [*_, stop] = server.actions
        self.assertEqual(['Success', None], [event.result for event in stop.events])

    def test_a_start(self):
        """The service starts the guest at startup, so the queued start fails with a conflict."""
        server = self.ask('stop', last=lambda server: server.start(expect=None))
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual([
            f'Conflict updating instance {server.id}. Expected: '
            "{'task_state': ['powering-on']}. Actual: {'task_state': None}"],
            self.told(server, 'start'))

    def test_a_soft_reboot(self):
        """A running guest counts as rebooted, so the queued reboot fails with a conflict."""
        server = self.ask(last=lambda server: server.reboot(expect=None))
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual([
            f'Conflict updating instance {server.id}. Expected: '
            "{'task_state': ['rebooting', 'reboot_pending', 'reboot_started']}. "
            "Actual: {'task_state': None}"], self.told(server, 'reboot'))

    def test_a_rebuild(self):
        """The conductor's event of a pending rebuild succeeds."""
        self.cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:1x4GiB'))
        server = self.cloud.boot(pmem='SMALL')
        self.cloud.compute(server.host).stop()
        server.rebuild(wait=False)
        self.cloud.settle()
        [*_, rebuild] = server.actions
        self.assertEqual([('rebuild_server', 'Success')],
                         [(event.event, event.result) for event in rebuild.events])

    # The service returns after an evacuation

    def test_a_hard_reboot_of_an_evacuated_server(self):
        """The queued hard reboot fails with a conflict and does not change the server."""
        server = self.ask(evacuated=True, last=lambda server: server.reboot(
            hard=True, expect=None))
        self.assertEqual('SHUTOFF', server.status)
        self.assertEqual([
            f'Conflict updating instance {server.id}. Expected: {{\'task_state\': '
            "['rebooting_hard', 'reboot_pending_hard', 'reboot_started_hard']}. "
            "Actual: {'task_state': None}"], self.told(server, 'reboot'))

    def test_a_shelve_of_an_evacuated_server(self):
        """A shelve fails because there is no guest to snapshot."""
        server = self.ask(evacuated=True, last=lambda server: server.shelve(expect=None))
        self.assertEqual('SHUTOFF', server.status)
        self.assertEqual([f'Instance {server.id} is not running.'], self.told(server, 'shelve'))


class DeletionTest(base.VPMEMTestCase):
    """Deleting a server with an unconfirmed migration confirms it first, on the source."""

    def lose_source(self):
        """Delete a server while the service of its migration's source is down."""
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x4GiB'))
        server = self.cloud.boot(pmem='SMALL')
        self.source = self.cloud.compute(server.host)
        server.migrate()
        self.source.stop()
        self.error = self.assertRaises(errors.NovaException, server.delete)
        return server

    def test_a_delete_fails_without_the_source(self):
        """The delete fails after a timeout, and the returning source does not carry it out."""
        server = self.lose_source()
        self.assertEqual(500, self.error.status)
        self.assertIn('MessagingTimeout', str(self.error))
        self.assertEqual(('VERIFY_RESIZE', 'deleting'), (server.status, server.task_state))
        self.source.start()
        self.cloud.settle()
        self.assertEqual(('VERIFY_RESIZE', 'deleting'), (server.status, server.task_state))

    def test_repeated_deletes_confirm_and_then_delete(self):
        """A second delete confirms the migration, and a third one deletes the server."""
        server = self.lose_source()
        self.source.start()
        server.delete(expect='ACTIVE')
        self.assertNamespacesFree(self.cloud, self.source.host)
        server.delete()
        self.assertFalse(server.exists)

    def test_a_repeated_delete_succeeds_without_the_destination(self):
        """A second delete succeeds without the destination's service."""
        server = self.lose_source()
        self.source.start()
        self.cloud.compute(server.host).stop()
        server.delete()
        self.assertFalse(server.exists)
