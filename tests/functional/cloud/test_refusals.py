"""Requests in the wrong state, and the errors of the API."""

from __future__ import annotations

from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud import errors
from vpmem_harness.exceptions import InvalidInputError

#: Timeout in seconds for a call to reach the host.
SOON = 30


class RefusalsTestCase(CloudTestCase):

    def boot(self, **options):
        """Boot a server on the first of two hosts."""
        self.start_cloud(hosts=2, pmem='SMALL:2x4GiB')
        self.source, self.destination = self.cloud.hosts
        return self.cloud.boot(pmem='SMALL', host=self.source, **options)

    def move(self):
        """Return a server with an unconfirmed migration from the first host to the second."""
        return self.boot().migrate()

    def actions(self, server):
        return [action.action for action in server.actions]


class MoveTest(RefusalsTestCase):

    def test_a_confirm_needs_the_service_of_the_source(self):
        """A confirm while the source's service is down is refused, and can be repeated."""
        server = self.move()
        self.cloud.compute(self.source).stop()
        error = self.assertRaises(errors.ServiceUnavailable, server.confirm_resize)
        self.assertEqual(('Service is unavailable at this time.', 409),
                         (str(error), error.status))
        self.assertEqual('finished', server.migrations[0].status)

    def test_a_migration_is_confirmed_once(self):
        """A second confirm and a revert are refused during the first confirm."""
        server = self.move()
        with self.source.faults.hanging('domainUndefineFlags') as hang:
            server.confirm_resize(wait=False)
            hang.wait_until_reached(SOON)
            for request in (server.confirm_resize, server.revert_resize):
                error = self.assertRaises(errors.Invalid, request)
                self.assertEqual(
                    ('Instance has not been resized.', 400), (str(error), error.status))

    def test_a_resize_needs_the_service_of_its_host(self):
        """The service is checked before the flavor."""
        server = self.boot()
        self.cloud.compute(self.source).stop()
        self.assertRaises(errors.ServiceUnavailable, server.resize, flavor=server.flavor)

    def test_a_disk_is_never_smaller_than_at_boot(self):
        """A resize to a disk smaller than the image's minimum is refused."""
        server = self.boot(disk=2)
        error = self.assertRaises(
            errors.FlavorDiskSmallerThanMinDisk, server.resize,
            flavor=self.cloud.flavor('SMALL', disk=1))
        self.assertIn('minimum size is 2147483648 bytes.', str(error))

    def test_a_rebuild_resets_the_minimum_disk(self):
        """A rebuild raises the minimum disk to the current flavor's."""
        server = self.boot()
        server.resize(flavor=self.cloud.flavor('SMALL', disk=3)).confirm_resize()
        self.assertRaises(
            errors.FlavorDiskSmallerThanMinDisk, server.rebuild().resize,
            flavor=self.cloud.flavor('SMALL', disk=2))

    def test_a_cold_migration_needs_the_service_of_its_host(self):
        """The service is checked before the destination."""
        server = self.boot()
        self.cloud.compute(self.source).stop()
        self.assertRaises(errors.ServiceUnavailable, server.migrate, self.source)


class DeleteTest(RefusalsTestCase):

    def test_a_server_is_deleted_once(self):
        """A second delete during the first does nothing."""
        server = self.boot()
        with self.source.faults.hanging('domainDestroy') as hang:
            server.delete(expect=None)
            hang.wait_until_reached(SOON)
            server.delete(expect=None)
            self.assertEqual(['create', 'delete'], self.actions(server))

    def test_a_delete_does_not_confirm_a_migration_that_is_being_reverted(self):
        """A server whose migration is being reverted is deleted without a confirm."""
        server = self.move()
        with self.destination.faults.hanging('domainDestroy') as hang:
            server.revert_resize(wait=False)
            hang.wait_until_reached(SOON)
            server.delete(expect=None)
            self.assertEqual(
                ['create', 'migrate', 'revertResize', 'delete'], self.actions(server))

    def test_a_delete_confirms_a_migration_whose_destination_is_down(self):
        """The source confirms the migration, and the server is deleted without the destination."""
        server = self.move()
        self.cloud.compute(self.destination).stop()
        server.delete()
        self.assertEqual(
            ['create', 'migrate', 'confirmResize', 'delete'], self.actions(server))


class ServiceTest(RefusalsTestCase):

    def test_a_running_service_is_not_started_again(self):
        """The start of a running service raises an error."""
        self.boot()
        error = self.assertRaises(
            InvalidInputError, self.cloud.compute(self.source).start)
        self.assertIn('stop it first', str(error))
