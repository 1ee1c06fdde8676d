"""Hypervisors for tests, with the files of the recordings and a stepped clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.backing import BackingFile, DeclaredFiles
from vpmem_harness.libvirtd.hypervisor.domain.peer_migration import NoPeers
from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.randomness import Randomness
from vpmem_harness.serving.clock import SteppedClock
from vpmem_harness.serving.deferred import Deferred

GOLDEN = Path(__file__).parents[3] / 'golden' / 'libvirt'

MIB = 1024**2

#: The images of the tests' domains.
IMAGES = {f'/images/{name}': BackingFile('regular', MIB)
          for name in ('cd', 'data', 'disk', 'one', 'other', 'rescue', 'root', 'root.img', 'two')}

#: The files of the hosts on which the recordings were made, and the images.
FILES = {
    **IMAGES,
    '/srv/pmem/ns_0': BackingFile('regular', 128 * MIB),
    '/srv/pmem/ns_1': BackingFile('regular', 126 * MIB),
    '/srv/pmem/ns_2': BackingFile('regular', 128 * MIB),
    '/srv/pmem/small': BackingFile('regular', 8 * MIB),
    '/srv/pmem/dir': BackingFile('directory', 0),
}


def recorded_host(name: str = 'host', **options) -> Hypervisor:
    """A host like those of the recordings: two CPUs in one cell."""
    options.setdefault('backing', DeclaredFiles(FILES))
    options.setdefault('clock', SteppedClock())
    options.setdefault('randomness', Randomness(7))
    options.setdefault('hardware', Hardware.uniform(cells=1, cores=2, threads=1))
    return Hypervisor(name, **options)


def refusal(call, *arguments) -> LibvirtError | None:
    """Return the error that a call raises, or None."""
    try:
        call(*arguments)
    except LibvirtError as error:
        return error
    return None


class Client:
    """A client without a socket: calls each procedure of a new connection as a method."""

    def __init__(self, host: Hypervisor) -> None:
        self.connection = host.connect()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = self.connection.find(name)
        if method is None:
            raise AttributeError(f'no procedure group answers {name}')
        return method

    def close(self) -> None:
        """Close the connection, as when the client is gone."""
        self.connection.close()


class Network(dict[str, Hypervisor]):
    """Hosts by name, which reach each other without sockets."""

    def add(self, name: str, **options) -> Hypervisor:
        """Add a host like those of the recordings."""
        self[name] = host = recorded_host(name, peers=self, **options)
        return host

    def open(self, uri: str) -> Deferred:
        """Connect to the host that a URI names."""
        name = urlsplit(uri).hostname
        if name not in self:
            return NoPeers().open(uri)
        later = Deferred()
        later.resolve(Peer(self[name]))
        return later


class Peer:
    """A connection to another host, which answers at once."""

    closed = False

    def __init__(self, host: Hypervisor) -> None:
        self._client = Client(host)

    def call(self, name: str, *arguments: Any) -> Deferred:
        """Call a procedure."""
        later = Deferred()
        later.run(lambda: getattr(self._client, name)(*arguments))
        return later

    def copying(self) -> Deferred:
        """Copy at once."""
        later = Deferred()
        later.resolve()
        return later

    def when_closed(self, callback: Callable[[], object]) -> None:
        """The connection never breaks."""

    def close(self) -> Deferred:
        """Close the connection."""
        later = Deferred()
        later.run(self._client.close)
        return later


class Recorder:
    """Records the messages that a client is sent."""

    def __init__(self, client: Client) -> None:
        self.messages: list[tuple] = []
        client.connection.emit = lambda *message: self.messages.append(message)

    def lifecycle(self) -> list[tuple[str, int, int, int]]:
        """Return the lifecycle events so far: name, id, event, detail."""
        return [(body[0].name, body[0].id, *body[1:]) for name, _, body in
                (message for message in self.messages
                 if message[0] == 'domain_event_callback_lifecycle')]


#: A MAC address for definitions and lookups.
MAC = Randomness(3).mac()
