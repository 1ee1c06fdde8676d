"""Records the calls between two real libvirtds in a peer-to-peer migration.

    python -m tools.recording.peer_migration SOURCE-URI DESTINATION-ADDRESS:PORT

Start the two libvirtds first, with different values of ``host_uuid``. Both can run on one machine,
in mount namespaces with their own ``/run/libvirt`` and ``/var/lib/libvirt``, because QEMU emulates
the guests. The destination listens on TCP without authentication. The recorder starts a guest at
the source and migrates it through a relay; then it does so again, which the destination refuses.
It writes ``tests/golden/libvirt/peer-migration.json``.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import sys
import threading
from typing import Any

import libvirt

from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.libvirtd.wire import frames
from vpmem_harness.libvirtd.wire.procedures import PROGRAMS

FILE = pathlib.Path(__file__).parents[2] / 'tests' / 'golden' / 'libvirt' / 'peer-migration.json'

FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
GUEST = ("<domain type='qemu'><name>guest</name><memory>65536</memory><os>"
         "<type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os></domain>")


class Relay:
    """Relays one connection after the other to a daemon, and records what the client calls.

    ``calls`` has for each call its procedure, its arguments and its outcome. Documents and cookies
    are only named, and of typed parameters only the names are there.
    """

    def __init__(self, destination: tuple[str, int]) -> None:
        self.calls: list[list[Any]] = []
        self._by_serial: dict[int, list[Any]] = {}
        self._destination = destination
        self._listening = socket.create_server(('127.0.0.1', 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                client, _ = self._listening.accept()
                with client, socket.create_connection(self._destination) as server:
                    back = threading.Thread(target=self._pump, args=(server, client))
                    back.start()
                    self._pump(client, server)
                    back.join()
                continue
            return

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        splitter = frames.Splitter()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                for frame in splitter.feed(data):
                    self._note(frame)
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _note(self, frame: bytes) -> None:
        _, program, _, number, kind, serial, status = frames.HEADER.unpack_from(frame)
        procedure = PROGRAMS.get(program, {}).get(number)
        payload = frame[frames.HEADER.size:]
        if procedure is None:
            return
        if kind == frames.CALL:
            call = [procedure.name, [_summary(value) for value in procedure.codec.decode(payload)]
                    if payload else []]
            self.calls.append(call)
            self._by_serial[serial] = call
        elif kind == frames.REPLY:
            error = frames.decode_error(payload) if status == frames.ERROR else None
            self._by_serial[serial].append(
                'done' if error is None else [error.code, error.domain])

    def close(self) -> None:
        """End the relay."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


def _summary(value: Any) -> Any:
    if isinstance(value, bytes):
        return 'cookie' if value else ''
    if isinstance(value, list):
        return [_summary(one) for one in value]
    return value.name if isinstance(value, TypedParameter) else value


def record(source: libvirt.virConnect, destination: tuple[str, int],
           **parameters: str) -> dict[str, Any]:
    """Migrate a guest twice, and return the calls of both migrations.

    :param parameters: typed parameters of the first migration.
    """
    recorded: dict[str, Any] = {}
    for name in ('moved', 'refused'):
        domain = source.createXML(GUEST)
        relay = Relay(destination)
        try:
            domain.migrateToURI3(f'qemu+tcp://127.0.0.1:{relay.port}/system', parameters, FLAGS)
        except libvirt.libvirtError:
            domain.destroy()
        finally:
            relay.close()
        recorded[name] = relay.calls
    return recorded


def main() -> int:
    uri, address = sys.argv[1:]
    host, _, port = address.rpartition(':')
    source = libvirt.open(uri)
    recorded = record(source, (host, int(port)), migrate_uri=f'tcp://{host}')
    FILE.write_text(json.dumps(recorded, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
