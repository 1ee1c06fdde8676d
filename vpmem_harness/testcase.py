"""The base class of tests on simulated hosts, with assertions on clouds and hosts."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

import testtools
from lxml import etree

from vpmem_harness import safelog
from vpmem_harness.cloud.api import Named, VPMEMDevice
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.flavors import PMEM_CLASS
from vpmem_harness.cloud.server import Server
from vpmem_harness.exceptions import HarnessError, InvalidInputError
from vpmem_harness.fixtures.failure_report import add_report
from vpmem_harness.fixtures.host import HostFixture
from vpmem_harness.fixtures.safe_logging import SafeLoggingFixture
from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.host.calls import Calls
from vpmem_harness.host.machine import Host
from vpmem_harness.plurals import counted
from vpmem_harness.uuids import UUIDs

#: How many calls the message of a failed assertion lists.
_CALLS_SHOWN = 50

# pytest leaves the frames of this module out of a traceback.
__tracebackhide__ = True


class VPMEMTestCase(safelog.SafeDetails, testtools.TestCase):
    """A test on simulated hosts.

    The details of a failed test contain the seed that replays it, the requests to its clouds, the
    calls to its hosts, and the log, without anything that identifies people or machines.
    ``self.log`` is the captured log.

    ``self.uuids`` makes UUIDs by name; within a test a name always gives the same UUID::

        self.assertEqual(self.uuids.server1, self.uuids.server1)

    Use ``self.randomness`` for random values of the test: the seed replays them as well.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(SafeLoggingFixture())
        self.randomness = self.useFixture(TestSeed(self)).randomness
        self.uuids = UUIDs(self.randomness)

    def onException(  # noqa: N802 - testtools calls it
        self, exc_info: Any, tb_label: str = 'traceback',
    ) -> None:
        """Report an error, without the frames of the harness if it is meant for the test."""
        _, error, traceback = exc_info
        if isinstance(error, HarnessError | self.failureException):
            _shorten(traceback)
        super().onException(exc_info, tb_label)
        add_report(self, error)

    @contextlib.contextmanager
    def subTest(  # noqa: N802 - unittest's name
        self, msg: Any = None, **params: Any,
    ) -> Iterator[None]:
        """Enclose a part of a test; an error in it names the part.

        Under testtools, the first part that fails ends the test.
        """
        words = [] if msg is None else [f'[{msg}]']
        words += [f'({", ".join(f"{name}={value!r}" for name, value in params.items())})'
                  ] if params else []
        with super().subTest(*([] if msg is None else [msg]), **params):
            try:
                yield
            except Exception as error:
                error.add_note(' '.join(['in the subtest', *words]))
                raise

    # Calls to a host

    def assertCalled(  # noqa: N802 - assertions are named as unittest's
        self, host: Host | HostFixture, name: str, subcommand: str | None = None, *,
        times: int | None = None, **arguments: Any,
    ) -> Calls:
        """A function of libvirt, or a tool, was called on a host; returns the calls.

        ::

            self.assertCalled(host, 'domainDefineXML', xml=Contains('nvdimm'))
            self.assertCalled(host, 'ndctl', 'list', times=1)

        :param name: as for :meth:`~vpmem_harness.host.calls.selection.Calls.named`.
        :param subcommand: of ndctl or daxctl.
        :param times: how often; at least once if None.
        :param arguments: values or testtools matchers for arguments of the call, by name.
        """
        if isinstance(times, bool) or not isinstance(times, int | None):
            raise InvalidInputError('times', expected='a number of calls', got=repr(times),
                                    remedy='leave it out for at least one')
        found = self._calls(host, name, subcommand, arguments)
        if times is None and found:
            return found
        self._check_nothing_dropped(host, name, subcommand)
        if times is None:
            self._fail_with_calls(
                host, f'{_called(name, subcommand, arguments)} was not called')
        elif len(found) != times:
            self._fail_with_calls(
                host, f'{_called(name, subcommand, arguments)} was called {_times(len(found))}, '
                f'not {_times(times)}')
        return found

    def assertNotCalled(  # noqa: N802 - as above
        self, host: Host | HostFixture, name: str, subcommand: str | None = None,
        **arguments: Any,
    ) -> None:
        """A function of libvirt, or a tool, was not called on a host."""
        found = self._calls(host, name, subcommand, arguments)
        if found:
            self._fail_with_calls(
                host, f'{_called(name, subcommand, arguments)} was called {_times(len(found))}')
        self._check_nothing_dropped(host, name, subcommand)

    def assertCallOrder(  # noqa: N802 - as above
        self, host: Host | HostFixture, *names: str,
    ) -> None:
        """The calls of some functions and tools were made in this order.

        Other calls in between do not matter. A name can occur more than once, and a tool can have
        its subcommand: ``'ndctl list'``.
        """
        simulated = _host(host)
        calls = iter(simulated.calls)
        for name in names:
            wanted = simulated.calls.named(name)
            numbers = {call.number for call in wanted}
            if not any(call.number in numbers for call in calls):
                self._fail_with_calls(
                    host, f'{name} was not called{" after that" if wanted else ""}; '
                    f'expected the order {", ".join(names)}')

    def _calls(self, host: Host | HostFixture, name: str, subcommand: str | None,
               arguments: Mapping[str, Any]) -> Calls:
        values = {key: value.id if isinstance(value, Server) else value
                  for key, value in arguments.items()}
        return _host(host).calls.named(name, subcommand).matching(**values)

    def _check_nothing_dropped(self, host: Host | HostFixture, name: str,
                               subcommand: str | None) -> None:
        dropped = _host(host).calls.dropped_named(name, subcommand)
        if dropped:
            self._fail_with_calls(
                host, f'{counted(dropped, "earlier call")} of {name} cannot be checked, because '
                'the record keeps the latest calls only; clear it with '
                'host.calls.clear() before the part of the test that counts')

    def _fail_with_calls(self, host: Host | HostFixture, reason: str) -> None:
        simulated = _host(host)
        calls = simulated.calls[:]
        lines = [repr(call) for call in calls[-_CALLS_SHOWN:]]
        if len(calls) > _CALLS_SHOWN:
            lines.insert(0, f'... {counted(len(calls) - _CALLS_SHOWN, "call")} before')
        made = '\n  '.join(lines) or 'none'
        raise self.failureException(f'{simulated.name}: {reason}\ncalls:\n  {made}')

    # Servers

    def assertAllocated(  # noqa: N802 - as above
        self, server: Server, resources: Mapping[str, int], host: str | Named | None = None,
    ) -> None:
        """A server has these allocations on a host, and no other persistent memory.

        :param resources: amounts by resource class; other classes of another kind do not matter.
        :param host: the server's own host if None.
        """
        name = server.host if host is None else server._cloud.compute(host).name
        held = server.allocations.get(name or '', {})
        of_interest = {
            resource: amount for resource, amount in held.items()
            if resource in resources or resource.startswith(PMEM_CLASS)}
        self.assertEqual(
            dict(resources), of_interest, f'allocations of {server.name} on {name} in Placement')

    def assertNotAllocated(  # noqa: N802 - as above
        self, server: Server, host: str | Named,
    ) -> None:
        """A server has no allocations on a host."""
        name = server._cloud.compute(host).name
        self.assertEqual(
            {}, server.allocations.get(name, {}),
            f'allocations of {server.name} on {name} in Placement')

    def assertClaimed(  # noqa: N802 - as above
        self, cloud: Cloud, host: str | Named, namespaces: Mapping[str, int],
    ) -> None:
        """A compute service has claimed this many namespaces for each server, and no others.

        :param namespaces: the numbers by the server's name.
        """
        compute = cloud.compute(host)
        names = {server.id: server.name for server in cloud.servers}
        claimed = Counter(
            names.get(owner, owner) for owner in compute.assigned_namespaces.values())
        self.assertEqual(dict(namespaces), dict(claimed), f'the claims on {compute.name}')

    def assertNamespacesFree(  # noqa: N802 - as above
        self, cloud: Cloud, host: str | Named,
        names: Iterable[str | VPMEMDevice] | None = None,
    ) -> None:
        """No server has claimed these namespaces of a host.

        :param names: namespaces of a server, or their names; every namespace if None.
        """
        compute = cloud.compute(host)
        assigned = set(compute.assigned_namespaces)
        wanted = assigned if names is None else _named(_host(compute.host), names)
        self.assertEqual(set(), wanted & assigned, f'claimed namespaces of {compute.name}')

    def assertWiped(  # noqa: N802 - as above
        self, host: Host | HostFixture, devices: Iterable[VPMEMDevice],
    ) -> None:
        """Namespaces of a host contain only zeros."""
        for device in devices:
            self.assertEqual(
                frozenset(), _writers(host, device), f'who has left data on {device.name}')

    def assertHoldsDataOf(  # noqa: N802 - as above
        self, server: Server, host: Host | HostFixture, devices: Iterable[VPMEMDevice],
    ) -> None:
        """Namespaces of a host contain the data of a server's guest, and no other data."""
        for device in devices:
            self.assertEqual(
                frozenset({server.id}), _writers(host, device),
                f'who has left data on {device.name}')

    def assertFault(self, server: Server, text: str) -> None:  # noqa: N802 - as above
        """A server is in ERROR, and the message of its fault contains a text."""
        record = server.record
        fault = 'no fault' if record.fault is None else f'the fault {record.fault.message!r}'
        found = f'server {server.name} is {record.status} with {fault}'
        if record.status != 'ERROR':
            self.fail(f'{found}; expected ERROR and a fault with {text!r}')
        if record.fault is None or text not in record.fault.message:
            self.fail(f'{found}; expected a fault with {text!r}')

    def assertGuestHas(  # noqa: N802 - as above
        self, server: Server, devices: Iterable[VPMEMDevice] | None = None,
    ) -> None:
        """The domain of a server has the server's namespaces, in their order.

        :param devices: namespaces instead of those that the cloud reports.
        """
        paths = self.nvdimm_paths(server)
        expected = server.namespaces if devices is None else devices
        self.assertEqual(
            [device.devpath for device in expected], paths, f'the NVDIMMs of {server.name}')

    def nvdimm_paths(self, server: Server) -> list[str]:
        """The devices of the NVDIMMs of a server's domain, from its hypervisor."""
        domain = etree.fromstring(server.domain_xml())
        return [
            str(path.text)
            for path in domain.iterfind("./devices/memory[@model='nvdimm']/source/path")]

    def assertConsistent(self, cloud: Cloud) -> None:  # noqa: N802 - as above
        """Placement, claims and domains agree, and no namespace is claimed twice.

        This holds for every cloud in which no server has a task.
        """
        for host in cloud.hosts:
            compute = cloud.compute(host)
            in_placement = sum(
                amount for name, amount in compute.usages.items()
                if name.startswith(PMEM_CLASS))
            claimed = compute.assigned_namespaces
            self.assertEqual(
                in_placement, len(claimed),
                f'namespaces of {host.name}: held in Placement, and claimed')
            paths = Counter(
                path for server in cloud.servers
                if server.host == host.name and server.power_state
                for path in self.nvdimm_paths(server))
            twice = [path for path, times in paths.items() if times > 1]
            self.assertEqual([], twice, f'namespaces of {host.name} in two domains')


def _times(count: int) -> str:
    return 'once' if count == 1 else f'{count} times'


def _called(name: str, subcommand: str | None, arguments: Mapping[str, Any]) -> str:
    """A call in words, with the arguments that were expected."""
    words = f'{name} {subcommand}' if subcommand else name
    expected = ', '.join(f'{key}={value!r}' for key, value in arguments.items())
    return f'{words} with {expected}' if expected else words


def _shorten(traceback: TracebackType | None) -> None:
    """Cut the last frames of a traceback that belong to the harness or to testtools."""
    last = None
    while traceback is not None:
        names = traceback.tb_frame.f_globals
        if '__unittest' not in names and not str(names.get('__name__')).startswith(
                f'{__package__}.'):
            last = traceback
        traceback = traceback.tb_next
    if last is not None:
        last.tb_next = None


def _host(host: Host | HostFixture) -> Host:
    """The host itself, also of a fixture."""
    simulated = host.host if isinstance(host, HostFixture) else host
    if not isinstance(simulated, Host):
        raise InvalidInputError(
            'host', expected='a simulated host or a HostFixture', got=repr(host),
            remedy='take it from cloud.hosts, or by its name with cloud.host(name)')
    return simulated


def _named(host: Host, namespaces: Iterable[str | VPMEMDevice]) -> set[str]:
    """The names of namespaces of a host."""
    if isinstance(namespaces, str):
        raise InvalidInputError(
            'names of namespaces', expected='a list of them', got=f'the text {namespaces!r}',
            remedy=f'write [{namespaces!r}]')
    names = {one.name if isinstance(one, VPMEMDevice) else one for one in namespaces}
    known = {one.name for one in host.namespaces if one.name is not None}
    if not names <= known:
        raise InvalidInputError(
            'names of namespaces', expected=f'some of {", ".join(sorted(known))}',
            got=', '.join(sorted(map(str, names - known))),
            remedy=f'name namespaces of {host.name}')
    return names


def _writers(host: Host | HostFixture, device: VPMEMDevice) -> frozenset[str]:
    simulated = _host(host)
    if simulated.pmem.device(device.devpath) is None:
        raise InvalidInputError(
            'namespace', expected=f'one that {simulated.name} has a device for now',
            got=device.devpath, remedy='give the host that the namespace is on')
    return frozenset(simulated.pmem.contents(device.devpath).writers)
