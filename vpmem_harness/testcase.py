"""The base class of tests on simulated hosts, and what can be asserted of a cloud."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import testtools
from lxml import etree

from vpmem_harness import safelog
from vpmem_harness.cloud.api import SimulatedHost, VPMEMDevice
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.flavors import PMEM_CLASS
from vpmem_harness.cloud.server import Server
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures.host import HostFixture
from vpmem_harness.fixtures.safe_logging import SafeLoggingFixture
from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.host.machine import Host
from vpmem_harness.uuids import UUIDs


class VPMEMTestCase(safelog.SafeDetails, testtools.TestCase):
    """A test on simulated hosts.

    When it fails, its details hold the seed that replays it, what was asked of its clouds, and
    the log, with nothing in it that identifies anybody. ``self.log`` has that, too.

    ``self.uuids`` makes UUIDs by name, the same one for a name within a test::

        self.assertEqual(self.uuids.server1, self.uuids.server1)

    ``self.randomness`` is for whatever else a test draws: that seed replays it, too.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(SafeLoggingFixture())
        self.randomness = self.useFixture(TestSeed()).randomness
        self.uuids = UUIDs(self.randomness)

    def assertAllocated(  # noqa: N802 - assertions are named as unittest's
        self, server: Server, resources: Mapping[str, int],
        host: str | SimulatedHost | None = None,
    ) -> None:
        """A server holds these amounts of a host in Placement, and no other persistent memory.

        :param resources: amounts by resource class; a class of another kind that is not named
            is not looked at.
        :param host: the server's own, unless another is named.
        """
        name = server.host if host is None else server._cloud.compute(host).name
        held = server.allocations.get(name or '', {})
        of_interest = {
            resource: amount for resource, amount in held.items()
            if resource in resources or resource.startswith(PMEM_CLASS)}
        self.assertEqual(
            dict(resources), of_interest, f'what {server.name} holds of {name} in Placement')

    def assertNotAllocated(  # noqa: N802 - as above
        self, server: Server, host: str | SimulatedHost,
    ) -> None:
        """A server holds nothing of a host in Placement."""
        name = server._cloud.compute(host).name
        self.assertEqual(
            {}, server.allocations.get(name, {}),
            f'what {server.name} holds of {name} in Placement')

    def assertClaimed(  # noqa: N802 - as above
        self, cloud: Cloud, host: str | SimulatedHost, namespaces: Mapping[str, int],
    ) -> None:
        """A compute service has claimed this many namespaces for each server, and no other.

        :param namespaces: how many, by the server's name.
        """
        compute = cloud.compute(host)
        names = {server.id: server.name for server in cloud.servers}
        claimed = Counter(
            names.get(owner, owner) for owner in compute.assigned_namespaces.values())
        self.assertEqual(dict(namespaces), dict(claimed), f'the claims on {compute.name}')

    def assertNamespacesFree(  # noqa: N802 - as above
        self, cloud: Cloud, host: str | SimulatedHost,
        names: Iterable[str | VPMEMDevice] | None = None,
    ) -> None:
        """Nobody has claimed these namespaces of a host, or any of it.

        :param names: namespaces, as a server has them or by their names.
        """
        compute = cloud.compute(host)
        assigned = set(compute.assigned_namespaces)
        wanted = assigned if names is None else _named(_simulated(compute.host), names)
        self.assertEqual(set(), wanted & assigned, f'claimed namespaces of {compute.name}')

    def assertWiped(  # noqa: N802 - as above
        self, host: SimulatedHost | HostFixture, devices: Iterable[VPMEMDevice],
    ) -> None:
        """Namespaces of a host hold nothing but zeroes."""
        for device in devices:
            self.assertEqual(
                frozenset(), _writers(host, device), f'who has left data on {device.name}')

    def assertHoldsDataOf(  # noqa: N802 - as above
        self, server: Server, host: SimulatedHost | HostFixture, devices: Iterable[VPMEMDevice],
    ) -> None:
        """Namespaces of a host hold what the guest of a server wrote, and nothing else."""
        for device in devices:
            self.assertEqual(
                frozenset({server.id}), _writers(host, device),
                f'who has left data on {device.name}')

    def assertFault(self, server: Server, text: str) -> None:  # noqa: N802 - as above
        """A server is in ERROR, and its fault says so."""
        self.assertEqual('ERROR', server.status)
        fault = server.fault
        self.assertIsNotNone(fault)
        self.assertIn(text, '' if fault is None else fault.message)

    def assertGuestHas(  # noqa: N802 - as above
        self, server: Server, devices: Iterable[VPMEMDevice] | None = None,
    ) -> None:
        """The domain of a server lies on its namespaces, in their order.

        :param devices: other namespaces than those that the cloud says it has.
        """
        paths = self.nvdimm_paths(server)
        expected = server.namespaces if devices is None else devices
        self.assertEqual(
            [device.devpath for device in expected], paths, f'the NVDIMMs of {server.name}')

    def nvdimm_paths(self, server: Server) -> list[str]:
        """The devices behind the NVDIMMs of a server's domain, as its hypervisor has them."""
        domain = etree.fromstring(server.domain_xml())
        return [
            str(path.text)
            for path in domain.iterfind("./devices/memory[@model='nvdimm']/source/path")]

    def assertConsistent(self, cloud: Cloud) -> None:  # noqa: N802 - as above
        """Nothing is claimed twice or for nobody: Placement, claims and domains agree.

        True of a cloud at rest, whatever has happened to it.
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


def _simulated(host: SimulatedHost | HostFixture) -> Host:
    """The host itself, of a fixture too."""
    simulated = host.host if isinstance(host, HostFixture) else host
    if not isinstance(simulated, Host):
        raise InvalidInputError(
            'host', expected='a simulated host or a HostFixture', got=repr(host),
            remedy='take it from cloud.hosts, or by its name with cloud.host(name)')
    return simulated


def _named(host: Host, namespaces: Iterable[str | VPMEMDevice]) -> set[str]:
    """The names of namespaces that a host has."""
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


def _writers(host: SimulatedHost | HostFixture, device: VPMEMDevice) -> frozenset[str]:
    simulated = _simulated(host)
    if simulated.pmem.device(device.devpath) is None:
        raise InvalidInputError(
            'namespace', expected=f'one that {simulated.name} has a device for now',
            got=device.devpath, remedy='give the host that the namespace is on')
    return frozenset(simulated.pmem.contents(device.devpath).writers)
