"""The simulated daemon's answers equal libvirtd's frame by frame.

Both get the same bytes and must send the same answers, except for the differences in ``KNOWN``.
"""

from __future__ import annotations

import os
import socket
import struct

import fixtures
from testtools import matchers

from tests import base
from tests.conformance import libvirtd
from tests.unit.libvirtd import fake
from tests.unit.libvirtd.wire import client
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.libvirtd.values import (
    DomainHandle,
    NetworkHandle,
    NWFilterHandle,
    SnapshotHandle,
    StorageVolHandle,
)
from vpmem_harness.libvirtd.wire import frames, keepalive, primitives, table

_SECONDS = 10
_DOMAIN = DomainHandle('test', bytes(16), 1)
_NOISE = b'noise'
_LAST = 443      # the last procedure of libvirt 9.0.0
#: Placeholder for connect_open with the URI of each daemon.
_OPEN = 0
_OPEN_TO_READ = 1


def _frame(program: int, number: int, kind: int = frames.CALL, status: int = frames.OK,
           payload: bytes = b'', version: int = 1) -> bytes:
    return frames.frame(program, number, kind, 9, status, payload, version)


def _string(content: bytes) -> bytes:
    return struct.pack('>I', len(content)) + content + bytes(-len(content) % 4)


_ONE = struct.pack('>I', 1)
_FRAMES: dict[str, list[bytes | int]] = {
    'before the connection is open': [client.call('connect_get_hostname')],
    'a secondary driver before that': [client.call('connect_list_all_networks', 1, 0)],
    'closing what is not open': [client.call('connect_close')],
    'authentication': [client.call('auth_list')],
    'authentication that is not offered': [client.call('auth_sasl_init')],
    'an unknown program': [_frame(0x90000000, 1)],
    'an unknown version': [_frame(table.REMOTE_PROGRAM, 1, version=2)],
    'a call of the keepalive program': [_frame(table.KEEPALIVE_PROGRAM, 1)],
    'arguments of another program': [_frame(table.LXC_PROGRAM, 1)],
    'number 0': [_frame(table.REMOTE_PROGRAM, 0)],
    'a number beyond the table': [_frame(table.REMOTE_PROGRAM, 9999)],
    'a negative number': [_frame(table.REMOTE_PROGRAM, -5)],
    "a message's number": [_frame(table.REMOTE_PROGRAM, 318)],
    'an unexpected status': [_frame(table.REMOTE_PROGRAM, 59, status=frames.ERROR)],
    'bytes after the arguments': [
        _frame(table.REMOTE_PROGRAM, 60, payload=struct.pack('>iI', 10, 0))],
    'a name that is marked in another byte order': [
        _frame(table.REMOTE_PROGRAM, 1, payload=b'\1\0\0\0' + _string(b'foo:///x') + bytes(4))],
    'a name with a NUL': [
        _frame(table.REMOTE_PROGRAM, 1, payload=_ONE + _string(b'foo:///x\0yz') + bytes(4))],
    'the longest string': [
        _frame(table.REMOTE_PROGRAM, 11, payload=_string(bytes(primitives.STRING_MAX)))],
    'a string that is too long': [
        _frame(table.REMOTE_PROGRAM, 11, payload=_string(bytes(primitives.STRING_MAX + 1)))],
    'characters out of range, and without an end': [
        _frame(table.REMOTE_PROGRAM, 68, payload=_string(b'x') + bytes(4) + struct.pack(
            '>Iiii', 3, 256, 65, -200))],
    'arguments that do not decode': [_frame(table.REMOTE_PROGRAM, 9, payload=_NOISE)],
    'what is no call is dropped': [
        _frame(table.REMOTE_PROGRAM, 59, kind) + client.call('auth_list') for kind in (1, 3, 99)],
    'a ping': [client.keepalive(keepalive.PING)],
    'keepalive': [client.call('connect_supports_feature', 10)],
    'no room for a header': [struct.pack('>I', 20) + bytes(16)],
    'a length of 0': [struct.pack('>I', 0)],
    'a length beyond the limit': [struct.pack('>I', frames.MESSAGE_MAX + 5)],
    'too many descriptors': [
        _frame(table.REMOTE_PROGRAM, 349, frames.CALL_WITH_FDS, payload=struct.pack('>I', 33))],
    'no descriptors': [
        _frame(table.REMOTE_PROGRAM, 66, frames.CALL_WITH_FDS, payload=struct.pack('>I', 0))],
    'a driver that there is not': [client.call('connect_open', 'foo:///x', 0)],
    'a URI without a driver': [client.call('connect_open', 'foo', 0)],
    'opening twice': [_OPEN, _OPEN],
    'authentication after opening': [_OPEN, client.call('auth_list')],
    'identity': [_OPEN, client.call('connect_set_identity', [], 0)],
    'close callbacks': [_OPEN, client.call('connect_unregister_close_callback'),
                        client.call('connect_register_close_callback'),
                        client.call('connect_register_close_callback')],
    "features of every driver's": [
        _OPEN, *(client.call('connect_supports_feature', n) for n in (2, 8, 9, 14, 15, 16, 99))],
    'what a driver does not have': [
        _OPEN, client.call('connect_list_all_secrets', 1, 0),
        client.call('domain_block_rebase', _DOMAIN, 'vda', None, 0, 0),
        client.call('connect_list_all_nwfilters', 1, 0),
        client.call('qemu_domain_monitor_command', _DOMAIN._replace(name='x'), 'x', 0),
        client.call('node_suspend_for_duration', 0, 0, 0)],
    'what a reader may not do': [
        _OPEN_TO_READ, client.call('domain_define_xml', '<a/>'),
        client.call('domain_create', _DOMAIN),
        client.call('domain_get_xml_desc', _DOMAIN, 1),
        client.call('domain_get_vcpus_flags', _DOMAIN, 8),
        client.call('domain_interface_addresses', _DOMAIN, 1, 0),
        client.call('domain_set_metadata', _DOMAIN, 1, 'a', None, None, 0),
        client.call('domain_snapshot_create_xml', _DOMAIN, '<a/>', 0),
        client.call('domain_snapshot_delete', SnapshotHandle('a', _DOMAIN), 0),
        client.call('network_create', NetworkHandle('a', bytes(16))),
        client.call('node_device_destroy', 'a'),
        client.call('nwfilter_undefine', NWFilterHandle('a', bytes(16))),
        client.call('qemu_domain_monitor_command', _DOMAIN, 'x', 0),
        client.call('secret_define_xml', '<a/>', 0),
        client.call('storage_vol_delete', StorageVolHandle('a', 'b', 'c'), 0)],
}

#: Known differences, with their reasons.
_KNOWN: dict[str, tuple[bytes, str]] = {
    'polkit': (
        client.call('auth_polkit'),
        'libvirtd forgets to say why; here the error is that of the other mechanisms'),
}


class WireTest(base.TestCase):

    def setUp(self):
        super().setUp()
        missing = libvirtd.missing()
        if missing:
            self.skipTest(missing)
        self.useFixture(fixtures.FakeLogger())
        self.real = self.useFixture(libvirtd.RealLibvirtd()).path
        self.simulated = os.path.join(self.useFixture(fixtures.TempDir()).path, 's')
        hypervisor = fake.Hypervisor()
        hypervisor.connect = lambda readonly, driver: _Bare()
        daemon = Daemon(hypervisor, self.simulated)
        daemon.start()
        self.addCleanup(daemon.stop)

    def answers(self, path, sent):
        """Return the answers by frame, including the fields of an error."""
        uri = 'test:///default' if path == self.real else 'qemu:///system'
        came = []
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(_SECONDS)
            sock.connect(path)
            for data in sent:
                if isinstance(data, int):
                    data = client.call('connect_open', uri, data)
                sock.sendall(data)
                came += self.answer(sock)
                if came[-1] == 'the end':
                    break
        return came

    @staticmethod
    def answer(sock):
        splitter, whole = frames.Splitter(), []
        while not whole:
            try:
                data = sock.recv(1 << 16)
            except ConnectionResetError:
                data = b''
            if not data:
                return ['the end']
            whole += splitter.feed(data)
        return [(a.program, a.number, a.kind, a.serial, a.status,
                 a.error if a.status else a.payload)
                for a in client.answers(b''.join(whole))]

    def test_the_same_bytes_get_the_same_answers(self):
        """Errors, refusals, limits and the protocol's order are those of libvirtd."""
        for name, sent in _FRAMES.items():
            for one in ([sent] if isinstance(sent[0], int) else [[data] for data in sent]):
                self.expectThat(self.answers(self.simulated, one),
                                matchers.Equals(self.answers(self.real, one)), name)

    def test_known_differences_still_exist(self):
        """Every known difference still exists; an outdated entry of the list fails."""
        for name, (sent, _) in _KNOWN.items():
            self.expectThat(self.answers(self.simulated, [sent]),
                            matchers.Not(matchers.Equals(self.answers(self.real, [sent]))), name)

    def test_the_same_numbers_are_unknown(self):
        """A procedure number is unknown if and only if it is unknown to libvirtd."""
        def unknown(path):
            return {number for number in range(1, _LAST + 1)
                    if 'unknown procedure' in str(self.answers(
                        path, [_frame(table.REMOTE_PROGRAM, number, payload=_NOISE)]))}

        self.assertEqual(unknown(self.real), unknown(self.simulated))


class _Bare:
    """A connection without any method."""

    emit = None

    def find(self, procedure):
        return None

    def close(self):
        pass
