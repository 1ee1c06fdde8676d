"""The dispatcher finds the method of a call, and answers with what it returns or raises."""

from __future__ import annotations

import logging

import fixtures
import libvirt
import testtools

from tests.unit.libvirtd import fake
from tests.unit.libvirtd.wire import client
from vpmem_harness.libvirtd.dispatch import Dispatcher, DropConnection
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import DomainHandle, NetworkHandle, TypedParameter
from vpmem_harness.libvirtd.wire import frames
from vpmem_harness.libvirtd.wire.procedures import BY_NAME
from vpmem_harness.libvirtd.wire.session import Session
from vpmem_harness.serving.deferred import Deferred

DOMAIN = DomainHandle('domain-1', bytes(15) + b'\1', 1)


class DispatchTest(testtools.TestCase):
    """A session and its dispatcher, without a socket."""

    readonly = False

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.hypervisor = fake.Hypervisor()
        self.session = Session()
        self.dropped = []
        self.dispatcher = Dispatcher(
            self.session, self.hypervisor, readonly=self.readonly, flush=lambda: None,
            drop=lambda: self.dropped.append(True), call_soon=lambda function: function())

    def ask(self, name, *arguments, intercept=None):
        """Return the answers to a call."""
        self.session.receive(client.call(name, *arguments))
        while (call := self.session.next_call()) is not None:
            self.dispatcher.execute(call, intercept)
        return client.answers(self.session.take_output())

    def results(self, name, *arguments, **options):
        (answer,) = self.ask(name, *arguments, **options)
        self.assertEqual(frames.OK, answer.status,
                         answer.error if answer.status else 'a result is due')
        return answer.results

    def error(self, name, *arguments, **options):
        (answer,) = self.ask(name, *arguments, **options)
        self.assertEqual(frames.ERROR, answer.status, 'an error is due')
        return answer.error

    def open(self, flags=0):
        self.assertEqual((), self.results('connect_open', 'qemu:///system', flags))
        return self.hypervisor.connections[-1]


class OpenTest(DispatchTest):

    def test_a_connection_for_each_client(self):
        """A client opens one connection, and only one."""
        self.assertFalse(self.open().readonly)
        error = self.error('connect_open', 'qemu:///system', 0)
        self.assertEqual('internal error: connection already open', error['message'])
        self.assertEqual(1, len(self.hypervisor.connections))

    def test_a_reader_says_so(self):
        """The flag VIR_CONNECT_RO makes the connection read-only."""
        self.assertTrue(self.open(libvirt.VIR_CONNECT_RO).readonly)

    def test_other_drivers(self):
        """Only QEMU's driver can be opened, with the paths of a privileged daemon."""
        for uri, message in (
                ('xen:///system', 'no connection driver available for xen:///system'),
                ('system', "no connection driver available for URI 'system' does not include "
                           'a driver name'),
                ('qemu:///elsewhere', "internal error: unexpected qemu URI path '/elsewhere', "
                                      'try qemu:///system')):
            self.assertEqual(message, self.error('connect_open', uri, 0)['message'])
        for uri in (None, '', 'qemu:///session', 'qemu:///system?no_verify=1'):
            self.setUp_again()
            self.assertEqual((), self.results('connect_open', uri, 0))

    def setUp_again(self):
        self.session = Session()
        self.dispatcher = Dispatcher(
            self.session, self.hypervisor, readonly=False, flush=lambda: None,
            drop=lambda: None, call_soon=lambda function: function())

    def test_closing(self):
        """The reply to connect_close ends the session, and the connection is closed once."""
        connection = self.open()
        self.assertEqual((), self.results('connect_close'))
        self.assertTrue(self.session.closing)
        self.dispatcher.close()
        connection.closed.clear()
        self.dispatcher.close()
        self.assertFalse(connection.closed.is_set())

    def test_features(self):
        """The dispatcher answers for the daemon's features, the connection for the others."""
        self.open()
        self.assertEqual(
            {8: 1, 14: 1, 15: 1, 13: 1, 4: 0},
            {feature: self.results('connect_supports_feature', feature)[0]
             for feature in (8, 14, 15, 13, 4)})

    def test_close_callbacks_and_identity(self):
        """Procedures of the session are answered without the hypervisor."""
        self.open()
        for name, arguments in (('connect_register_close_callback', ()),
                                ('connect_unregister_close_callback', ()),
                                ('connect_set_identity', ([], 0))):
            self.assertEqual((), self.results(name, *arguments))


class ResultTest(DispatchTest):

    def setUp(self):
        super().setUp()
        self.connection = self.open()

    def test_one_result(self):
        """A single result is the value that the method returns."""
        self.assertEqual((fake.HOSTNAME,), self.results('connect_get_hostname'))

    def test_many_results(self):
        """Several results are a tuple."""
        self.assertEqual(('x86_64', 4 << 20, 4, 2000, 1, 1, 4, 1), self.results('node_get_info'))

    def test_no_result(self):
        """None is a reply without results; the method gets the arguments that were sent."""
        parameters = [TypedParameter.int_('numa_mode', 1)]
        self.assertEqual((), self.results('domain_set_numa_parameters', DOMAIN, parameters, 3))
        self.assertEqual([(DOMAIN, parameters, 3)], self.hypervisor.seen)

    def test_a_list_and_its_length(self):
        """A plain list is sent with its length, and left out if only the length is wanted."""
        handles = [DomainHandle(f'domain-{n}', bytes(15) + bytes([n]), n) for n in (1, 2)]
        self.assertEqual((handles, 2), self.results('connect_list_all_domains', 1, 0))
        self.assertEqual(([], 2), self.results('connect_list_all_domains', 0, 0))

    def test_parameters_and_their_number(self):
        """A client gets the number of parameters first, and then as many as it asks for."""
        parameters = self.connection.domain_get_numa_parameters(DOMAIN, 0, 0)
        for wanted, expected in ((0, ([], 2)), (1, (parameters[:1], 1)), (2, (parameters, 2)),
                                 (9, (parameters, 2))):
            self.assertEqual(expected,
                             self.results('domain_get_numa_parameters', DOMAIN, wanted, 0))

    def test_a_list_without_a_count(self):
        """A list without a length is cut to the size that the client has room for."""
        self.assertEqual(([1],), self.results('connect_list_domains', 1))
        self.assertEqual(([],), self.results('connect_list_domains', 0))

    def test_another_program(self):
        """The methods of the QEMU program have the prefix ``qemu_``."""
        self.assertEqual(('INFO',), self.results('qemu_domain_monitor_command', DOMAIN, 'info', 0))

    def test_a_result_that_does_not_fit(self):
        """A result of the wrong type is logged, and the client gets libvirt's error."""
        error = self.error('connect_get_capabilities')
        self.assertEqual('Unable to encode message payload', error['message'])
        self.assertIn('connect_get_capabilities', self.log.output)


class ErrorTest(DispatchTest):

    def setUp(self):
        super().setUp()
        self.open()

    def test_an_error_of_the_hypervisor(self):
        """A LibvirtError is sent to the client unchanged."""
        error = self.error('domain_lookup_by_name', 'none')
        self.assertEqual((libvirt.VIR_ERR_NO_DOMAIN,
                          "Domain not found: no domain with matching name 'none'"),
                         (error['code'], error['message']))

    def test_an_error_of_ours(self):
        """Any other exception is logged, and its text is not sent to the client."""
        error = self.error('connect_get_version')
        self.assertEqual(libvirt.VIR_ERR_INTERNAL_ERROR, error['code'])
        self.assertNotIn('secret', str(error))
        self.assertIn('ZeroDivisionError: a secret of the server', self.log.output)

    def test_what_is_not_simulated(self):
        """A procedure without a method fails like one that a driver lacks."""
        for name, arguments, function, domain in (
                ('domain_create', (DOMAIN,), 'virDomainCreate', libvirt.VIR_FROM_DOMAIN),
                ('network_create', (NetworkHandle('n', bytes(16)),), 'virNetworkCreate',
                 libvirt.VIR_FROM_NETWORK),
                ('domain_del_throttle_group', (DOMAIN, 'g', 0), 'virDomainDelThrottleGroup',
                 libvirt.VIR_FROM_DOMAIN)):
            error = self.error(name, *arguments)
            self.assertEqual(
                (libvirt.VIR_ERR_NO_SUPPORT, domain, function,
                 f'this function is not supported by the connection driver: {function}'),
                (error['code'], error['domain'], error['str2'], error['message']))


class ReaderTest(DispatchTest):

    readonly = True     # as on the read-only socket

    def setUp(self):
        super().setUp()
        self.open()

    def refused(self, detail, name, *arguments):
        error = self.error(name, *arguments)
        self.assertEqual((libvirt.VIR_ERR_OPERATION_DENIED, f'operation forbidden: {detail}'),
                         (error['code'], error['message']))

    def test_a_reader_may_read(self):
        """A read-only client can call procedures that read."""
        self.assertEqual((fake.HOSTNAME,), self.results('connect_get_hostname'))

    def test_a_reader_may_not_write(self):
        """A read-only client gets libvirt's refusal of procedures that write, simulated or not."""
        self.refused('read only access prevents virDomainSuspend', 'domain_suspend', DOMAIN)
        self.refused('read only access prevents virDomainCreate', 'domain_create', DOMAIN)
        self.assertEqual(0, self.hypervisor.suspended)

    def test_a_reader_sees_no_secrets(self):
        """A read-only client cannot use flags that show secrets, and can use others."""
        self.refused('virDomainGetXMLDesc with secure flag',
                     'domain_get_xml_desc', DOMAIN, libvirt.VIR_DOMAIN_XML_SECURE)
        self.results('domain_get_xml_desc', DOMAIN, libvirt.VIR_DOMAIN_XML_INACTIVE)

    def test_a_reader_does_not_ask_the_guest(self):
        """A read-only client cannot ask the guest agent."""
        self.refused('read only access prevents virDomainGetVcpusFlags',
                     'domain_get_vcpus_flags', DOMAIN, libvirt.VIR_DOMAIN_VCPU_GUEST)
        self.assertEqual((2,), self.results('domain_get_vcpus_flags', DOMAIN, 0))


class LaterTest(DispatchTest):

    def setUp(self):
        super().setUp()
        self.open()

    def test_the_answer_comes_when_it_is_there(self):
        """A Deferred delays only the answer of its own call."""
        self.assertEqual([], self.ask('domain_resume', DOMAIN))
        self.assertEqual((fake.HOSTNAME,), self.results('connect_get_hostname'))
        self.hypervisor.later.resolve()
        (answer,) = client.answers(self.session.take_output())
        self.assertEqual((29 - 1, frames.OK), (answer.number, answer.status))

    def test_it_may_fail(self):
        """An error of a Deferred is the error of the call."""
        self.ask('domain_resume', DOMAIN)
        self.hypervisor.later.fail(LibvirtError(libvirt.VIR_ERR_OPERATION_ABORTED, 'by a test'))
        (answer,) = client.answers(self.session.take_output())
        self.assertEqual('operation aborted: by a test', answer.error['message'])

    def test_nobody_waits_any_more(self):
        """The result of a Deferred is dropped after the client is gone."""
        self.ask('domain_resume', DOMAIN)
        self.dispatcher.close()
        self.hypervisor.later.resolve()
        self.assertEqual(b'', self.session.take_output())


class JobTest(DispatchTest):
    """virsh waits forever if the reply to its job comes before it waits for the reply."""

    def setUp(self):
        super().setUp()
        self.waiting = []
        self.dispatcher = Dispatcher(
            self.session, self.hypervisor, readonly=False, flush=lambda: None, drop=lambda: None,
            call_soon=lambda function: function(), delay=self.waiting.append)
        self.open()

    def test_the_reply_to_a_job_waits(self):
        """The reply to a job follows when its time is over, and other replies do not wait."""
        self.assertEqual([], self.ask('domain_managed_save', DOMAIN, 0))
        self.assertEqual((fake.HOSTNAME,), self.results('connect_get_hostname'))
        (end,) = self.waiting
        end()
        (answer,) = client.answers(self.session.take_output())
        self.assertEqual(BY_NAME['domain_managed_save'].number, answer.number)

    def test_a_failed_job_waits(self):
        """The error of a job waits too."""
        def fail(call, execute):
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_ABORTED, 'by a test')

        self.assertEqual([], self.ask('domain_managed_save', DOMAIN, 0, intercept=fail))
        self.waiting.pop()()
        (answer,) = client.answers(self.session.take_output())
        self.assertEqual('operation aborted: by a test', answer.error['message'])


class EventTest(DispatchTest):

    def test_events_go_after_the_reply(self):
        """Events that a call causes are sent after its reply, with the fields of the message."""
        self.open()
        self.results('connect_domain_event_callback_register_any', 0, None)
        reply, event = self.ask('domain_suspend', DOMAIN)
        self.assertEqual((frames.MESSAGE, (0, (DOMAIN, libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 0))),
                         (event.kind, event.fields))
        self.assertEqual(frames.REPLY, reply.kind)

    def test_no_events_after_the_end(self):
        """A closed connection sends no events."""
        connection = self.open()
        self.dispatcher.close()
        connection.emit('domain_event_callback_lifecycle', 0, (DOMAIN, 3, 0))
        self.assertEqual(b'', self.session.take_output())


class InterceptTest(DispatchTest):

    def setUp(self):
        super().setUp()
        self.open()

    def suspend(self, intercept):
        return self.ask('domain_suspend', DOMAIN, intercept=intercept)

    def test_it_sees_the_call(self):
        """The intercept gets the call, with its procedure and its domain."""
        seen = []

        def intercept(call, execute):
            seen.append((call.procedure.name, call.domain))
            return execute()

        self.assertEqual(1, len(self.suspend(intercept)))
        self.assertEqual(([('domain_suspend', DOMAIN)], 1), (seen, self.hypervisor.suspended))

    def test_it_fails_a_call(self):
        """The intercept can raise an error in place of the execution."""
        def intercept(call, execute):
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, 'by a fault')

        (answer,) = self.suspend(intercept)
        self.assertEqual('operation failed: by a fault', answer.error['message'])
        self.assertEqual(0, self.hypervisor.suspended)

    def test_it_fails_a_call_that_took_effect(self):
        """The intercept can raise an error after the execution."""
        def intercept(call, execute):
            execute()
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, 'by a fault')

        (answer,) = self.suspend(intercept)
        self.assertEqual((frames.ERROR, 1), (answer.status, self.hypervisor.suspended))

    def test_it_drops_the_connection(self):
        """The intercept can disconnect the client without an answer."""
        def intercept(call, execute):
            execute()
            raise DropConnection

        self.assertEqual([], self.suspend(intercept))
        self.assertEqual(([True], 1), (self.dropped, self.hypervisor.suspended))

    def test_it_holds_a_call(self):
        """The intercept can delay the execution."""
        later, held = Deferred(), []

        def intercept(call, execute):
            held.append(execute)
            return later

        self.assertEqual([], self.suspend(intercept))
        self.assertEqual(0, self.hypervisor.suspended)
        later.run(held[0])
        self.assertEqual((1, 1), (len(client.answers(self.session.take_output())),
                                  self.hypervisor.suspended))
