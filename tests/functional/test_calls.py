"""Call log of a host, as tests use it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import libvirt
from testtools.matchers import Contains, MatchesRegex

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import CloudFixture, HostFixture
from vpmem_harness.serving.clock import SteppedClock

DOMAIN = """<domain type='qemu'><name>one</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""


class CommandsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:2x1GiB'))

    def script(self, text, **options):
        return subprocess.run(['sh', '-c', text], env=self.host.env, check=False,
                              capture_output=True, timeout=60, **options)

    def test_four_listings_are_four_calls(self):
        """Cached listings are recorded too, and nothing else is."""
        self.assertEqual(0, len(self.host.calls))
        done = self.script('for i in 1 2 3 4; do ndctl list -X; done')
        calls = self.host.calls.named('ndctl', 'list')
        self.assertEqual((4, 4), (len(calls), len(self.host.calls)))
        self.assertEqual(done.stdout.decode(), 4 * calls.last.result.stdout)
        self.assertEqual(4, len(self.host.faults.calls))

    def test_parallel_calls(self):
        """No call is lost or recorded twice."""
        self.script('for i in $(seq 40); do ndctl list -X >/dev/null & done; wait')
        self.assertEqual(40, len(self.host.calls.named('ndctl', 'list')))

    def test_every_way_to_run_a_tool_is_recorded_once(self):
        """Cached and new listings, piped input, a failure and ``host.run`` appear once each."""
        self.script('ndctl list -X; ndctl list -N; head -c 10 /dev/zero | daxio -o '
                    f'{self.host.namespaces[0].path}; daxio -z; daxctl list')
        self.host.run('ndctl', 'list')
        self.assertEqual(
            ['ndctl list -X', 'ndctl list -N', f'daxio -o {self.host.namespaces[0].path}',
             'daxio -z', 'daxctl list', 'ndctl list'], [str(call) for call in self.host.calls])
        self.assertEqual(['daxio -z'], [str(call) for call in self.host.calls.failed])

    def test_the_caller_of_a_command(self):
        """The caller is the process that ran the command, even for a cached listing."""
        process = subprocess.Popen(
            ['sh', '-c', 'ndctl list -X; ndctl list -N; true'], env=self.host.env,
            stdout=subprocess.DEVNULL)
        process.wait(60)
        self.host.run('ndctl', 'list')
        self.assertEqual([process.pid, process.pid, os.getpid()],
                         [call.caller.pid for call in self.host.calls])
        self.assertThat(str(self.host.calls.first.caller), MatchesRegex(r'sh.* \(process \d+\)'))
        self.assertTrue(self.host.calls.last.caller.is_this_process)

    def test_the_order_of_cached_listings_and_other_calls(self):
        """A cached listing keeps its place among other calls."""
        for _ in range(5):
            self.script('ndctl list -X')
            self.host.connection.getHostname()
        names = [call.name for call in self.host.calls
                 if call.name in ('ndctl', 'connect_get_hostname')]
        self.assertEqual(5 * ['ndctl', 'connect_get_hostname'], names)

    def test_a_listing_after_a_change(self):
        """The first listing after a change is not cached, and each record has its own output."""
        path = self.host.namespaces[0].dev
        self.script(f'ndctl list -N; ndctl disable-namespace {path}; ndctl list -N; ndctl list -N')
        lengths = [len(call.result.stdout) for call in self.host.calls.named('ndctl', 'list')]
        self.assertEqual(3, len(lengths))
        self.assertTrue(lengths[0] > lengths[1] == lengths[2])

    def test_a_command_that_is_killed(self):
        """The call of a killed command ends with an error."""
        with self.host.faults.tool_hanging('daxio') as hang:
            process = subprocess.Popen(['daxio', '-z'], env=self.host.env)
            hang.wait_until_reached()
            self.assertTrue(self.host.calls.last.in_progress)
            process.kill()
            process.wait()
            self.script('daxctl list -D')
        killed = self.host.calls.named('daxio').last
        self.assertEqual(('error: the caller went away', 'daxio hangs'),
                         (killed.outcome, killed.fault))

    def test_a_command_killed_before_its_input(self):
        """A command killed before its input arrives is recorded with an error."""
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        with self.host.faults.tool_cut_short('daxio') as fault:
            process = subprocess.Popen(
                ['daxio', '-o', self.host.namespaces[0].path],
                env=self.host.env, stdin=read)
            os.close(read)
            fault.wait_until_reached()
        process.kill()
        process.wait()
        self.script('daxctl list -D')
        self.assertEqual('error: the caller went away',
                         self.host.calls.named('daxio').last.outcome)

    def test_without_privileges(self):
        """A call without privileges is recorded as such."""
        self.script('VPMEM_HARNESS_AS_USER=1 ndctl list -X')
        self.assertTrue(self.host.calls.last.arguments['as_user'])


class ClockTest(base.TestCase):

    def test_listings_have_the_hosts_time(self):
        """A clock that is stepped right after a listing does not change its time."""
        clock = SteppedClock()
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB', clock=clock))
        times = []
        for _ in range(3):
            times.append(clock.now())
            subprocess.run(['ndctl', 'list', '-X'], env=host.env, stdout=subprocess.DEVNULL,
                           check=True)
            clock.step(10)
        self.assertEqual(times, [call.time for call in host.calls.named('ndctl')])

    def test_a_slow_call_has_a_duration(self):
        """The duration of a slow call is measured on the host's clock."""
        clock = SteppedClock()
        host = self.useFixture(HostFixture(clock=clock))
        connection = host.connection
        with host.faults.slow('getHostname', 60) as slow:
            thread = threading.Thread(target=connection.getHostname)
            thread.start()
            slow.wait_until_reached()
            clock.step(60)
            thread.join()
        self.assertEqual(60, host.calls.last.duration)


class LibvirtTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))

    def test_a_definition(self):
        """The record of a definition has its XML, its result and its caller."""
        domain = self.host.connection.defineXML(DOMAIN)
        call = self.host.calls.named('defineXML').last
        self.assertEqual((DOMAIN, DOMAIN, 'one'), (call.xml, call.arguments['xml'], call.result))
        self.assertTrue(call.caller.is_this_process)
        self.assertIn('<name>one</name>', domain.XMLDesc())
        self.assertIn('<name>one</name>', self.host.calls.named('XMLDesc').last.xml)

    def test_a_client_in_another_process(self):
        """The PID and the command line of another process are known even after its end."""
        done = subprocess.Popen([sys.executable, '-c', 'import libvirt\n'
                                 f'libvirt.open({self.host.uri!r}).getHostname()'])
        done.wait(60)
        caller = self.host.calls.named('getHostname').last.caller
        self.assertEqual((done.pid, False), (caller.pid, caller.is_this_process))
        self.assertIn('import libvirt', caller.command)

    def test_an_error_and_the_fault_behind_it(self):
        """The record of an injected error names the error and the fault."""
        with self.host.faults.failing('getHostname', libvirt.VIR_ERR_NO_MEMORY):
            self.assertRaises(libvirt.libvirtError, self.host.connection.getHostname)
        call = self.host.calls.last
        self.assertEqual(libvirt.VIR_ERR_NO_MEMORY, call.error.code)
        self.assertIn('connect_get_hostname fails', call.fault)

    def test_a_dropped_connection(self):
        """The record of a dropped connection has no answer."""
        with self.host.faults.dropping('getHostname'):
            self.assertRaises(libvirt.libvirtError, self.host.connection.getHostname)
        self.assertEqual('error: the connection was dropped',
                         self.host.calls.named('getHostname').last.outcome)

    def test_every_value_of_every_call_is_readable(self):
        """Arguments and results of every call can be read."""
        connection = self.host.connection
        domain = connection.defineXML(DOMAIN)
        domain.create()
        connection.listAllDomains()
        connection.getAllDomainStats()
        domain.info()
        domain.destroy()
        for call in self.host.calls:
            self.assertTrue(repr(call) and call.line and call.caller.pid)
            self.assertIsInstance(call.arguments, dict)
            self.assertTrue(call.result is not None or call.xml is None)


class AssertionsTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:2x1GiB', backend='stub'))
        self.host = self.cloud.hosts[0]
        self.server = self.cloud.boot(pmem='SMALL')

    def assertFails(self, text, function, *arguments, **named):
        error = self.assertRaises(AssertionError, function, *arguments, **named)
        self.assertIn(text, str(error))
        return str(error)

    def test_assert_called(self):
        """assertCalled matches name, number and arguments, and returns the calls."""
        found = self.assertCalled(
            self.host, 'domainDefineXML', times=1, xml=Contains('nvdimm'))
        self.assertEqual(1, len(found))
        self.assertCalled(self.host, 'createWithFlags', dom=self.server)
        self.assertCalled(self.host, 'ndctl', 'list', times=1)

    def test_assert_called_fails(self):
        """The message lists the calls that were made."""
        self.assertNotCalled(self.host, 'domainDestroy')
        text = self.assertFails(f'{self.host.name}: domainDestroy was not called',
                                self.assertCalled, self.host, 'domainDestroy')
        self.assertIn(f"domain_create_with_flags(dom='{self.server.instance_name}'", text)
        self.assertFails('ndctl list was called once, not 2 times', self.assertCalled, self.host,
                         'ndctl', 'list', times=2)
        self.assertFails('defineXML was called once', self.assertNotCalled, self.host,
                         'defineXML')

    def test_assert_call_order(self):
        """Other calls in between do not matter."""
        self.assertCallOrder(self.host, 'ndctl list', 'defineXML', 'createWithFlags')
        self.assertFails('defineXML was not called after that', self.assertCallOrder, self.host,
                         'createWithFlags', 'defineXML')

    def test_invalid_arguments(self):
        """Misspelled names and invalid numbers are refused."""
        for arguments, named in ((('defineXLM',), {}), (('ndctl', 'lst'), {}),
                                 (('defineXML',), {'times': 'once'}),
                                 (('defineXML',), {'xlm': ''})):
            self.assertRaises(
                InvalidInputError, self.assertCalled, self.host, *arguments, **named)
        self.assertRaises(InvalidInputError, self.assertCalled, self.host.name, 'defineXML')

    def test_dropped_calls(self):
        """Calls that the log no longer keeps do not count as absent."""
        self.host.calls._dropped['domain_destroy'] = 3
        self.assertFails('3 earlier calls of domainDestroy cannot be checked', self.assertNotCalled,
                         self.host, 'domainDestroy')
        self.assertNotCalled(self.host, 'domainUndefine')
