"""The stub and real Nova side by side: the same requests, and what can be seen of each after them.

Nova takes any free namespace of a label, so namespaces are compared as a multiset: how many of a
label on a host are held by which server, and whose data they have. Servers are known by the order
of their boots, hosts by their order in the cloud.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Hashable, Iterable

import libvirt

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.waiting import UnexpectedStateError
from vpmem_harness.fixtures.audit import DataSafetyAudit
from vpmem_harness.fixtures.cloud import CloudFixture
from vpmem_harness.host.audit import Kind

PMEM = 'SMALL:3x4GiB,LARGE:2x6GiB'

#: Where Nova is known to differ: findings, by what the audit says of them and what was asked.
KNOWN = {
    Kind.LOST: {'reboot', 'start'},
    Kind.LEFT: {'confirmResize'},
}


class Side:
    """One of the two clouds."""

    def __init__(self, backend: str, seed: int) -> None:
        self.cloud = CloudFixture(hosts=2, pmem=PMEM, backend=backend, seed=seed)
        self.servers: list[Server] = []

    def setUp(self) -> None:
        self.cloud.setUp()
        self.audit = DataSafetyAudit(self.cloud)
        self.audit.setUp()
        self.hosts = [host.name for host in self.cloud.hosts]

    def cleanUp(self) -> None:
        self.audit.cleanUp()
        self.cloud.cleanUp()

    def do(self, step: Callable[[Side], object]) -> str:
        """Take a step: how it went, in words that hold on both sides."""
        try:
            step(self)
        except (errors.NovaException, UnexpectedStateError) as error:
            outcome = f'{type(error).__name__}: {self.neutral(str(error))}'
            if isinstance(error, UnexpectedStateError):
                outcome = f'{error.expected} was expected, {error.status} came: ' + self.neutral(
                    error.fault.message if error.fault else error.reason)
        else:
            outcome = 'done'
        for name in self.hosts:
            if self.cloud.compute(name).is_up:
                self.cloud.compute(name).run_periodic_tasks()
        return outcome

    def neutral(self, text: str) -> str:
        """A text without the names that the two sides do not share."""
        for number, server in enumerate(self.servers):
            text = text.replace(server.id, f'<server {number}>')
        for number, name in enumerate(self.hosts):
            text = re.sub(rf'\b{re.escape(name)}\b', f'<host {number}>', text)
        return re.sub(r'\bns_\d+\b', '<namespace>', text)

    def number(self, server_id: str) -> Hashable:
        ids = [server.id for server in self.servers]
        return ids.index(server_id) if server_id in ids else server_id

    def seen(self) -> dict[str, object]:
        """What can be seen of it now."""
        return {
            'servers': [self._server(server) for server in self.servers],
            'domains': [self._domains(number) for number in range(len(self.hosts))],
            'namespaces': [self._namespaces(number) for number in range(len(self.hosts))],
            'usages': [self._usages(name) for name in self.hosts],
        }

    def _server(self, server: Server) -> object:
        if not server.exists:
            return 'gone'
        record = server.record
        host = None if record.host is None else self.hosts.index(record.host)
        allocations = {self.neutral(name): dict(sorted(held.items()))
                       for name, held in sorted(server.allocations.items())}
        return (record.status, record.power_state.name, host, allocations,
                self.neutral(record.fault.message) if record.fault else None,
                [device.label for device in record.namespaces],
                [device.label for device in record.old_namespaces])

    def _domains(self, number: int) -> object:
        connection = libvirt.open(self.cloud.hosts[number].uri)
        try:
            return sorted((str(self.number(domain.UUIDString())), domain.state()[0])
                          for domain in connection.listAllDomains())
        finally:
            connection.close()

    def _namespaces(self, number: int) -> object:
        """By label, how many namespaces there are of each holder and whose data they have."""
        host = self.cloud.hosts[number]
        holders = self.cloud.compute(host).assigned_namespaces
        labels = {name: label for label, names in host.labels.items() for name in names}
        found: collections.Counter[Hashable] = collections.Counter()
        for namespace in host.namespaces:
            holder = holders.get(namespace.name)
            writers = host.pmem.contents(namespace.path).writers
            # What is left behind is the audit's to judge.
            data = holder is not None and holder in writers
            found[labels[namespace.name], None if holder is None else self.number(holder),
                  data] += 1
        return dict(found)

    def _usages(self, name: str) -> object:
        return {each: amount for each, amount in sorted(self.cloud.compute(name).usages.items())
                if amount}

    def unexplained(self) -> list[str]:
        """What the audit says beyond what is known."""
        reports = self.audit.reports
        left = {(report.host, report.namespace) for report in reports
                if report.kind is Kind.LEFT and _asked(report.operation) in KNOWN[Kind.LEFT]}
        return [str(report) for report in reports
                if _asked(report.operation) not in KNOWN.get(report.kind, ())
                and not (report.kind in (Kind.LEAKED, Kind.LEFT)
                         and (report.host, report.namespace) in left)]


def _asked(operation: str) -> str:
    return operation.partition(' ')[0]


def differences(one: Iterable[tuple[str, object]], other: dict[str, object]) -> list[str]:
    """What two sides do not have in common, a line each."""
    return [f'{what}:\n  stub {mine}\n  nova {other[what]}' for what, mine in one
            if mine != other[what]]
