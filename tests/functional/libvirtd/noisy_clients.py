"""Clients that send malformed frames, fall silent, or die."""

from __future__ import annotations

import collections
import contextlib
import socket
from typing import Final

from tests.functional.libvirtd.noise import Noise
from tests.unit.libvirtd.wire import client
from vpmem_harness.randomness import Randomness

#: Timeout in seconds for sending and receiving.
PATIENCE: Final = 60.0


def connect(path: str) -> socket.socket:
    """Return a socket that is connected to the daemon."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    sock.settimeout(PATIENCE)
    return sock


def drain(sock: socket.socket) -> None:
    """Read until the daemon closes the connection."""
    with contextlib.suppress(ConnectionError):
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass


def noisy_session(path: str, noise: Noise, randomness: Randomness,
                  kinds: collections.Counter[str]) -> int:
    """Send malformed frames as one client; return their number."""
    malformed = 0
    with connect(path) as sock, contextlib.suppress(ConnectionError):
        if randomness.chance(0.7):
            sock.sendall(client.call('connect_open', 'qemu:///system', 0))
        pieces = []
        for _ in range(randomness.between(1, 60)):
            frame = noise.oversize() if randomness.chance(0.0002) else noise.frame()
            kinds[frame.kind] += 1
            malformed += frame.malformed
            pieces.append(frame.data)
            if frame.last:
                break
        data = b''.join(pieces)
        if randomness.chance(0.05):
            for at in range(0, min(len(data), 500), 7):
                sock.sendall(data[at:at + 7])
            data = data[min(len(data), 500) + 6:]   # and some is lost in transit
        sock.sendall(data)
        if randomness.chance(0.6):
            drain(sock)
    return malformed


#: Calls of a session before it falls silent.
WORDS: Final = {
    'nothing': b'',
    'half of a length': b'\0\0',
    'half of a header': client.call('auth_list')[:14],
    'half of a call': client.call('connect_open', 'qemu:///system', 0)[:-4],
    'a length of megabytes': b'\1\xff\xff\xff' + bytes(100),
    'a call before it has opened': client.call('connect_get_hostname'),
    'keepalive, and no answer to it': client.call('connect_supports_feature', 10),
    'opens': client.call('connect_open', 'qemu:///system', 0),
    'opens, and half of a call': (client.call('connect_open', 'qemu:///system', 0)
                                  + client.call('connect_get_hostname')[:20]),
    'calls, and takes no answers': (client.call('connect_open', 'qemu:///system', 0)
                                    + 500 * client.call('connect_get_capabilities')),
}


def silent_session(path: str, randomness: Randomness,
                   kinds: collections.Counter[str]) -> socket.socket | None:
    """Fall silent as one client; return the socket if it stays open."""
    sock = connect(path)
    sock.settimeout(0)
    what = randomness.choice([*WORDS])
    kinds[what] += 1
    with contextlib.suppress(BlockingIOError, ConnectionError):
        sock.send(WORDS[what])
    if randomness.chance(0.7):
        return sock
    if randomness.chance(0.5):
        sock.shutdown(randomness.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))
    sock.close()
    return None
