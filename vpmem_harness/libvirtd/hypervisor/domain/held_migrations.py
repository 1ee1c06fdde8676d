"""Control of migrations by a test: hold, progress, finish, fail and cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.exceptions import HarnessError, InvalidInputError

# For annotations only: the migration imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.client_migration import Outgoing
    from vpmem_harness.libvirtd.hypervisor.domain.migration import Request

#: libvirt's text for a migration that QEMU reports as failed.
#: Source: libvirt 9.0.0, src/qemu/qemu_migration.c (qemuMigrationJobCheckStatus).
FAILED = 'migration out job: unexpectedly failed'


class HeldMigration:
    """A migration that copies no memory until the test allows it.

    The destination's domain exists and is paused, as in every migration. The job's statistics
    follow :meth:`progress`. Each end happens once; later ones are ignored.

    :ivar request: the client's parameters: ``uri``, ``flags``, ``xml``, ``persistent_xml``, ...
    :ivar parameters: the typed parameters as the client sent them, by name.
    """

    def __init__(self, migration: Outgoing, request: Request) -> None:
        self._migration = migration
        self.request = request
        self.parameters = dict(request.parameters)

    def __repr__(self) -> str:
        return f'<HeldMigration of {self.domain} to {self.destination}>'

    @property
    def domain(self) -> str:
        """The name of the domain."""
        return self._migration.domain.name

    @property
    def uuid(self) -> str:
        """The UUID of the domain."""
        return self._migration.domain.definition.uuid_text

    @property
    def source(self) -> str:
        """The name of the host that the domain leaves."""
        return self._migration.source.name

    @property
    def destination(self) -> str:
        """The name of the host that the domain migrates to."""
        return self._migration.destination

    @property
    def ended(self) -> bool:
        """Whether the migration is over."""
        return self._migration.later.done

    def progress(self, fraction: float) -> None:
        """Set how much of the guest's memory is copied, from 0 to 1.

        :raises InvalidInputError: if ``fraction`` is out of range.
        """
        if not 0 <= fraction <= 1:
            raise InvalidInputError('fraction', expected='a number from 0 to 1',
                                    got=repr(fraction), remedy='0.5 is one half')
        job = self._migration.domain.job
        if job is not None:
            job.copied = fraction

    def finish(self) -> None:
        """Let the migration succeed: the guest continues at the destination."""
        if not self.ended:
            self._migration.complete()

    def fail(self, message: str = FAILED) -> None:
        """Let the migration fail: the guest continues at the source.

        :param message: the text of the client's error, VIR_ERR_OPERATION_FAILED.
        """
        self._migration.end(libvirt.VIR_DOMAIN_JOB_FAILED, message)

    def cancel(self) -> None:
        """Cancel the migration, as ``virDomainAbortJob`` does."""
        self._migration.end(libvirt.VIR_DOMAIN_JOB_CANCELLED)


class Migrations:
    """The migrations that leave a host.

    ::

        host.migrations.hold()
        ...                                  # a client begins a migration in another thread
        migration = host.migrations.wait()
        migration.progress(0.5)
        migration.finish()
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holding = False
        self._begun: Callable[[HeldMigration], None] | None = None
        self._waiting: list[HeldMigration] = []
        self._held: list[HeldMigration] = []

    def hold(self, begun: Callable[[HeldMigration], None] | None = None) -> None:
        """Hold every migration that begins from now on.

        :param begun: called with each migration in a separate thread; without it,
            :meth:`wait` returns the migrations.
        """
        with self._changed:
            self._holding, self._begun = True, begun

    def release(self) -> None:
        """Hold no further migrations, and let those that are held finish."""
        with self._changed:
            self._holding, self._begun = False, None
            held, self._held, self._waiting = self._held, [], []
        for migration in held:
            migration.finish()

    def wait(self, seconds: float = 10) -> HeldMigration:
        """Return the next migration that is held; wait for it for up to ``seconds``.

        :raises HarnessError: if no migration began in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, seconds):
                raise HarnessError(f'no migration began within {seconds:g} s')
            return self._waiting.pop(0)

    @property
    def holding(self) -> bool:
        """Whether migrations that begin now are held."""
        return self._holding

    def add(self, migration: HeldMigration) -> None:
        """Report a migration that has begun; the hypervisor calls this without locks."""
        with self._changed:
            self._held = [one for one in self._held if not one.ended] + [migration]
            begun = self._begun
            if begun is None:
                self._waiting.append(migration)
                self._changed.notify_all()
                return
        threading.Thread(target=begun, args=(migration,), name='migration', daemon=True).start()
