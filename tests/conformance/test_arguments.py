"""Wrong arguments get the same errors from the simulated daemon and from libvirtd.

Both get the same calls. Compared are the errors of libvirt's public functions and of libvirtd's
dispatcher, not those of a driver, because libvirtd runs its test driver.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from typing import Any

import libvirt

from tests import base
from tests.conformance import libvirtd
from tests.functional.libvirtd.argument_fuzzer import Client
from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.wire import client
from vpmem_harness.libvirtd import argument_checks, argument_table, values
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.libvirtd.wire import frames, shapes
from vpmem_harness.libvirtd.wire.procedures import Procedure

_SECONDS = 10
_DOMAIN = values.DomainHandle('test', bytes(16), 1)
_HANDLES = {'domain': _DOMAIN, 'checkpoint': values.CheckpointHandle('x', _DOMAIN),
            'snapshot': values.SnapshotHandle('x', _DOMAIN),
            'secret': values.SecretHandle(bytes(16), 0, ''),
            'storage_pool': values.StoragePoolHandle('x', bytes(16)),
            'storage_vol': values.StorageVolHandle('x', 'x', 'x')}
_RANGES = {'int': (-(1 << 31), (1 << 31) - 1), 'uint': (0, (1 << 32) - 1),
           'hyper': (-(1 << 63), (1 << 63) - 1), 'uhyper': (0, (1 << 64) - 1)}
_NUMBERS = sorted({0, 1, 2, 3, 4, 9, 10, 128, 129, -1, -2, (1 << 31) - 1, -(1 << 31),
                   (1 << 53) - 1, 1 << 53,
                   *itertools.chain.from_iterable(
                       (number, number + 1) for number in (
                           *(limit for limit, _ in argument_table.LIMITS.values()),
                           *argument_table.LIST_LIMITS.values()))})
_FIELDS = ('code', 'domain', 'message', 'level', 'str1', 'str2', 'str3', 'int1', 'int2')

#: The real daemon would write a file, restore or end a domain of its own.
_LEFT_OUT = ('domain_save', 'domain_core_dump', 'domain_restore')


def _values(field: shapes.Field) -> list[Any]:
    """Return arguments for a field; the first one passes most checks."""
    match field.type:
        case shapes.Scalar(kind):
            if field.name == 'flags':
                single = [1 << bit for bit in range(16)]
                return [0, *single, *(one | other for one, other
                                      in itertools.combinations(single[:9], 2))]
            low, high = _RANGES[kind]
            return [1, *(number for number in _NUMBERS if low <= number <= high)]
        case shapes.Optional(of):
            return [*_values(shapes.Field(field.name, of)), None]
        case shapes.String():
            return ['x', '', 'a\nb']
        case shapes.Opaque():
            return [b'\1', b'']
        case shapes.ListOf(shapes.TypedParam()):
            return [[TypedParameter.uint('x', 1)], [], [TypedParameter.uint('x' * 79, 1)],
                    [TypedParameter.uint('x' * 80, 1)]]
        case shapes.ListOf(of):
            return [[_values(shapes.Field('', of))[0]], []]
        case shapes.Struct(_, name):
            return [_HANDLES[name or '']]
    return ['x']


def calls(procedure: Procedure) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of calls in which one or two arguments are unusual."""
    choices = [_values(field) for field in procedure.arguments.fields]
    usual = tuple(choice[0] for choice in choices)
    yield usual
    for index, choice in enumerate(choices):
        for value in choice[1:]:
            yield (*usual[:index], value, *usual[index + 1:])
    few = [choice[1:7] for choice in choices]
    for one, other in itertools.combinations(range(len(choices)), 2):
        for first, second in itertools.product(few[one], few[other]):
            yield (*usual[:one], first, *usual[one + 1:other], second, *usual[other + 1:])


def checked(answer: client.Answer | None) -> dict[str, Any] | None:
    """Return the fields of an error of a public function or of the dispatcher, or None."""
    if answer is None or answer.status == frames.OK:
        return None
    error = answer.error
    # The last is what libvirtd says of a driver that fails without an error.
    public = (error['code'] == libvirt.VIR_ERR_INVALID_ARG
              and (error['str1'] or '').startswith(('virDomain', 'virConnect', 'virNode',
                                                    'virSecret', 'virStorage'))
              and not (error['str1'] or '').startswith('virDomainObj'))
    dispatch = error['domain'] == libvirt.VIR_FROM_RPC and 'did not set' not in error['message']
    others = ('too large', 'too big', 'invalid lifecycle', 'read only access')
    if not public and not dispatch and not any(text in error['message'] for text in others):
        return None
    return {name: error[name] for name in _FIELDS}


class _Real:
    """A client of libvirtd's test driver."""

    def __init__(self, path: str, *, readonly: bool) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(_SECONDS)
        self.socket.connect(path)
        self._stream = self.socket.makefile('rb')
        self.ask('auth_list')
        self.ask('connect_open', 'test:///default', int(readonly))

    def ask(self, name: str, *arguments: Any) -> client.Answer:
        """Return the answer to a call."""
        self.socket.sendall(client.call(name, *arguments))
        while True:
            length = self._stream.read(4)
            rest = self._stream.read(int.from_bytes(length, 'big') - len(length))
            (answer,) = client.answers(length + rest)
            if answer.kind == frames.REPLY:
                return answer

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


class ArgumentsTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        missing = libvirtd.missing()
        if missing:
            self.skipTest(missing)
        self.path = self.useFixture(libvirtd.RealLibvirtd()).path

    def compare(self, *, readonly: bool) -> None:
        real = _Real(self.path, readonly=readonly)
        self.addCleanup(real.close)
        ours = Client(hosts.recorded_host(), readonly=readonly)
        self.addCleanup(ours.close)
        differences = []
        for procedure in argument_checks.checked():
            if procedure.method.startswith(_LEFT_OUT):
                continue
            for arguments in calls(procedure):
                expected = checked(real.ask(procedure.method, *arguments))
                found = checked(ours.ask(procedure.method, *arguments))
                if found != expected:
                    differences.append((procedure.method, arguments, expected, found))
        self.assertEqual([], differences[:5])

    def test_errors(self) -> None:
        """Wrong arguments get the same errors, with all fields."""
        self.compare(readonly=False)

    def test_errors_of_a_reader(self) -> None:
        """Read-only clients get the same errors, before or after the read-only check."""
        self.compare(readonly=True)
