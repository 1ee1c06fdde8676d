"""The socket on which a host answers its ndctl, daxctl and daxio."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence

from vpmem_harness.eventloop import READABLE, WRITABLE, EventLoop
from vpmem_harness.libvirtd.later import Later
from vpmem_harness.pmem import CommandResult

LOG = logging.getLogger(__name__)

#: Bytes of a request that are read; Linux passes no more to a command (execve(2), ARG_MAX).
REQUEST_LIMIT = 1 << 21

#: Answers a command: the directory that it was called in, and its words.
Answer = Callable[[str, Sequence[str]], CommandResult | Later]


class ToolService:
    """Listens for the stand-ins of one host, in the loop's thread.

    The request and the answer are described in :mod:`vpmem_harness.host.tool_client`.
    """

    def __init__(self, loop: EventLoop, path: str, answer: Answer) -> None:
        self._loop = loop
        self._answer = answer
        self._calls: set[_Call] = set()
        self._listener = loop.listen(path, self._accept)

    def _accept(self, client: socket.socket) -> None:
        self._calls.add(_Call(self._loop, client, self._answer, self._calls.discard))

    def close(self) -> None:
        """Stop listening; a stand-in that still waits learns that its host went away."""
        self._listener.close()
        self._loop.run_and_wait(self._hang_up)

    def _hang_up(self) -> None:
        for call in list(self._calls):
            call.close()


class _Call:
    """One command, from its first word to the last byte of its output."""

    def __init__(self, loop: EventLoop, client: socket.socket, answer: Answer,
                 ended: Callable[[_Call], object]) -> None:
        self._loop = loop
        self._client = client
        self._answer = answer
        self._ended = ended
        self._request = bytearray()
        self._answering = False
        self._left = b''
        self._payload: Iterator[bytes] = iter(())
        loop.watch(client, READABLE, self._ready)

    def close(self) -> None:
        if self._client.fileno() >= 0:
            self._loop.forget(self._client)
            self._client.close()
            self._ended(self)

    def _ready(self, mask: int) -> None:
        try:
            if self._left:
                self._write()
            elif self._answering:
                self.close()  # the stand-in was ended while it waited
            else:
                self._read()
        except BlockingIOError:
            return
        except OSError:
            self.close()  # the stand-in has gone

    def _read(self) -> None:
        chunk = self._client.recv(1 << 16)
        if chunk:
            self._request += chunk
            if len(self._request) > REQUEST_LIMIT:
                LOG.warning('A command of more than %d bytes was refused', REQUEST_LIMIT)
                self.close()
            return
        if not self._request.endswith(b'\0') or self._request.count(b'\0') < 2:
            self.close()
            return
        # From here on only a hang-up is of interest, and that is reported always.
        self._answering = True
        self._loop.modify(self._client, 0)
        directory, *words = (os.fsdecode(word) for word in bytes(self._request[:-1]).split(b'\0'))
        result = self._answer(directory, words)
        if isinstance(result, Later):
            result.when_done(lambda later: self._loop.call_soon(lambda: self._reply_later(later)))
        else:
            self._reply(result)

    def _reply_later(self, later: Later) -> None:
        if self._client.fileno() < 0:
            return
        try:
            self._reply(later.result())
        except Exception:
            LOG.exception('A command of a simulated host failed')
            self.close()

    def _reply(self, result: CommandResult) -> None:
        out, err = os.fsencode(result.out), os.fsencode(result.err)
        length = len(out)
        if result.payload is not None:
            length += result.payload.length
            self._payload = result.payload.chunks()
        self._left = b'%d %d %d\n%b%b' % (result.rc, len(err), length, err, out)
        self._write()

    def _write(self) -> None:
        try:
            while self._left:
                self._left = self._left[self._client.send(self._left):] or next(self._payload, b'')
        except BlockingIOError:
            self._loop.modify(self._client, WRITABLE)
            return
        self.close()
