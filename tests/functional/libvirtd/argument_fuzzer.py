"""Fuzzer of procedure arguments that checks the state of the host.

    python -m tests.functional.libvirtd.argument_fuzzer [CALLS] [SEED]

Calls go through a session and its dispatcher, without a socket.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from tests.functional.libvirtd.arguments import DOMAIN, Arguments, procedures
from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.wire import client
from vpmem_harness.hardware import Hardware, MdevType, PciDevice
from vpmem_harness.libvirtd.dispatch import Dispatcher
from vpmem_harness.libvirtd.hypervisor.connection import PROCEDURES
from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.libvirtd.wire import frames
from vpmem_harness.libvirtd.wire.procedures import Procedure
from vpmem_harness.libvirtd.wire.session import Session
from vpmem_harness.randomness import Randomness

#: Calls between two checks of the host, and between two hosts.
_LOOK, _RENEW = 20, 2000
#: The maximum number of domains of a host.
_DOMAINS = 8


class Client:
    """A client without a socket; calls return their answers at once."""

    def __init__(self, hypervisor: Hypervisor, *, readonly: bool = False) -> None:
        self._session = Session()
        self._dispatcher = Dispatcher(
            self._session, hypervisor, readonly=readonly, flush=lambda: None, drop=lambda: None,
            call_soon=lambda function: function())
        self.ask('connect_open', 'qemu:///system', 0)

    def ask(self, name: str, *arguments: Any) -> client.Answer | None:
        """Return the answer to a call, or None while it waits."""
        replies = [answer for answer in client.answers(self.exchange(client.call(name, *arguments)))
                   if answer.kind == frames.REPLY]
        return replies[0] if replies else None

    def exchange(self, data: bytes) -> bytes:
        """Send frames; return the bytes that the daemon writes."""
        self._session.receive(data)
        while (call := self._session.next_call()) is not None:
            self._dispatcher.execute(call)
        return self._session.take_output()

    def close(self) -> None:
        """Close the connection."""
        self._dispatcher.close()


class Fuzzer(logging.Handler):
    """Calls random procedures with random arguments; ``failures`` lists what went wrong."""

    def __init__(self, randomness: Randomness) -> None:
        super().__init__(logging.ERROR)
        self._random = randomness
        self._arguments = Arguments(randomness.derive('arguments'))
        self._all = procedures()
        self._simulated = [procedure for procedure in self._all if procedure.method in PROCEDURES]
        self._hosts = 0
        self._recent: list[tuple[str, tuple[Any, ...]]] = []
        self.failures: list[str] = []
        self.succeeded: set[str] = set()
        self._renew()

    def emit(self, record: logging.LogRecord) -> None:
        """Record that the daemon failed to execute a call."""
        self.failures.append(f'{self._recent[-1:]}: {self.format(record)}')

    def run(self, calls: int) -> None:
        """Make that many calls."""
        for number in range(calls):
            if number % _RENEW == _RENEW - 1:
                self._renew()
            if number % _LOOK == 0:
                self._look()
            simulated = self._random.chance(0.9)
            self._call(self._random.choice(self._simulated if simulated else self._all))
        self._look()

    def _renew(self) -> None:
        self._hosts += 1
        card = PciDevice((0, 0x3b, 0, 0), (0x10de, 'Vendor'), (0x1eb8, 'Card'),
                         mdev_types=(MdevType('t', 'Type', 2),))
        cells = Hardware.uniform(cells=1, cores=2, threads=1).cells
        host = hosts.recorded_host(randomness=self._random.derive('host', self._hosts),
                                   hardware=Hardware(cells, pci=(card,)))
        self._client, self._observer = Client(host), Client(host)
        self._recent = []

    def _call(self, procedure: Procedure) -> None:
        arguments = self._arguments.draw(procedure)
        self._recent = [*self._recent[-_LOOK:], (procedure.method, arguments)]
        answer = self._client.ask(procedure.method, *arguments)
        if answer is not None and answer.status == frames.OK:
            self.succeeded.add(procedure.method)
            self._arguments.remember(answer.results)

    def _look(self) -> None:
        """Check every domain through another client, and make sure that there are three domains."""
        domains = self._domains()
        questions: list[tuple[Any, ...]] = [('connect_get_all_domain_stats', [], 0, 0)]
        for domain in domains:
            questions += [('domain_get_xml_desc', domain, 0), ('domain_get_xml_desc', domain, 2),
                          ('domain_get_info', domain), ('domain_get_state', domain, 0),
                          ('domain_get_memory_parameters', domain, 16, 0),
                          ('domain_get_scheduler_parameters', domain, 16),
                          ('domain_get_blkio_parameters', domain, 16, 0),
                          ('domain_get_numa_parameters', domain, 16, 0)]
        for question in questions:
            answer = self._observer.ask(*question)
            if answer is None or answer.status != frames.OK:
                self.failures.append(f"{question}: {answer.error['message'] if answer else None} "
                                     f'after {self._recent}')
                self._renew()
                break
        if len(domains) > _DOMAINS:
            self._renew()
        present = {domain.name for domain in self._domains()}
        for name in {'one', 'two', 'three'} - present:
            self._observer.ask('domain_define_xml', DOMAIN.format(name=name))
        domains = self._domains()
        if domains and self._random.chance(0.5):
            self._observer.ask('domain_create', self._random.choice(domains))
        self._arguments.domains = self._domains()

    def _domains(self) -> list[Any]:
        answer = self._observer.ask('connect_list_all_domains', 1, 0)
        return [] if answer is None or answer.status else list(answer.results[0])


def main() -> int:
    calls, seed = (int(number) for number in (*sys.argv[1:], *('50000', '1')[len(sys.argv) - 1:]))
    fuzzer = Fuzzer(Randomness(seed))
    logging.getLogger('vpmem_harness.libvirtd.dispatch').addHandler(fuzzer)
    fuzzer.run(calls)
    for failure in fuzzer.failures:
        print(failure)
    print(f'{calls} calls, {len(fuzzer.failures)} failures; {len(fuzzer.succeeded)} procedures '
          'have succeeded')
    return 1 if fuzzer.failures else 0


if __name__ == '__main__':
    sys.exit(main())
