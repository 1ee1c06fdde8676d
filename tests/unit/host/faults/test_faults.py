"""Faults of procedures, of the daemon and of namespaces."""

from __future__ import annotations

import contextlib
import subprocess
import threading

import libvirt

from tests import base
from vpmem_harness.exceptions import InvalidInputError, WaitTimeoutError
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.serving.clock import SteppedClock

XML = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>256</memory>
  <maxMemory slots='4' unit='GiB'>64</maxMemory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>
  <devices>
    {devices}
  </devices>
</domain>
"""

NVDIMM = """
<memory model='nvdimm' access='shared'>
  <source><path>{path}</path><alignsize unit='KiB'>2048</alignsize><pmem/></source>
  <target><size unit='KiB'>{size}</size><node>0</node><label><size>2048</size></label></target>
</memory>
"""


class FaultsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:2x1GiB'))
        self.faults = self.host.faults

    def define(self, name='guest', devices=''):
        return self.host.connection.defineXML(XML.format(name=name, devices=devices))

    def define_on_namespace(self, name='guest'):
        namespace = self.namespace()
        return self.define(name, NVDIMM.format(path=namespace.path, size=namespace.size // 1024))

    def namespace(self):
        return next(one for one in self.host.namespaces if one.name == 'ns_0')

    def assertFails(self, function, *args):
        return self.assertRaises(libvirt.libvirtError, function, *args)

    def connect(self):
        """Open another connection for a call that hangs: libvirt's client may delay others."""
        connection = libvirt.open(self.host.uri)
        self.addCleanup(connection.close)
        return connection

    def in_thread(self, function):
        """Call a function in a thread that the test joins; returns the thread and its outcome."""
        outcome = []

        def run():
            try:
                outcome.append(function())
            except libvirt.libvirtError as error:
                outcome.append(error)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return thread, outcome


class FailingTest(FaultsTest):

    def test_the_client_sees_libvirts_error(self):
        """Its code, and the message that libvirt sets for it."""
        domain = self.define()
        with self.faults.failing('domainCreateWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
            error = self.assertFails(domain.createWithFlags, 0)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_FAILED, error.get_error_code())
        self.assertEqual('operation failed', error.get_error_message())

    def test_a_detail_stands_in_the_message(self):
        """As in libvirt, str1 is the format and str2 the detail."""
        self.faults.failing('getCapabilities', libvirt.VIR_ERR_NO_MEMORY, 'in a test')
        error = self.assertFails(self.host.connection.getCapabilities)
        self.assertEqual('out of memory: in a test', error.get_error_message())
        self.assertEqual('out of memory: %s', error.get_str1())
        self.assertEqual('in a test', error.get_str2())

    def test_an_error_can_be_made_by_hand(self):
        """The error keeps the part of libvirt that reports it."""
        self.faults.failing('getInfo', LibvirtError(
            libvirt.VIR_ERR_RPC, 'lost', domain=libvirt.VIR_FROM_RPC))
        error = self.assertFails(self.host.connection.getInfo)
        self.assertEqual(libvirt.VIR_FROM_RPC, error.get_error_domain())

    def test_before_it_takes_effect(self):
        """By default the call has had no effect."""
        domain = self.define()
        with self.faults.failing('createWithFlags'):
            self.assertFails(domain.createWithFlags, 0)
        self.assertFalse(domain.isActive())

    def test_after_it_took_effect(self):
        """The domain runs, although the client got an error."""
        domain = self.define()
        with self.faults.failing('createWithFlags', when='after'):
            self.assertFails(domain.createWithFlags, 0)
        self.assertTrue(domain.isActive())

    def test_the_next_calls_alone(self):
        """``times`` limits the number of calls."""
        self.faults.failing('getHostname', times=2)
        for _ in range(2):
            self.assertFails(self.host.connection.getHostname)
        self.assertEqual(self.host.name, self.host.connection.getHostname())

    def test_removed(self):
        """The fault ends with the ``with`` block."""
        with self.faults.failing('getHostname'):
            self.assertFails(self.host.connection.getHostname)
        self.assertEqual(self.host.name, self.host.connection.getHostname())
        self.assertEqual([], list(self.faults.in_force))

    def test_one_domain_alone(self):
        """The domain is given by its name, its UUID, or the XML that defines it."""
        first, second = self.define('first'), self.define('second')
        self.faults.failing('createWithFlags', domain='first')
        self.faults.failing('lookupByUUIDString', domain=second.UUIDString())
        self.faults.failing('defineXML', domain='third')
        self.assertFails(first.createWithFlags, 0)
        second.createWithFlags(0)
        connection = self.host.connection
        self.assertFails(connection.lookupByUUIDString, second.UUIDString())
        connection.lookupByUUIDString(first.UUIDString())
        self.assertFails(self.define, 'third')
        self.define('fourth')

    def test_the_seed_replays_a_probability(self):
        """Two hosts with the same seed fail at the same calls."""
        def outcomes():
            with HostFixture(seed=5) as host:
                fails = []
                fault = host.faults.failing('getHostname', probability=0.5)
                for _ in range(20):
                    before = fault.struck
                    with contextlib.suppress(libvirt.libvirtError):
                        host.connection.getHostname()
                    fails.append(fault.struck > before)
                return fails
        first = outcomes()
        self.assertEqual(first, outcomes())
        self.assertEqual({True, False}, set(first))

    def test_any_call_is_none_that_closes_a_connection(self):
        """The garbage collector makes that in whatever thread: it must not hang there."""
        connection = libvirt.open(self.host.uri)
        with self.faults.hanging('*') as hang:
            connection.close()
        self.assertEqual(0, hang.struck)

    def test_every_procedure(self):
        """``*`` matches every procedure."""
        self.host.connection.getHostname()
        with self.faults.failing('*'):
            self.assertFails(self.host.connection.getCapabilities)

    def test_a_name_that_there_is_not(self):
        """The error suggests similar names."""
        error = self.assertRaises(
            InvalidInputError, self.faults.failing, 'domainCreateWithFlag')
        self.assertIn('virDomainCreateWithFlags', str(error))
        self.assertRaises(InvalidInputError, self.faults.hanging, 'createWithFlag')
        self.assertRaises(InvalidInputError, self.faults.failing, 'create', 12345)
        self.assertRaises(InvalidInputError, self.faults.failing, 'create', when='befor')
        self.assertRaises(InvalidInputError, self.faults.failing, 'create', times=0)
        self.assertRaises(InvalidInputError, self.faults.failing, 'create', probability=2)
        self.assertEqual([], list(self.faults.in_force))


class HangingTest(FaultsTest):

    def test_it_goes_on_when_it_is_released(self):
        """Until then the call has no effect, and other calls are answered."""
        domain = self.define()
        with self.faults.hanging('createWithFlags') as hang:
            other = self.connect().lookupByName('guest')
            thread, outcome = self.in_thread(lambda: other.createWithFlags(0))
            hang.wait_until_reached()
            self.assertFalse(domain.isActive())
            self.assertEqual([], outcome)
            hang.release()
            thread.join()
        self.assertEqual([0], outcome)
        self.assertTrue(domain.isActive())

    def test_after_it_took_effect(self):
        """Only the answer is held back."""
        domain = self.define()
        hang = self.faults.hanging('createWithFlags', when='after')
        other = self.connect().lookupByName('guest')
        _, outcome = self.in_thread(lambda: other.createWithFlags(0))
        hang.wait_until_reached()
        self.assertTrue(domain.isActive())
        self.assertEqual([], outcome)
        hang.release()

    def test_clean_up_does_not_wait_for_it(self):
        """Calls that hang are released when a host is cleaned up."""
        with HostFixture() as host:
            connection = libvirt.open(host.uri)
            hang = host.faults.hanging('getHostname')
            thread, outcome = self.in_thread(connection.getHostname)
            hang.wait_until_reached()
        thread.join()
        self.assertEqual(1, len(outcome))
        connection.close()

    def test_even_a_close_that_hangs(self):
        """The fixture's own connection is closed after the faults are removed."""
        with HostFixture() as host:
            host.connection.getHostname()
            host.faults.hanging('connectClose')

    def test_what_is_not_reached(self):
        """Waiting for the fault ends with an error that names it."""
        hang = self.faults.hanging('createWithFlags')
        error = self.assertRaises(WaitTimeoutError, hang.wait_until_reached, 0)
        self.assertIn('domain_create_with_flags hangs', str(error))


class DroppingTest(FaultsTest):

    def test_before_it_took_effect(self):
        """The connection is closed, and the call has had no effect."""
        domain = self.define()
        connection = self.connect()
        with self.faults.dropping('createWithFlags', times=1):
            error = self.assertFails(connection.lookupByName('guest').createWithFlags, 0)
        self.assertEqual(libvirt.VIR_FROM_RPC, error.get_error_domain())
        self.assertFalse(connection.isAlive())
        self.assertFalse(domain.isActive())

    def test_after_it_took_effect(self):
        """The call has taken effect, but the client cannot know."""
        domain = self.define()
        connection = self.connect()
        self.faults.dropping('createWithFlags', when='after')
        self.assertFails(connection.lookupByName('guest').createWithFlags, 0)
        self.assertTrue(domain.isActive())


class SlowTest(base.TestCase):

    def test_it_takes_its_time_on_the_hosts_clock(self):
        """A stepped clock determines when the call goes on."""
        clock = SteppedClock()
        host = self.useFixture(HostFixture(clock=clock))
        connection = host.connection
        slow = host.faults.slow('getHostname', seconds=60)
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(connection.getHostname()))
        thread.start()
        slow.wait_until_reached()
        clock.step(59)
        self.assertEqual([], outcome)
        clock.step(1)
        thread.join()
        self.assertEqual([host.name], outcome)

    def test_removed_it_takes_no_more(self):
        """The call goes on at once, and only once."""
        host = self.useFixture(HostFixture(clock=SteppedClock()))
        connection, outcome = host.connection, []
        slow = host.faults.slow('getHostname', seconds=60)
        thread = threading.Thread(target=lambda: outcome.append(connection.getHostname()))
        thread.start()
        slow.wait_until_reached()
        slow.remove()
        thread.join()
        self.assertEqual([host.name], outcome)


class AtTest(FaultsTest):

    def test_something_is_done_at_a_call(self):
        """The action runs in its own thread, before the call goes on."""
        seen = []
        domain = self.define()
        other = self.connect().lookupByName('guest')
        self.faults.at('createWithFlags', lambda: seen.append(other.isActive()), times=1)
        domain.createWithFlags(0)
        self.assertEqual([0], seen)
        self.assertTrue(domain.isActive())

    def test_what_it_raises_fails_the_test(self):
        """The fault raises the action's error when it ends, in the test's thread."""
        domain = self.define()

        def end():
            with self.faults.at('createWithFlags', lambda: self.assertEqual(1, 2)):
                domain.createWithFlags(0)
        self.assertRaises(AssertionError, end)
        self.assertEqual([], list(self.faults.in_force))

    def test_what_it_raises_when_all_faults_end(self):
        """The error is raised once, and the other faults have ended."""
        domain = self.define()
        self.faults.at('createWithFlags', lambda: 1 / 0, times=1)
        hang = self.faults.hanging('getInfo')
        domain.createWithFlags(0)
        self.assertRaises(ZeroDivisionError, self.faults.clear)
        self.assertFalse(hang.in_force)
        self.faults.clear()


class TranscriptTest(FaultsTest):

    def test_calls_are_written_down(self):
        """Each has its domain and the fault that struck it."""
        domain = self.define()
        with self.faults.failing('createWithFlags', libvirt.VIR_ERR_OPERATION_FAILED):
            self.assertFails(domain.createWithFlags, 0)
        self.host.run('ndctl', 'list')
        calls = [str(call) for call in self.faults.calls]
        self.assertEqual(
            [f'domain_create_with_flags guest: domain_create_with_flags fails with error '
             f'{libvirt.VIR_ERR_OPERATION_FAILED}', 'ndctl list'], calls[-2:])

    def test_they_are_among_the_details(self):
        """The details of a failed test list the calls."""
        self.host.connection.getHostname()
        self.assertIn('connect_get_hostname', self.host.getDetails()['host-calls'].as_text())


class NamespacesTest(FaultsTest):

    def daxio(self, *words):
        return self.host.run('daxio', *words)

    def test_a_bad_one_cannot_be_wiped(self):
        """daxio reports that it cannot clear bad blocks."""
        path = self.namespace().path
        with self.faults.bad('ns_0'):
            result = self.daxio('-z', '-o', path)
            self.assertEqual(1, result.returncode)
            self.assertIn(f'daxio: failed to clear bad blocks on "{path}"', result.stderr)
            self.assertIn('mmap: No such device', self.daxio('-z', '-b', 'no', '-o', path).stderr)
            self.assertIn('mmap: No such device', self.daxio('-i', path).stderr)
        self.assertEqual(0, self.daxio('-z', '-o', path).returncode)

    def test_no_domain_starts_on_a_bad_one(self):
        """QEMU cannot map a bad namespace."""
        domain = self.define_on_namespace()
        with self.faults.bad('ns_0'):
            error = self.assertFails(domain.createWithFlags, 0)
        self.assertIn('unable to map backing store for guest RAM: No such device or address',
                      error.get_error_message())
        domain.createWithFlags(0)

    def test_a_bad_one_stays_bad(self):
        """A bad namespace is still bad after a reboot."""
        self.faults.bad('ns_0')
        self.host.reboot()
        self.assertEqual(1, self.daxio('-z', '-o', self.namespace().path).returncode)

    def test_one_that_is_gone(self):
        """The device is gone and ndctl does not list it, until it comes back."""
        before = self.host.run('ndctl', 'list', '-X').stdout
        path = self.namespace().path
        with self.faults.vanishing('ns_0'):
            self.assertNotIn('"ns_0"', self.host.run('ndctl', 'list', '-X').stdout)
            self.assertIsNone(self.host.pmem.device(path))
        self.assertEqual(before, self.host.run('ndctl', 'list', '-X').stdout)

    def test_one_that_there_is_not(self):
        """The error names the namespaces of the host."""
        error = self.assertRaises(InvalidInputError, self.faults.bad, 'ns_7')
        self.assertIn('ns_0', str(error))
        self.assertEqual("'ns_7', which none of its namespaces have", error.got)


class DaemonTest(FaultsTest):

    def test_its_clients_lose_it(self):
        """Clients cannot connect until the daemon is started; guests keep running."""
        domain = self.define()
        domain.createWithFlags(0)
        with self.faults.daemon_down():
            self.assertFails(libvirt.open, self.host.uri)
            self.assertFails(domain.isActive)
        connection = self.connect()
        self.assertTrue(connection.lookupByName('guest').isActive())

    def test_its_guests_may_have_ended_meanwhile(self):
        """Persistent domains stay defined."""
        self.define().createWithFlags(0)
        self.host.connection.createXML(XML.format(name='transient', devices=''))
        self.faults.kill_daemon()
        self.faults.start_daemon(domains=False)
        connection = self.connect()
        self.assertEqual(['guest'], [one.name() for one in connection.listAllDomains()])
        self.assertFalse(connection.lookupByName('guest').isActive())

    def test_a_dead_daemon_is_cleaned_up(self):
        """A killed daemon leaves nothing behind when the host stops."""
        with HostFixture() as host:
            host.faults.kill_daemon()
            self.assertEqual(0, subprocess.run(
                ['ndctl', 'list'], env=host.env, check=False).returncode)

    def test_a_reboot_starts_it(self):
        """A reboot of the machine starts the daemon."""
        self.faults.kill_daemon()
        self.host.reboot()
        self.assertEqual(self.host.name, self.host.connection.getHostname())
