"""UNIX socket between a nova-compute and the control process, for messages and calls.

Both ends are processes of the same user, forked from one parent, so frames are pickled.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

from vpmem_harness.cloud.nova import messaging
from vpmem_harness.cloud.nova.exchange import Address, Exchange

Serve = Callable[[str, str, tuple[Any, ...], dict[str, Any]], Any]
"""Calls a method of a named service of the other process: name, method, arguments."""

_GONE = 'the other process has ended'


class Link:
    """A connection for calls in both directions; each side answers in threads."""

    def __init__(self, pipe: connection.Connection, serve: Serve) -> None:
        self._pipe = pipe
        self._serve = serve
        self._sending = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, concurrent.futures.Future[Any]] = {}
        self._workers = concurrent.futures.ThreadPoolExecutor(
            max_workers=32, thread_name_prefix='link')

    def send(self, *frame: Any) -> None:
        """Send a frame."""
        with self._sending:
            self._pipe.send(frame)

    def call(self, service: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of a service in the other process; return its result or raise its error.

        :raises EOFError: if the other process ends before it answers.
        """
        number = next(self._numbers)
        future = self._waiting[number] = concurrent.futures.Future()
        try:
            self.send('call', number, service, method, args, kwargs)
        except OSError as error:
            self._waiting.pop(number, None)
            raise EOFError(_GONE) from error
        return future.result()

    def run(self) -> None:
        """Read frames until the other side disconnects."""
        try:
            while True:
                kind, *fields = self._pipe.recv()
                getattr(self, '_on_' + kind)(*fields)
        except (EOFError, OSError):
            pass
        finally:
            self.closed()

    def closed(self) -> None:
        """Fail all pending calls, because the other side has disconnected."""
        # The socket is closed between two sends; earlier callers are in _waiting.
        with self._sending:
            self._pipe.close()
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(EOFError(_GONE))
        self._workers.shutdown(wait=False)

    def _on_call(self, number: int, service: str, method: str, args: tuple[Any, ...],
                 kwargs: dict[str, Any]) -> None:
        self._workers.submit(self._answer, number, service, method, args, kwargs)

    def _answer(self, number: int, service: str, method: str, args: tuple[Any, ...],
                kwargs: dict[str, Any]) -> None:
        try:
            outcome: tuple[bool, Any] = (True, self._serve(service, method, args, kwargs))
        except Exception as error:
            outcome = (False, error)
        try:
            self.send('result', number, *outcome)
        except OSError:
            pass
        except Exception as error:
            self.send('result', number, False, RuntimeError(f'{outcome[1]!r}: {error}'))

    def _on_result(self, number: int, worked: bool, value: Any) -> None:
        future = self._waiting.pop(number)
        if worked:
            future.set_result(value)
        else:
            future.set_exception(value)


class ComputeLink(Link, messaging.CallTable):
    """The nova-compute's end of a link: a port to the exchange, and service calls."""

    def __init__(self, pipe: connection.Connection, serve: Serve) -> None:
        Link.__init__(self, pipe, serve)
        messaging.CallTable.__init__(self)

    def subscribe(self, address: Address, listener: int, receive: messaging.Receive) -> None:
        """Subscribe to an address."""
        self.receivers[listener] = receive
        self.send('subscribe', address, listener)

    def unsubscribe(self, listener: int) -> None:
        """Unsubscribe a listener."""
        self.receivers.pop(listener, None)
        self.send('unsubscribe', listener)

    def publish(self, topic: str, server: str | None, fanout: bool, body: str,
                call: int | None) -> None:
        """Send a message."""
        self.send('publish', topic, server, fanout, body, call)

    def done(self, token: int, body: str | None) -> None:
        """Report that a message is processed."""
        self.send('done', token, body)

    def _on_deliver(self, listener: int, token: int, body: str) -> None:
        if not self.receive(listener, token, body):
            self.send('refuse', listener, token)

    def _on_answer(self, call: int, body: str | None) -> None:
        messaging.CallTable.answer(self, call, body)


class ControlLink(Link):
    """The control process's end of a link, which connects a compute to the exchange."""

    waits = True

    def __init__(self, pipe: connection.Connection, serve: Serve, exchange: Exchange) -> None:
        super().__init__(pipe, serve)
        self._exchange = exchange

    def deliver(self, listener: int, token: int, body: str) -> None:
        """Deliver a message to the compute."""
        self._send_or_lose('deliver', listener, token, body)

    def answer(self, call: int, body: str | None) -> None:
        """Deliver a reply to the compute."""
        self._send_or_lose('answer', call, body)

    def _send_or_lose(self, *frame: Any) -> None:
        try:
            self.send(*frame)
        except OSError:
            self._exchange.detach(self)

    def closed(self) -> None:
        """Remove a compute that has disconnected; its pending requests are completed.

        Placement also completes the request of a client that disconnects.
        """
        self._exchange.detach(self)
        super().closed()
        self._workers.shutdown()

    def _on_subscribe(self, address: Address, listener: int) -> None:
        self._exchange.subscribe(self, address, listener)

    def _on_unsubscribe(self, listener: int) -> None:
        self._exchange.unsubscribe(self, listener)

    def _on_publish(self, topic: str, server: str | None, fanout: bool, body: str,
                    call: int | None) -> None:
        self._exchange.publish(self, topic, server, fanout, body, call)

    def _on_done(self, token: int, body: str | None) -> None:
        self._exchange.done(token, body)

    def _on_refuse(self, listener: int, token: int) -> None:
        self._exchange.refuse(self, listener, token)
