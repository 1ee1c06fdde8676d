"""Engines share the statements that they have compiled."""

from __future__ import annotations

import importlib.util

import testtools

from vpmem_harness.cloud.nova import statements


@testtools.skipUnless(importlib.util.find_spec('sqlalchemy'), 'nova is not installed')
class SharedStatementsTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        import sqlalchemy

        self.table = sqlalchemy.Table(
            'servers', sqlalchemy.MetaData(), sqlalchemy.Column('name', sqlalchemy.String(36)))
        self.engines = [sqlalchemy.create_engine('sqlite://') for _ in range(2)]
        for engine in self.engines:
            self.addCleanup(engine.dispose)
            statements.share(engine)
            self.table.create(engine)

    def names(self, engine: int, name: str) -> tuple[str, list[str]]:
        """Return whether a query was compiled for an engine, and its result."""
        query = self.table.select().where(self.table.c.name == name)
        with self.engines[engine].connect() as connection:
            result = connection.execute(query)
            return result.context.cache_hit.name, [row.name for row in result]

    def test_the_second_engine_uses_the_statement_of_the_first(self) -> None:
        """A statement is compiled once."""
        self.assertEqual('CACHE_MISS', self.names(0, 'one')[0])
        self.assertEqual('CACHE_HIT', self.names(1, 'one')[0])

    def test_each_engine_reads_its_own_database(self) -> None:
        """The statement is shared; its parameters and its connection are not."""
        for engine, name in zip(self.engines, ('one', 'two'), strict=True):
            with engine.begin() as connection:
                connection.execute(self.table.insert().values(name=name))
        self.assertEqual(['one'], self.names(0, 'one')[1])
        self.assertEqual(['two'], self.names(1, 'two')[1])
        self.assertEqual([], self.names(1, 'one')[1])
