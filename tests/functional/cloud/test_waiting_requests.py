"""What is asked of a compute service that is down waits for it."""

from __future__ import annotations

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.fixtures.cloud import CloudFixture


class WaitingTest(base.VPMEMTestCase):

    def ask(self, *requests, evacuated=False, last):
        """A server whose service was down when it was asked the last of some requests."""
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
        """What is told of the last request of a name: its steps' errors."""
        [*_, action] = [one for one in server.actions if one.action == request]
        return [event.details for event in action.events if event.details]

    # The service returns

    def test_a_suspension(self):
        """It is done once."""
        server = self.ask(last=lambda server: server.suspend(expect=None))
        self.assertEqual('SUSPENDED', server.status)
        self.assertEqual([], self.told(server, 'suspend'))

    def test_a_resumption(self):
        """It is done once."""
        server = self.ask('suspend', last=lambda server: server.resume(expect=None))
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual([], self.told(server, 'resume'))

    def test_a_rescue(self):
        """It is done once."""
        server = self.ask(last=lambda server: server.rescue(expect=None))
        self.assertEqual('RESCUE', server.status)
        self.assertEqual([], self.told(server, 'rescue'))

    def test_shelving(self):
        """It is done once, and its namespaces are free."""
        server = self.ask(last=lambda server: server.shelve(expect=None))
        self.assertEqual('SHELVED_OFFLOADED', server.status)
        self.assertNamespacesFree(self.cloud, self.lost.host)

    def test_a_stop(self):
        """The service does it when it starts, and once more; of two such steps one has no end."""
        server = self.ask(last=lambda server: server.stop(expect=None))
        self.assertEqual('SHUTOFF', server.status)
        [*_, stop] = server.actions
        self.assertEqual(['Success', None], [event.result for event in stop.events])

    def test_a_start(self):
        """The service does it when it starts, and fails when it takes it, for it has been done."""
        server = self.ask('stop', last=lambda server: server.start(expect=None))
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual([
            f'Conflict updating instance {server.id}. Expected: '
            "{'task_state': ['powering-on']}. Actual: {'task_state': None}"],
            self.told(server, 'start'))

    def test_a_soft_reboot(self):
        """A guest that runs is taken for one that has been rebooted."""
        server = self.ask(last=lambda server: server.reboot(expect=None))
        self.assertEqual('ACTIVE', server.status)
        self.assertEqual([
            f'Conflict updating instance {server.id}. Expected: '
            "{'task_state': ['rebooting', 'reboot_pending', 'reboot_started']}. "
            "Actual: {'task_state': None}"], self.told(server, 'reboot'))

    def test_a_rebuild_is_on_its_way(self):
        """The conductor has done its part."""
        self.cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:1x4GiB'))
        server = self.cloud.boot(pmem='SMALL')
        self.cloud.compute(server.host).stop()
        server.rebuild(wait=False)
        self.cloud.settle()
        [*_, rebuild] = server.actions
        self.assertEqual([('rebuild_server', 'Success')],
                         [(event.event, event.result) for event in rebuild.events])

    # It returns after an evacuation

    def test_a_hard_reboot_of_a_server_that_was_evacuated(self):
        """It finds the server at rest, and does nothing to it."""
        server = self.ask(evacuated=True, last=lambda server: server.reboot(
            hard=True, expect=None))
        self.assertEqual('SHUTOFF', server.status)
        self.assertEqual([
            f'Conflict updating instance {server.id}. Expected: {{\'task_state\': '
            "['rebooting_hard', 'reboot_pending_hard', 'reboot_started_hard']}. "
            "Actual: {'task_state': None}"], self.told(server, 'reboot'))

    def test_shelving_of_a_server_that_was_evacuated(self):
        """There is no guest of which an image could be made."""
        server = self.ask(evacuated=True, last=lambda server: server.shelve(expect=None))
        self.assertEqual('SHUTOFF', server.status)
        self.assertEqual([f'Instance {server.id} is not running.'], self.told(server, 'shelve'))


class DeletionTest(base.VPMEMTestCase):
    """To delete a server whose move is not confirmed is to confirm it first, on its source."""

    def lose_source(self):
        """A server that was to be deleted while the service was down that it came from."""
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x4GiB'))
        server = self.cloud.boot(pmem='SMALL')
        self.source = self.cloud.compute(server.host)
        server.migrate()
        self.source.stop()
        self.error = self.assertRaises(errors.NovaException, server.delete)
        return server

    def test_without_its_source_it_is_not_deleted(self):
        """The request fails when it has waited, and the server stays in its task."""
        server = self.lose_source()
        self.assertEqual(500, self.error.status)
        self.assertIn('MessagingTimeout', str(self.error))
        self.assertEqual(('VERIFY_RESIZE', 'deleting'), (server.status, server.task_state))

    def test_the_return_of_its_source_changes_nothing(self):
        """What was asked of it was given up."""
        server = self.lose_source()
        self.source.start()
        self.cloud.settle()
        self.assertEqual(('VERIFY_RESIZE', 'deleting'), (server.status, server.task_state))

    def test_to_delete_it_once_more_confirms_it(self):
        """A server in its deletion is not deleted again; the next time it is."""
        server = self.lose_source()
        self.source.start()
        server.delete(expect='ACTIVE')
        self.assertNamespacesFree(self.cloud, self.source.host)
        server.delete()
        self.assertFalse(server.exists)

    def test_without_its_destination_it_is_deleted_then(self):
        """Nobody is asked any more."""
        server = self.lose_source()
        self.source.start()
        self.cloud.compute(server.host).stop()
        server.delete()
        self.assertFalse(server.exists)
