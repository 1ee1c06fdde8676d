"""The socket on which a host answers its ndctl, daxctl and daxio."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable, Iterator

from oslo_log import log as logging

from vpmem_harness.host.calls import ToolCall
from vpmem_harness.pmem import CommandResult, Contents, Segment
from vpmem_harness.pmem.commands.results import InputWanted
from vpmem_harness.serving.deferred import Deferred
from vpmem_harness.serving.eventloop import READABLE, WRITABLE, EventLoop

LOG = logging.getLogger(__name__)

#: The longest request in bytes; Linux passes no more to a command (execve(2), ARG_MAX).
REQUEST_LIMIT = 1 << 21

#: The writer of data that came from a command's standard input.
STDIN_WRITER = 'daxio'

#: The longest line of numbers, in bytes, with room to spare.
_LINE_LIMIT = 80

#: Answers a call. It may raise InputWanted, at once or later; it is then called again with the
#: input.
Answer = Callable[[ToolCall], CommandResult | Deferred]


class ToolService:
    """Listens for the stand-ins of one host, in the loop's thread.

    :mod:`vpmem_harness.host.tool_client` describes the request and the answer.

    :param answer: runs a command.
    :param abandoned: called with each command when its conversation has ended, for one that has
        no result yet because its process has gone.
    """

    def __init__(self, loop: EventLoop, path: str, answer: Answer,
                 abandoned: Callable[[ToolCall], object] = lambda call: None) -> None:
        self._loop = loop
        self._answer = answer
        self._abandoned = abandoned
        self._calls: set[_Conversation] = set()
        self._listener = loop.listen(path, self._accept)

    def _accept(self, client: socket.socket) -> None:
        self._calls.add(_Conversation(
            self._loop, client, self._answer, self._calls.discard, self._abandoned))

    def close(self) -> None:
        """Stop listening, and hang up on the stand-ins that still wait."""
        self._listener.close()
        self._loop.run_and_wait(self._hang_up)

    def _hang_up(self) -> None:
        for call in list(self._calls):
            call.close()


class _Conversation:
    """One command, from its first word to the last byte of its output."""

    def __init__(self, loop: EventLoop, client: socket.socket, answer: Answer,
                 ended: Callable[[_Conversation], object],
                 abandoned: Callable[[ToolCall], object]) -> None:
        self._loop = loop
        self._client = client
        self._answer = answer
        self._ended = ended
        self._abandoned = abandoned
        self._received = bytearray()
        self._call: ToolCall | None = None
        self._answering = False
        self._later: Deferred | None = None
        self._left = b''
        self._payload: Iterator[bytes] = iter(())
        loop.watch(client, READABLE, self._ready)

    def close(self) -> None:
        if self._client.fileno() >= 0:
            self._loop.forget(self._client)
            self._client.close()
            self._ended(self)
            if self._later is not None:
                # The process has gone: a command that has not taken effect yet never will.
                self._later.fail(ConnectionAbortedError())
            if self._call is not None:
                self._abandoned(self._call)

    def _ready(self, mask: int) -> None:
        try:
            if self._left:
                self._write()
            elif self._answering:
                self.close()  # the stand-in was killed while it waited
            else:
                self._read()
        except BlockingIOError:
            return
        except (OSError, ValueError):
            self.close()  # the stand-in has gone, or the client is not a stand-in

    def _read(self) -> None:
        chunk = self._client.recv(1 << 16)
        if not chunk:
            self.close()
            return
        self._received += chunk
        head, newline, rest = bytes(self._received).partition(b'\n')
        if not newline and len(head) < _LINE_LIMIT:
            return
        if self._call is None:
            length, terminal, as_user, caller = map(int, head.split())
            if length > REQUEST_LIMIT:
                LOG.warning('A command of more than %d bytes was refused', REQUEST_LIMIT)
                self.close()
                return
            if len(rest) < length:
                return
            self._call = ToolCall.of_request(rest, terminal, as_user, caller)
        else:
            length, zeroes = map(int, head.split())
            segment = Segment(length, None if zeroes else STDIN_WRITER)
            self._call = dataclasses.replace(self._call, stdin=Contents((segment,)))
        self._received.clear()
        # From here on only a hang-up matters, which the loop always reports.
        self._answering = True
        self._loop.modify(self._client, 0)
        call = self._call
        self._settle(lambda: self._answer(call))

    def _settle(self, answer: Callable[[], CommandResult | Deferred]) -> None:
        """Send the answer, ask for input, or wait for a deferred answer."""
        try:
            result = answer()
        except InputWanted as wanted:
            self._answering = False
            self._client.sendall(b'input %d\n' % wanted.length)
            self._loop.modify(self._client, READABLE)
        except Exception:
            LOG.exception('A command of a simulated host failed')
            self.close()
        else:
            if isinstance(result, Deferred):
                self._later = result
                result.when_done(
                    lambda later: self._loop.call_soon(lambda: self._settle_later(later)))
            else:
                self._reply(result)

    def _settle_later(self, later: Deferred) -> None:
        if self._client.fileno() >= 0:
            try:
                self._settle(later.result)
            except OSError:
                self.close()  # the stand-in has gone

    def _reply(self, result: CommandResult) -> None:
        out, err = os.fsencode(result.stdout), os.fsencode(result.stderr)
        length = len(out)
        if result.payload is not None:
            length += result.payload.length
            self._payload = result.payload.chunks()
        self._left = b'%d %d %d\n%b%b' % (result.returncode, len(err), length, err, out)
        self._write()

    def _write(self) -> None:
        try:
            while self._left:
                self._left = self._left[self._client.send(self._left):] or next(self._payload, b'')
        except BlockingIOError:
            self._loop.modify(self._client, WRITABLE)
            return
        self.close()
