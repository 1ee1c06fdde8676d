"""What is asked at the wrong time, and what the API makes of it."""

from __future__ import annotations

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures.cloud import CloudFixture

#: Seconds in which a call reaches the host.
SOON = 30


class RefusalsTestCase(base.VPMEMTestCase):

    def boot(self, **options):
        """A server on the first of two hosts."""
        self.cloud = self.useFixture(CloudFixture(hosts=2, pmem='SMALL:2x4GiB'))
        self.source, self.destination = self.cloud.hosts
        return self.cloud.boot(pmem='SMALL', host=self.source, **options)

    def move(self):
        """A server whose move from the first host to the second is not confirmed."""
        return self.boot().migrate()

    def actions(self, server):
        return [action.action for action in server.actions]


class MoveTest(RefusalsTestCase):

    def test_a_move_is_confirmed_by_its_source_alone(self):
        """While the service there is down, nobody can."""
        server = self.move()
        self.cloud.compute(self.source).stop()
        error = self.assertRaises(errors.ServiceUnavailable, server.confirm_resize)
        self.assertEqual(('Service is unavailable at this time.', 409),
                         (str(error), error.status))

    def test_a_move_that_could_not_be_confirmed_can_be_later(self):
        """Its record is as it was."""
        server = self.move()
        self.cloud.compute(self.source).stop()
        self.assertRaises(errors.ServiceUnavailable, server.confirm_resize)
        self.assertEqual('finished', server.migrations[0].status)

    def confirm_slowly(self):
        """A server whose move is being confirmed, and what holds that up."""
        server = self.move()
        hang = self.source.faults.hanging('domainUndefineFlags')
        server.confirm_resize(wait=False)
        hang.wait_until_reached(SOON)
        return server, hang

    def test_a_move_is_confirmed_once(self):
        """While that goes on there is nothing to confirm any more."""
        server, hang = self.confirm_slowly()
        with hang:
            error = self.assertRaises(errors.Invalid, server.confirm_resize)
        self.assertEqual(('Instance has not been resized.', 400), (str(error), error.status))

    def test_a_move_that_is_being_confirmed_is_not_reverted(self):
        """For there is none any more that could be."""
        server, hang = self.confirm_slowly()
        with hang:
            error = self.assertRaises(errors.Invalid, server.revert_resize)
        self.assertEqual(('Instance has not been resized.', 400), (str(error), error.status))

    def test_a_resize_needs_the_service_of_its_host(self):
        """That is said before the flavor is looked at."""
        server = self.boot()
        self.cloud.compute(self.source).stop()
        self.assertRaises(errors.ServiceUnavailable, server.resize, flavor=server.flavor)

    def test_a_disk_is_never_smaller_than_at_the_start(self):
        """For then it was made for the image."""
        server = self.boot(disk=2)
        error = self.assertRaises(
            errors.FlavorDiskSmallerThanMinDisk, server.resize,
            flavor=self.cloud.flavor('SMALL', disk=1))
        self.assertIn('minimum size is 2147483648 bytes.', str(error))

    def test_a_rebuild_is_a_new_start(self):
        """The disk is made for the image again, as large as it has become."""
        server = self.boot()
        server.resize(flavor=self.cloud.flavor('SMALL', disk=3)).confirm_resize()
        self.assertRaises(
            errors.FlavorDiskSmallerThanMinDisk, server.rebuild().resize,
            flavor=self.cloud.flavor('SMALL', disk=2))

    def test_a_cold_migration_needs_the_service_of_its_host(self):
        """That is said before its destination is looked at."""
        server = self.boot()
        self.cloud.compute(self.source).stop()
        self.assertRaises(errors.ServiceUnavailable, server.migrate, self.source)


class DeleteTest(RefusalsTestCase):

    def test_a_server_is_deleted_once(self):
        """To ask again while that goes on is nothing."""
        server = self.boot()
        with self.source.faults.hanging('domainDestroy') as hang:
            server.delete(expect=None)
            hang.wait_until_reached(SOON)
            server.delete(expect=None)
            self.assertEqual(['create', 'delete'], self.actions(server))

    def test_a_move_that_is_being_reverted_is_not_confirmed_for_a_delete(self):
        """The server is deleted as it is."""
        server = self.move()
        with self.destination.faults.hanging('domainDestroy') as hang:
            server.revert_resize(wait=False)
            hang.wait_until_reached(SOON)
            server.delete(expect=None)
            self.assertEqual(
                ['create', 'migrate', 'revertResize', 'delete'], self.actions(server))

    def test_a_move_is_confirmed_for_a_delete_though_its_destination_is_down(self):
        """The source lets go of the server, and it is deleted without the other."""
        server = self.move()
        self.cloud.compute(self.destination).stop()
        server.delete()
        self.assertEqual(
            ['create', 'migrate', 'confirmResize', 'delete'], self.actions(server))


class ServiceTest(RefusalsTestCase):

    def test_a_service_that_runs_is_not_started(self):
        """There would be two on one host."""
        self.boot()
        error = self.assertRaises(
            InvalidInputError, self.cloud.compute(self.source).start)
        self.assertIn('stop it first', str(error))
