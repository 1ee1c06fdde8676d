"""Database of the stub's instances and migrations."""

from __future__ import annotations

import datetime

import testtools

from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.stub.database import Database
from vpmem_harness.cloud.stub.objects import Instance, Migration


class ArchiveTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.database = Database()

    def add(self, name, **fields):
        now = datetime.datetime.now(datetime.UTC)
        instance = Instance(name, self.database.next_number(), name, Flavor('tiny', '1'), now, '',
                            **fields)
        self.database.add_instance(instance)
        self.database.add_migration(Migration(f'{name} moves', name, 'resize', 'host0'))
        return instance

    def test_deleted_instances_are_archived(self):
        """Archiving removes deleted instances without leftovers, and their migrations."""
        self.add('gone', deleted=True)
        self.add('left', deleted=True, left_behind={'host0': ()})
        self.add('there')
        self.database.archive()
        self.assertEqual(['left', 'there'],
                         [one.uuid for one in self.database.all_instances()])
        self.assertEqual(['left moves', 'there moves'],
                         [one.uuid for one in self.database.migrations()])

    def test_numbers_are_not_reused(self):
        """The number of an archived instance, which names its domain, is not reused."""
        first = self.add('gone', deleted=True).number
        self.database.archive()
        self.assertEqual(first + 1, self.add('there').number)
