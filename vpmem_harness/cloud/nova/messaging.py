"""oslo.messaging driver on the exchange.

Replies and errors are JSON, as with a broker, so that objects that a real deployment cannot send
fail here as well.
"""

from __future__ import annotations

import itertools
import json
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

import oslo_messaging
from oslo_messaging._drivers import base, common
from oslo_serialization import jsonutils

from vpmem_harness.cloud.nova.exchange import Address, Exchange


class Port(Protocol):
    """Interface of a process to the exchange."""

    def subscribe(self, address: Address, listener: int, receive: Receive) -> None: ...

    def unsubscribe(self, listener: int) -> None: ...

    def publish(self, topic: str, server: str | None, fanout: bool, body: str,
                call: int | None) -> None: ...

    def done(self, token: int, body: str | None) -> None: ...

    def expect(self) -> tuple[int, queue.SimpleQueue[str | None]]: ...

    def forget(self, call: int) -> None: ...


Receive = Callable[[int, str], bool]
"""Takes a message, by its token and body; False when it came too late to be taken."""


class CallTable:
    """Listeners and pending calls of one process."""

    def __init__(self) -> None:
        self.receivers: dict[int, Receive] = {}
        self._calls: dict[int, queue.SimpleQueue[str | None]] = {}
        self._numbers = itertools.count(1)

    def expect(self) -> tuple[int, queue.SimpleQueue[str | None]]:
        """Register a call; return its number and the queue for its reply."""
        call, answers = next(self._numbers), queue.SimpleQueue[str | None]()
        self._calls[call] = answers
        return call, answers

    def forget(self, call: int) -> None:
        """Remove a call that no longer waits."""
        self._calls.pop(call, None)

    def answer(self, call: int, body: str | None) -> None:
        """Deliver a reply; drop it if the call no longer waits."""
        answers = self._calls.get(call)
        if answers is not None:
            answers.put(body)

    def receive(self, listener: int, token: int, body: str) -> bool:
        """Deliver a message to a listener; return False if it has stopped."""
        receive = self.receivers.get(listener)
        return receive is not None and receive(token, body)


class LocalPort(CallTable):
    """The control process's own port."""

    waits = False

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def subscribe(self, address: Address, listener: int, receive: Receive) -> None:
        """Subscribe to an address."""
        self.receivers[listener] = receive
        self._exchange.subscribe(self, address, listener)

    def unsubscribe(self, listener: int) -> None:
        """Unsubscribe a listener."""
        self.receivers.pop(listener, None)
        self._exchange.unsubscribe(self, listener)

    def deliver(self, listener: int, token: int, body: str) -> None:
        """Receive a message, or refuse it."""
        if not self.receive(listener, token, body):
            self._exchange.refuse(self, listener, token)

    def publish(self, topic: str, server: str | None, fanout: bool, body: str,
                call: int | None) -> None:
        """Send a message."""
        self._exchange.publish(self, topic, server, fanout, body, call)

    def done(self, token: int, body: str | None) -> None:
        """Report that a message is processed."""
        self._exchange.done(token, body)


class _Incoming(base.RpcIncomingMessage):  # type: ignore[misc]

    def __init__(self, port: Port, token: int, ctxt: dict[str, Any],
                 message: dict[str, Any]) -> None:
        super().__init__(ctxt, message, msg_id=str(token))
        self._port = port
        self._token = token

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        if failure is not None:
            body = {'failure': common.serialize_remote_exception(failure)}
        else:
            body = {'result': reply}
        self._port.done(self._token, jsonutils.dumps(body))

    def requeue(self) -> None:
        raise NotImplementedError

    def heartbeat(self) -> None:
        """Do nothing: callers wait for their whole timeout without heartbeats."""


class _Listener(base.Listener):  # type: ignore[misc]
    """Passes each message to the server's executor at once."""

    _numbers = itertools.count(1)

    def __init__(self, port: Port, addresses: list[Address]) -> None:
        super().__init__(1, None)
        self._port = port
        self._addresses = addresses
        self._number = next(self._numbers)
        self._receiving = threading.Lock()

    def start(self, on_incoming_callback: Callable[[list[_Incoming]], None]) -> None:
        super().start(on_incoming_callback)
        for address in self._addresses:
            self._port.subscribe(address, self._number, self._receive)

    def _receive(self, token: int, body: str) -> bool:
        content = json.loads(body)
        # A stopped server fails if it gets a message.
        with self._receiving:
            if self.on_incoming_callback is None:
                return False
            self.on_incoming_callback(
                [_Incoming(self._port, token, content['context'], content['message'])])
        return True

    def stop(self) -> None:
        self._port.unsubscribe(self._number)
        with self._receiving:
            super().stop()

    def cleanup(self) -> None:
        """Do nothing: there are no resources."""


class Driver(base.BaseDriver):  # type: ignore[misc]
    """oslo.messaging driver on a port."""

    def __init__(self, conf: Any, port: Port, allowed_remote_exmods: list[str]) -> None:
        super().__init__(conf, None, 'nova', allowed_remote_exmods)
        self._port = port

    def send(self, target: Any, ctxt: dict[str, Any], message: dict[str, Any],
             wait_for_reply: bool | None = None, timeout: float | None = None,
             call_monitor_timeout: float | None = None, retry: int | None = None,
             transport_options: Any = None) -> Any:
        """Send a call or a cast; return the result of a call, or raise its error."""
        body = jsonutils.dumps({'context': ctxt, 'message': message})
        if not wait_for_reply:
            self._port.publish(target.topic, target.server, bool(target.fanout), body, None)
            return None
        call, answers = self._port.expect()
        try:
            self._port.publish(target.topic, target.server, False, body, call)
            answer = answers.get(timeout=timeout)
        except queue.Empty:
            answer = None
        finally:
            self._port.forget(call)
        if answer is None:
            raise oslo_messaging.MessagingTimeout(f'No reply on topic {target.topic}')
        content = json.loads(answer)
        if 'failure' in content:
            raise common.deserialize_remote_exception(
                content['failure'], self._allowed_remote_exmods)
        return content.get('result')

    def send_notification(self, target: Any, ctxt: dict[str, Any], message: dict[str, Any],
                          version: float, retry: int | None = None) -> None:
        """Drop a notification."""

    def listen(self, target: Any, batch_size: int, batch_timeout: float | None) -> _Listener:
        """Return a listener for messages to the server and to its topic."""
        return _Listener(self._port, [(target.topic, target.server), (target.topic, None)])

    def listen_for_notifications(self, *args: Any) -> _Listener:
        """Raise NotImplementedError: notifications have no listeners."""
        raise NotImplementedError

    def cleanup(self) -> None:
        """Do nothing: there are no resources."""


