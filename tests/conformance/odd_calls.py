"""Odd calls on an open connection, sent to libvirtd's QEMU driver and to the simulated daemon.

    python -m tests.conformance.odd_calls [CALLS] [SEED]

The calls name one domain that is off, and objects that do not exist. Both daemons must give the
same verdict: a reply, or an error with the same code, domain and message. Different verdicts are
printed by procedure, those of procedures that are not simulated apart.
"""

from __future__ import annotations

import collections
import itertools
import re
import struct
import sys
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import libvirt

from tests.conformance import machine, odd_frames
from tests.functional.libvirtd import noise
from tests.functional.libvirtd.argument_fuzzer import Client
from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.wire import client
from vpmem_harness.libvirtd.wire import frames, shapes
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, Procedure
from vpmem_harness.randomness import Randomness

_BATCH: Final = 40
#: Calls that start or end guests, that depend on the machine or on earlier calls, that answer late,
#: or that have driver-specific texts.
_LEFT_OUT: Final = re.compile(
    'register|interface|screenshot|save|core_dump|restore|migrate|connect_(open|close)|^auth_'
    '|node_suspend|domain_(create|destroy|reset|reboot|shutdown|pm_|inject|send_|start|abort)'
    '|^connect_(get_(capab|domain_cap|cpu|host|sys|uri|version|lib|max)|baseline|compare|list_|num_|'
    'find|domain_xml|set_identity)|^node_|pool_(create|build|start|delete|refresh|destroy)|vol_'
    '|backup|qemu_|domain_open|authorized|fsfreeze|checkpoint|nwfilter|hypervisor_cpu')
_UUID: Final = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')

_OFF: Final = uuid.UUID(int=16)
_DOMAIN: Final = f"""<domain type='qemu'><name>off</name><uuid>{_OFF}</uuid>
<memory>131072</memory><vcpu current='1'>2</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"""

Verdict = list[Any] | str


class Compared(NamedTuple):
    """A frame with its procedure, and what both daemons say of it."""

    frame: noise.Frame
    procedure: Procedure
    ours: Verdict
    real: Verdict

    @property
    def simulated(self) -> bool:
        """Whether the simulated daemon has the procedure."""
        return self.ours[0] != libvirt.VIR_ERR_NO_SUPPORT


class OddCalls(odd_frames.OddFrames):
    """Draws calls that often name the domain that exists."""

    def __init__(self, randomness: Randomness) -> None:
        super().__init__(randomness)
        self._procedures, self._with_lists, self._with_parameters = (
            [procedure for procedure in procedures if not _LEFT_OUT.search(procedure.method)]
            for procedures in (self._procedures, self._with_lists, self._with_parameters))
        self._payloads[self._nonsense] = 80

    def _written(self, procedure: Procedure) -> tuple[bytes, list[tuple[int, str]]]:
        writer = _Writer(self._random)
        writer.write(procedure.arguments)
        return bytes(writer.out), writer.marks


class _Writer(noise._Writer):
    """Writes the handle of the domain that exists."""

    def write(self, shape: shapes.Type) -> None:
        if isinstance(shape, shapes.Struct) and shape.name == 'domain' and self._random.chance(0.8):
            self._opaque(b'off')
            self.out += _OFF.bytes + struct.pack('>i', -1)
        else:
            super().write(shape)


class Simulated:
    """A simulated host with the domain, and a client of it."""

    def __init__(self) -> None:
        self._client = Client(hosts.recorded_host())
        self._client.ask('domain_define_xml', _DOMAIN)

    def __enter__(self) -> Simulated:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.close()

    def ask(self, data: bytes) -> list[odd_frames.Answer]:
        """Send a frame; return the answers."""
        return odd_frames.read(self._client.exchange(data))


def verdict(answers: list[odd_frames.Answer]) -> Verdict:
    """Return what a daemon says of a call, without UUIDs."""
    for answer in answers:
        if isinstance(answer, str):
            return answer
        if answer[4] == frames.ERROR:
            error = answer[5]
            return [error['code'], error['domain'], _UUID.sub('<uuid>', error['message'] or '')]
        return 'a reply'
    return 'no answer'


def plain(answers: list[odd_frames.Answer]) -> list[Any]:
    """Return answers as JSON has them."""
    return [answer if isinstance(answer, str) else
            [part.hex() if isinstance(part, bytes) else part for part in answer]
            for answer in answers]


def _restore(ask: Callable[[bytes], list[odd_frames.Answer]]) -> None:
    """Bring a host back to its one domain."""
    (answer, *_) = ask(client.call('connect_list_all_domains', 1, 0))
    listed = BY_NAME['connect_list_all_domains'].results_codec.decode(answer[5])
    for handle in listed[0]:
        ask(client.call('domain_destroy', handle))
        ask(client.call('domain_undefine_flags', handle, 0xf))
    ask(client.call('domain_define_xml', _DOMAIN))


def _ask(real: odd_frames.Real, data: bytes, serial: int) -> list[odd_frames.Answer]:
    """Send a call to libvirtd; return its answers, and none of those to earlier calls."""
    came = real.ask(odd_frames.numbered(data, serial), 1)
    while not any(isinstance(answer, str) or answer[3] == serial for answer in came):
        came = real.ask(b'', 1)
    return [answer for answer in came if isinstance(answer, str) or answer[3] == serial]


def compare(path: str, odd: OddCalls, total: int) -> Iterator[Compared]:
    """Send calls to libvirtd at ``path`` and to a simulated host; yield what both say.

    A call finds the hosts as they were, unless it follows calls that have only failed.
    """
    serials = itertools.count(1000)
    while total > 0:
        batch = [odd.call() for _ in range(min(_BATCH, total))]
        total -= len(batch)
        changed, ours = True, Simulated()
        with odd_frames.Real(path) as real:
            def ask(data: bytes, real: odd_frames.Real = real) -> list[odd_frames.Answer]:
                return _ask(real, data, next(serials))

            ask(client.call('connect_open', 'qemu:///system', 0))
            for frame in batch:
                if changed:
                    _restore(ask)
                    ours = Simulated()
                with ours:
                    both = verdict(ours.ask(frame.data)), verdict(ask(frame.data))
                yield Compared(frame, odd_frames.procedure_of(frame.data), *both)
                if both[1] == odd_frames.END:
                    break
                changed = 'a reply' in both


def _print(groups: dict[tuple[str, str, str], list[Compared]]) -> None:
    for (method, ours, real), found in sorted(groups.items(), key=lambda item: -len(item[1])):
        payload = found[0].frame.data[frames.HEADER.size:]
        try:
            example: object = found[0].procedure.codec.decode(payload)
        except ValueError as error:
            example = error
        print(f'{len(found)} {method}{str(example)[:300]}\n  ours: {ours}\n  real: {real}')


def main(arguments: list[str]) -> int:
    """Compare and print the differences; 1 if there are any."""
    total = int(arguments[0]) if arguments else 5000
    randomness = Randomness(int(arguments[1]) if len(arguments) > 1 else None)
    reason = machine.cannot_run()
    if reason:
        print(reason)
        return 2
    groups: dict[tuple[str, str, str], list[Compared]] = collections.defaultdict(list)
    missing: collections.Counter[str] = collections.Counter()
    count = 0
    with machine.RealMachine(qemu=True) as real:
        path = urllib.parse.unquote(real.uri.partition('socket=')[2])
        for found in compare(path, OddCalls(randomness), total):
            count += 1
            if found.ours != found.real:
                if found.simulated:
                    groups[found.procedure.method, str(found.ours), str(found.real)].append(found)
                else:
                    missing[found.procedure.method] += 1
    _print(groups)
    print(f'not simulated, {missing.total()} calls: {missing.most_common()}')
    print(f'seed {randomness.seed}: {count} calls, {sum(map(len, groups.values()))} different')
    return 1 if groups else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
