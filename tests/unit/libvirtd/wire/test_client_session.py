"""The client's end of a session, against the server's end."""

from __future__ import annotations

import libvirt
import testtools

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.wire import frames, keepalive
from vpmem_harness.libvirtd.wire.client_session import ClientSession
from vpmem_harness.libvirtd.wire.session import Session


class ClientSessionTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.client, self.server = ClientSession(), Session()
        self.server.opened = True

    def send(self, name, *arguments):
        """Send a call; return its serial and the call that the server sees."""
        serial = self.client.call(name, arguments)
        self.server.receive(self.client.take_output())
        return serial, self.server.next_call()

    def answers(self):
        return list(self.client.receive(self.server.take_output()))

    def test_a_call_and_its_reply(self):
        """Arguments and results arrive as they were sent."""
        params = [TypedParameter.string('destination_name', 'guest')]
        serial, call = self.send('domain_migrate_finish3_params', params, b'cookie', 2, 0)
        self.assertEqual((params, b'cookie', 2, 0), call.arguments)
        handle = DomainHandle('guest', bytes(16), 7)
        self.server.reply(call, (handle, b'own'))
        self.assertEqual([(serial, (handle, b'own'), None)], self.answers())

    def test_a_single_result_and_none(self):
        """One result is a value, and no result is None."""
        _, first = self.send('connect_get_hostname')
        _, second = self.send('connect_close')
        self.server.reply(second, ())
        self.server.reply(first, ('two',))
        self.assertEqual([None, 'two'], [answer.value for answer in self.answers()])

    def test_an_error(self):
        """An error arrives with all of its fields."""
        _, call = self.send('connect_get_hostname')
        sent = LibvirtError(libvirt.VIR_ERR_NO_DOMAIN, 'gone', domain=libvirt.VIR_FROM_QEMU)
        self.server.fail(call, sent)
        (answer,) = self.answers()
        for field in ('code', 'domain', 'level', 'message', 'str1', 'str2', 'str3', 'int1', 'int2'):
            self.assertEqual(getattr(sent, field), getattr(answer.error, field))

    def test_pings(self):
        """A ping is answered, and a server that answers none is considered dead."""
        self.assertEqual([], list(self.client.receive(keepalive.PING_FRAME)))
        self.assertEqual(keepalive.PONG_FRAME, self.client.take_output())
        self.client.keepalive.start(0)
        self.assertEqual([True] * 5 + [False],
                         [self.client.tick(5 * second) for second in range(1, 7)])
        self.assertEqual(keepalive.PING_FRAME * 5, self.client.take_output())

    def test_a_reply_that_cannot_be_read(self):
        """Results of the wrong shape are an error of that call."""
        serial = self.client.call('connect_get_hostname', ())
        (answer,) = self.client.receive(frames.frame(
            0x20008086, 59, frames.REPLY, serial, frames.OK, b'\0\0\0\x09x'))
        self.assertEqual(libvirt.VIR_ERR_RPC, answer.error.code)

    def test_what_is_no_reply_is_ignored(self):
        """Events, and replies to calls that nobody made, have no effect."""
        event = frames.frame(0x20008086, 318, frames.MESSAGE, 0, frames.OK)
        reply = frames.frame(0x20008086, 59, frames.REPLY, 9, frames.OK)
        self.assertEqual([], list(self.client.receive(event + reply)))
