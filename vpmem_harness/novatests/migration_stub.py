"""Runs the migration stubs of Nova's tests on the migrations of simulated hosts.

Nova's tests replace ``migrateToURI3`` of the fake domain with a stub. It looks at both hosts while
the guest is on its way, and then lets the job complete or fail. Here libvirt migrates the guest,
and the source host holds the migration while the stub runs.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from vpmem_harness.libvirtd.hypervisor.domain.held_migrations import HeldMigration
from vpmem_harness.novatests import workarounds

LOG = logging.getLogger(__name__)

#: How long the end of a test waits for a stub, in seconds.
PATIENCE = 30


class MigrationStub:
    """The stub of one test, and the migrations that it holds."""

    def __init__(self) -> None:
        self._original = vars(workarounds.fake_libvirt().Domain)['migrateToURI3']
        self._local = threading.local()
        self._held: dict[str, HeldMigration] = {}
        self._ends: dict[str, str] = {}
        self._threads: list[threading.Thread] = []

    @property
    def runs_here(self) -> bool:
        """Whether the stub runs in the calling thread."""
        return getattr(self._local, 'domain', None) is not None

    def run(self, migration: HeldMigration) -> None:
        """Run the test's stub while the migration is held; without one, let it finish."""
        stub = vars(workarounds.fake_libvirt().Domain)['migrateToURI3']
        if stub is self._original:
            migration.finish()
            return
        self._threads.append(threading.current_thread())
        self._held[migration.uuid] = migration
        self._local.domain = migration.uuid
        function = getattr(stub, '__func__', stub)
        try:
            function(_Migrating(migration), migration.request.uri,
                     params=migration.parameters, flags=migration.request.flags)
        except Exception as error:
            LOG.exception('the stub of the test failed')
            migration.fail(str(error))
        finally:
            self._local.domain = None
        self._end(migration)

    def _end(self, migration: HeldMigration) -> None:
        """End a migration as the stub has asked."""
        end = self._ends.pop(migration.uuid, None)
        if end == 'finish':
            migration.finish()
        elif end == 'fail':
            migration.fail()

    def finish(self, uuid: str) -> None:
        """Let a domain's migration finish, at the end of the stub."""
        self._ask(uuid, 'finish')

    def fail(self, uuid: str) -> None:
        """Let a domain's migration fail, at the end of the stub."""
        self._ask(uuid, 'fail')

    def _ask(self, uuid: str, end: str) -> None:
        self._ends[uuid] = end
        if not self.runs_here and uuid in self._held:
            self._end(self._held[uuid])

    def join(self) -> None:
        """Cancel what is still held, and wait until the stubs have returned."""
        for migration in self._held.values():
            migration.cancel()
        for thread in self._threads:
            thread.join(PATIENCE)


class _Migrating:
    """The domain that the stub gets as its first argument."""

    def __init__(self, migration: HeldMigration) -> None:
        self._migration = migration
        self._connection = _Source(migration.source)

    def UUIDString(self) -> str:  # noqa: N802 - a name of libvirt
        """The UUID of the domain."""
        return self._migration.uuid

    def name(self) -> str:
        """The name of the domain."""
        return self._migration.domain

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f'a migrating domain has no {name} for a stub')


class _Source:
    """The connection of that domain."""

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname
