"""Databases in files, for a series of Nova whose fixtures keep them in memory.

Every thread of a service has its own connection, and a database in memory belongs to one
connection: without files, threads fail with "no such table: services". The fixtures of Nova 34 use
files if Nova runs on native threads. Those of Nova 33 do not, and neither does its fixture of
Placement.
"""

from __future__ import annotations

import collections
import contextlib
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import fixtures
import sqlalchemy
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures.nova import DB_SCHEMA
from oslo_db.sqlalchemy import enginefacade
from placement.tests import fixtures as placement_fixtures

#: URL of a database in memory, which Nova's ConfFixture sets.
_IN_MEMORY = 'sqlite://'


def needed() -> bool:
    """Whether the fixtures of the installed Nova keep databases in memory."""
    return not hasattr(nova_fixtures, 'DatabaseWriteLock')


class FileDatabases(fixtures.Fixture):
    """Puts the databases of Nova's and Placement's fixtures in files; use it before them.

    One thread at a time writes to a database, because SQLite has one lock for writers and does not
    queue them. The fixture does nothing if Nova's own fixtures use files.
    """

    def _setUp(self) -> None:
        if not needed():
            return
        directory = tempfile.TemporaryDirectory(prefix='databases-')
        self.addCleanup(directory.cleanup)
        self._directory = directory.name
        for module in ('nova.db.main.api', 'nova.db.api.api'):
            self.useFixture(fixtures.MonkeyPatch(f'{module}._get_db_conf', self._options))
        self.useFixture(fixtures.MonkeyPatch(
            'placement.tests.fixtures.Database._setUp',
            self._use_file(placement_fixtures.Database._setUp)))
        self._cache_schemas(nova_fixtures.CellDatabases._cache_schema)
        self._order_writers()

    def _url(self) -> str:
        """Create an empty database; return its URL."""
        handle, path = tempfile.mkstemp('.sqlite', dir=self._directory)
        os.close(handle)
        _create(path)
        return f'sqlite:///{path}'

    def _options(self, group: Any, connection: str | None = None) -> dict[str, Any]:
        """Return the options of a database, as the function of this name in Nova does."""
        options = {**dict(group.items()), **({'connection': connection} if connection else {})}
        if options['connection'] == _IN_MEMORY:
            options['connection'] = self._url()
        return options

    def _use_file(self, set_up: Any) -> Any:
        """Return the ``_setUp`` of Placement's database fixture, with a file."""
        def set_up_with_file(database: Any) -> None:
            database.url = sqlalchemy.make_url(self._url())
            set_up(database)

        return set_up_with_file

    def _cache_schemas(self, cache_schema: Any) -> None:
        """Empty the database that Nova creates the schema of all cells in.

        Nova writes the schema to it once more, as if its tables had gone with the last connection.
        """
        def cache(cells: Any, connection: str) -> None:
            cached = DB_SCHEMA[('main', None)]
            cache_schema(cells, connection)
            if not cached:
                engine = cells._ctxt_mgrs[connection].writer.get_engine()
                for end in ('', '-wal', '-shm'):
                    with contextlib.suppress(FileNotFoundError):
                        os.remove(engine.url.database + end)
                _create(engine.url.database)

        self.useFixture(fixtures.MonkeyPatch(
            'nova.tests.fixtures.CellDatabases._cache_schema', cache))

    def _order_writers(self) -> None:
        manager = enginefacade._TransactionContextManager
        scope = manager._transaction_scope
        locks: dict[str, threading.RLock] = collections.defaultdict(threading.RLock)
        adding = threading.Lock()

        @contextlib.contextmanager
        def ordered(transaction: Any, context: Any) -> Iterator[Any]:
            with contextlib.ExitStack() as stack:
                if transaction._mode is enginefacade._WRITER:
                    url = str(transaction.reader.get_engine().url)
                    with adding:
                        lock = locks[url]
                    stack.enter_context(lock)
                yield stack.enter_context(scope(transaction, context))

        self.useFixture(fixtures.MonkeyPatch(
            f'{manager.__module__}.{manager.__qualname__}._transaction_scope', ordered))


def _create(path: str) -> None:
    """Create an empty database whose readers do not wait for a writer."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute('PRAGMA journal_mode=WAL')
