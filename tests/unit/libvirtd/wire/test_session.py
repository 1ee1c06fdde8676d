"""A session follows the protocol and survives every message that it can read."""

from __future__ import annotations

import struct

import libvirt
import testtools
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.libvirtd.wire import client
from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.wire import frames, keepalive, table
from vpmem_harness.libvirtd.wire.procedures import BY_NAME
from vpmem_harness.libvirtd.wire.session import CALLS_MAX, Session


class SessionTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.session = Session()

    def open(self):
        self.session.opened = True

    def ask(self, data, now=0.0):
        """Feed bytes and return the calls to answer."""
        self.session.receive(data, now)
        calls = []
        while (call := self.session.next_call()) is not None:
            calls.append(call)
        return calls

    def answers(self):
        return client.answers(self.session.take_output())

    def refusal(self, data):
        """Return the single error that the session has answered."""
        self.assertEqual([], self.ask(data))
        (answer,) = self.answers()
        self.assertEqual((frames.REPLY, frames.ERROR), (answer.kind, answer.status))
        return answer.error


class CallTest(SessionTest):

    def test_authentication_is_none(self):
        """auth_list offers no authentication."""
        self.assertEqual([], self.ask(client.call('auth_list')))
        self.assertEqual([([0],)], [answer.results for answer in self.answers()])

    def test_procedures_of_later_releases_are_unknown(self):
        """A daemon answers procedures above its last one as libvirtd answers unknown ones."""
        self.session = Session(last_procedure=443)
        self.open()
        network = values.NetworkHandle('n', bytes(16))
        error = self.refusal(client.call('network_get_metadata', network, 0, None, 0))
        self.assertEqual('unknown procedure: 445', error['message'])

    def test_open_and_close_come_before_the_connection(self):
        """The owner gets connect_open and connect_close from the start."""
        calls = self.ask(client.call('connect_open', 'qemu:///system', 0)
                         + client.call('connect_close'))
        self.assertEqual(['connect_open', 'connect_close'], [c.procedure.name for c in calls])
        self.assertEqual(('qemu:///system', 0), calls[0].arguments)

    def test_a_client_of_go_libvirt_can_open(self):
        """go-libvirt marks the optional name with 0x01000000 where others write 1."""
        name = b'qemu:///system'
        payload = b'\1\0\0\0' + struct.pack('>I', len(name)) + name + bytes(2) + bytes(4)
        header = struct.pack('>IIIIIII', 28 + len(payload), 0x20008086, 1, 1, 0, 3, 0)
        (call,) = self.ask(header + payload)
        self.assertEqual(('connect_open', ('qemu:///system', 0), 3),
                         (call.procedure.name, call.arguments, call.serial))

    def test_nothing_else_does(self):
        """A call before connect_open gets libvirtd's error, which names the driver."""
        error = self.refusal(client.call('connect_get_hostname'))
        self.assertEqual('internal error: hypervisor connection not open', error['message'])

    def test_the_refusal_names_the_driver(self):
        """Calls for another driver than the hypervisor's fail without its name."""
        for name, arguments in (('connect_list_all_networks', (1, 0)),
                                ('connect_list_all_node_devices', (1, 0)),
                                ('connect_node_device_event_deregister_any', (1,)),
                                ('node_num_of_devices', (None, 0))):
            error = self.refusal(client.call(name, *arguments))
            self.assertEqual('internal error: connection not open', error['message'])
        error = self.refusal(client.call('node_device_reset', 'pci_0'))
        self.assertEqual('internal error: hypervisor connection not open', error['message'])
        self.assertEqual((libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC),
                         (error['code'], error['domain']))
        error = self.refusal(client.call('connect_list_all_networks', 1, 0))
        self.assertEqual('internal error: connection not open', error['message'])

    def test_a_reply_carries_the_serial(self):
        """A reply has the serial of its call, and the results."""
        self.open()
        (call,) = self.ask(client.call('connect_get_hostname', serial=77))
        self.session.reply(call, ('host',))
        (answer,) = self.answers()
        self.assertEqual((77, frames.REPLY, frames.OK, ('host',)),
                         (answer.serial, answer.kind, answer.status, answer.results))

    def test_an_error_carries_all_its_fields(self):
        """An error reaches the client as it was raised."""
        self.open()
        (call,) = self.ask(client.call('domain_create', values.DomainHandle('a', bytes(16))))
        error = LibvirtError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, 'no', int1=3)
        self.session.fail(call, error)
        (answer,) = self.answers()
        self.assertEqual(
            {'code': 67, 'domain': error.domain, 'message': 'unsupported configuration: no',
             'level': 2, 'dom': None, 'str1': 'unsupported configuration: %s', 'str2': 'no',
             'str3': None, 'int1': 3, 'int2': -1, 'net': None}, answer.error)

    def test_calls_wait_at_the_limit(self):
        """A client has at most five unanswered calls; the next call waits."""
        self.open()
        calls = self.ask(client.call('connect_get_hostname') * (CALLS_MAX + 1))
        self.assertEqual((CALLS_MAX, CALLS_MAX), (len(calls), self.session.running))
        self.session.reply(calls[3], ('host',))
        self.assertIsNotNone(self.session.next_call())
        self.assertIsNone(self.session.next_call())

    def test_close_is_the_last_answer(self):
        """After connect_close, the session writes the reply and reads nothing more."""
        self.open()
        (call,) = self.ask(client.call('connect_close'))
        self.session.close(call)
        self.assertTrue(self.session.closing)
        self.assertEqual(1, len(self.answers()))
        self.assertEqual([], self.ask(client.call('connect_get_hostname')))

    def test_a_message_that_no_call_asked_for(self):
        """An event is a message with its fields, and serial 1 as from libvirtd."""
        domain = values.DomainHandle('a', bytes(16), 1)
        self.session.emit(BY_NAME['domain_event_callback_lifecycle'], (4, (domain, 2, 0)))
        (event,) = self.answers()
        self.assertEqual((frames.MESSAGE, 1, (4, (domain, 2, 0))),
                         (event.kind, event.serial, event.fields))


class RefusalTest(SessionTest):

    def setUp(self):
        super().setUp()
        self.open()

    def test_unknown_program(self):
        """The error for an unknown program names it as libvirtd does."""
        error = self.refusal(frames.frame(0x90000000, 1, frames.CALL, 1, frames.OK))
        self.assertEqual('Cannot find program -1879048192 version 1', error['message'])
        self.assertEqual(libvirt.VIR_ERR_RPC, error['code'])

    def test_unknown_version(self):
        """The error for an unknown version names it as libvirtd does."""
        error = self.refusal(frames.frame(
            table.REMOTE_PROGRAM, 1, frames.CALL, 1, frames.OK, version=2))
        self.assertEqual('Cannot find program 536903814 version 2', error['message'])

    def test_unknown_procedure(self):
        """An unknown number and the number of a message are refused."""
        for number in (0, 9999, -5, BY_NAME['domain_event_callback_lifecycle'].number):
            error = self.refusal(frames.frame(
                table.REMOTE_PROGRAM, number, frames.CALL, 1, frames.OK))
            self.assertEqual(f'unknown procedure: {number}', error['message'])

    def test_unexpected_status(self):
        """A call whose status is not OK is refused."""
        error = self.refusal(client.call('connect_get_hostname', status=frames.ERROR))
        self.assertEqual('Unexpected message status 1', error['message'])

    def test_undecodable_arguments(self):
        """Invalid arguments are refused, and the session continues."""
        procedure = BY_NAME['domain_create']
        error = self.refusal(frames.frame(
            procedure.program, procedure.number, frames.CALL, 1, frames.OK, b'noise'))
        self.assertEqual('Unable to decode message payload', error['message'])
        self.assertEqual(1, len(self.ask(client.call('connect_get_hostname'))))

    def test_authentication_that_nobody_asked_for(self):
        """Authentication fails, because none is required."""
        error = self.refusal(client.call('auth_sasl_init'))
        self.assertEqual(libvirt.VIR_ERR_AUTH_FAILED, error['code'])

    def test_what_is_no_call_is_dropped(self):
        """Replies, messages and stream data from a client are ignored."""
        for kind in (frames.REPLY, frames.MESSAGE, frames.STREAM, 6, 99):
            self.assertEqual([], self.ask(client.call('connect_get_hostname', kind=kind)))
        self.assertEqual([], self.answers())

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_noise_raises_one_error(self, data):
        """No bytes raise anything but FrameError, and each call gets one answer at most."""
        session = Session()
        session.opened = data.draw(st.booleans())
        headers = st.builds(
            lambda program, number, kind, payload: frames.frame(
                program, number, kind, 1, frames.OK, payload),
            st.sampled_from((table.REMOTE_PROGRAM, table.QEMU_PROGRAM, table.KEEPALIVE_PROGRAM)),
            st.integers(-3, 460), st.integers(0, 6), st.binary(max_size=60))
        try:
            for piece in data.draw(st.lists(headers | st.binary(max_size=40), max_size=4)):
                session.receive(piece)
                while (call := session.next_call()) is not None:
                    session.fail(call, LibvirtError(libvirt.VIR_ERR_NO_SUPPORT))
        except frames.FrameError:
            return
        client.answers(session.take_output())


class KeepAliveTest(SessionTest):

    def test_a_ping_is_answered(self):
        """A ping gets a pong, before and after connect_open."""
        self.assertEqual([], self.ask(client.keepalive(keepalive.PING)))
        (answer,) = self.answers()
        self.assertEqual((table.KEEPALIVE_PROGRAM, keepalive.PONG, frames.MESSAGE),
                         (answer.program, answer.number, answer.kind))

    def test_nothing_is_asked_of_a_client_that_did_not_offer(self):
        """Without the feature the daemon never pings."""
        self.assertTrue(self.session.tick(1000.0))
        self.assertEqual(([], None), (self.answers(), self.session.keepalive.deadline))

    def start(self):
        self.assertEqual([], self.ask(client.call('connect_supports_feature', 10)))
        self.assertEqual([(1,)], [answer.results for answer in self.answers()])

    def test_a_silent_client_is_asked_and_given_up(self):
        """After five unanswered pings, 30 s after the last frame, the session is dead."""
        self.start()
        asked = []
        now = 0.0
        while self.session.tick(now):
            asked += [now] * len(self.answers())
            now = self.session.keepalive.deadline
        self.assertEqual(([5.0, 10.0, 15.0, 20.0, 25.0], 30.0), (asked, now))

    def test_any_frame_is_a_sign_of_life(self):
        """A frame resets the count and the timer."""
        self.start()
        for now in (5.0, 10.0, 15.0, 20.0, 25.0):
            self.assertTrue(self.session.tick(now))
        self.ask(client.keepalive(keepalive.PONG), 29.0)
        self.assertEqual(34.0, self.session.keepalive.deadline)
        self.assertTrue(self.session.tick(34.0))
        self.assertTrue(self.session.tick(39.0))

    def test_it_can_be_turned_off(self):
        """An interval of 0 disables pings, as in libvirtd.conf."""
        self.session = Session(keepalive_interval=0)
        self.start()
        self.assertIsNone(self.session.keepalive.deadline)
