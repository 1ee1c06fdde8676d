"""A test controls the migrations that leave a host."""

from __future__ import annotations

import threading

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.hypervisor.domain.test_hotplug import definition
from tests.unit.libvirtd.hypervisor.domain.test_migration import FLAGS
from vpmem_harness.exceptions import HarnessError, InvalidInputError
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.serving.clock import SteppedClock


class HeldMigrationsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = SteppedClock()
        network = hosts.Network()
        self.one, self.two = (network.add(name, clock=self.clock) for name in ('one', 'two'))
        self.connection = hosts.Client(self.one)
        self.domain = self.connection.domain_define_xml(definition('nova-pc-2nvdimm'))
        self.connection.domain_create(self.domain)

    def migrate(self):
        """Start a migration."""
        return self.connection.domain_migrate_perform3_params(
            self.domain, 'qemu+tcp://two/system', [], b'', FLAGS)

    def arrived(self):
        """Return the domain at the destination."""
        return self.two.domains.by_name('golden-a')

    def held(self):
        """Start a migration that is held; return its result and its control."""
        self.one.migrations.hold()
        later = self.migrate()
        return later, self.one.migrations.wait(0)

    def statistics(self):
        """Return the type and the statistics of the domain's job."""
        kind, params = self.connection.domain_get_job_stats(self.domain, 0)
        return kind, {parameter.name: parameter.value for parameter in params}

    def test_it_waits_for_the_test(self):
        """Time does not end a held migration; the guest runs at the source meanwhile."""
        later, held = self.held()
        self.clock.step(1000)
        self.assertFalse(later.done)
        self.assertFalse(held.ended)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.domain.state)
        self.assertEqual(libvirt.VIR_DOMAIN_PAUSED, self.arrived().state)

    def test_it_knows_the_request(self):
        """It has the domain, both hosts and the client's parameters."""
        _, held = self.held()
        self.assertEqual(('golden-a', 'one', 'two', 'qemu+tcp://two/system'),
                         (held.domain, held.source, held.destination, held.request.uri))

    def test_progress_sets_the_statistics(self):
        """A quarter of the memory is copied when the test says so."""
        _, held = self.held()
        held.progress(0.25)
        kind, values = self.statistics()
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_UNBOUNDED, kind)
        self.assertEqual(values['memory_total'] // 4, values['memory_processed'])
        self.assertEqual(values['memory_total'] * 3 // 4, values['memory_remaining'])

    def test_progress_is_a_fraction(self):
        """More than everything cannot be copied."""
        _, held = self.held()
        error = self.assertRaises(InvalidInputError, held.progress, 1.5)
        self.assertIn('from 0 to 1', str(error))

    def test_finish(self):
        """The guest continues at the destination, and the client gets its answer."""
        later, held = self.held()
        held.finish()
        self.assertEqual(b'', later.result())
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.arrived().state)
        self.assertEqual([], list(self.one.domains))

    def test_fail(self):
        """The guest stays at the source, and the client gets the error."""
        later, held = self.held()
        held.fail('broken pipe')
        error = self.assertRaises(LibvirtError, later.result)
        self.assertEqual('operation failed: broken pipe', error.message)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.domain.state)
        self.assertEqual([], list(self.two.domains))
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_FAILED, self.domain.last_job.type)

    def test_cancel(self):
        """A cancelled migration ends as one that a client aborts."""
        later, held = self.held()
        held.cancel()
        error = self.assertRaises(LibvirtError, later.result)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_ABORTED, error.code)
        self.assertEqual(libvirt.VIR_DOMAIN_JOB_CANCELLED, self.domain.last_job.type)

    def test_the_first_end_counts(self):
        """What comes after the end of a migration changes nothing."""
        _, held = self.held()
        held.finish()
        held.fail()
        held.finish()
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, self.arrived().state)

    def test_a_client_can_abort_it(self):
        """virDomainAbortJob ends a held migration."""
        _, held = self.held()
        self.connection.domain_abort_job(self.domain)
        self.assertTrue(held.ended)

    def test_release_finishes_what_is_held(self):
        """After release, held migrations finish and later ones are not held."""
        later, _ = self.held()
        self.one.migrations.release()
        self.assertTrue(later.done)
        self.assertFalse(self.one.migrations.holding)

    def test_a_callback_gets_each_migration(self):
        """The callback runs in a thread of its own and may end the migration."""
        threads = []

        def begun(migration):
            threads.append(threading.current_thread())
            migration.finish()
        self.one.migrations.hold(begun)
        later, done = self.migrate(), threading.Event()
        later.when_done(lambda result: done.set())
        self.assertTrue(done.wait(10))
        self.assertNotIn(threading.current_thread(), threads)

    def test_a_wait_has_an_end(self):
        """Without a migration, the wait fails with the time that it took."""
        self.one.migrations.hold()
        error = self.assertRaises(HarnessError, self.one.migrations.wait, 0.01)
        self.assertIn('no migration began within 0.01 s', str(error))
