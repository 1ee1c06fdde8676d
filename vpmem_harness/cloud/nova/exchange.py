"""Message exchange between the processes of one Nova: topics, servers, fanouts, replies.

It runs in the control process and does not depend on oslo.messaging (see ``messaging.py``). A
nova-compute connects over a UNIX socket (``link.py``). Delivery is event-driven, without polling.
"""

from __future__ import annotations

import collections
import itertools
import threading
from typing import Protocol

Address = tuple[str, str | None]
"""A topic, and the server that the message is for (None: any server of the topic)."""


class End(Protocol):
    """An endpoint of the exchange: this process, or a link to another one.

    ``waits`` says whether a called service may return while the caller waits. During a call of the
    API, nobody can start a service.
    """

    waits: bool

    def deliver(self, listener: int, token: int, body: str) -> None:
        """Deliver a message to a listener, which later reports the token or refuses it."""

    def answer(self, call: int, body: str | None) -> None:
        """Deliver a reply to a waiting call; None if there will be no reply."""


class _Message:
    __slots__ = ('address', 'body', 'call', 'sender')

    def __init__(self, address: Address | None, body: str, sender: End, call: int | None) -> None:
        self.address = address
        self.body = body
        self.sender = sender
        self.call = call

    @property
    def lasts(self) -> bool:
        """Whether the message waits for a server that is down."""
        of_a_server = self.address is not None and self.address[1] is not None
        return self.call is None or self.sender.waits or not of_a_server


class Exchange:
    """Queues, consumers, and messages in progress; thread-safe.

    ``published`` counts every message that was ever sent.

    A message for a server that is down waits for its return, as in a broker's queue; a fanout
    reaches only the servers that are up. A call to a server that cannot return meanwhile fails at
    once. With a broker it would fail after its timeout, with which the message expires.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._consumers: dict[Address, list[tuple[End, int]]] = collections.defaultdict(list)
        self._waiting: dict[Address, collections.deque[_Message]] = collections.defaultdict(
            collections.deque)
        self._tokens = itertools.count(1)
        self._in_work: dict[int, tuple[End, _Message]] = {}
        self._changed = threading.Condition(self._lock)
        self.published = 0

    def subscribe(self, end: End, address: Address, listener: int) -> None:
        """Subscribe a listener to an address, and deliver the queued messages."""
        with self._lock:
            self._consumers[address].append((end, listener))
            waiting = self._waiting.pop(address, ())
            deliveries = [self._assign(end, listener, message) for message in waiting]
        for delivery in deliveries:
            end.deliver(*delivery)

    def unsubscribe(self, end: End, listener: int) -> None:
        """Unsubscribe a listener from all addresses."""
        with self._lock:
            for consumers in self._consumers.values():
                if (end, listener) in consumers:
                    consumers.remove((end, listener))

    def publish(self, sender: End, topic: str, server: str | None, fanout: bool,
                body: str, call: int | None) -> None:
        """Send to one server, to all servers of a topic, or to the next one in turn."""
        message = _Message(None if fanout else (topic, server), body, sender, call)
        with self._lock:
            self.published += 1
            if fanout:
                chosen = [consumer for (each, name), consumers in self._consumers.items()
                          if each == topic and name is not None for consumer in consumers[:1]]
            else:
                chosen = self._next_consumer((topic, server), message)
            deliveries = [(end, self._assign(end, listener, message)) for end, listener in chosen]
        for end, delivery in deliveries:
            end.deliver(*delivery)
        if not deliveries:
            self._give_up(message)

    def refuse(self, end: End, listener: int, token: int) -> None:
        """Redeliver a message whose listener has stopped.

        A fanout is not redelivered.
        """
        self.unsubscribe(end, listener)
        deliveries = []
        with self._lock:
            _end, message = self._in_work.pop(token, (None, None))
            if message is not None and message.address is not None:
                deliveries = [(each, self._assign(each, number, message))
                              for each, number in self._next_consumer(message.address, message)]
            self._changed.notify_all()
        for each, delivery in deliveries:
            each.deliver(*delivery)
        if message is not None and not deliveries:
            self._give_up(message)

    def _next_consumer(self, address: Address, message: _Message) -> list[tuple[End, int]]:
        """Return the next consumer; if there is none, queue a message that may wait."""
        consumers = self._consumers[address]
        chosen = consumers[:1]
        consumers.extend(chosen)
        del consumers[:len(chosen)]
        if not chosen and message.lasts:
            self._waiting[address].append(message)
        return chosen

    @staticmethod
    def _give_up(message: _Message) -> None:
        """Drop a message without consumer; a call gets no reply then."""
        if message.call is not None and not message.lasts:
            message.sender.answer(message.call, None)

    def _assign(self, end: End, listener: int, message: _Message) -> tuple[int, int, str]:
        token = next(self._tokens)
        self._in_work[token] = (end, message)
        return listener, token, message.body

    def done(self, token: int, body: str | None) -> None:
        """Record that a message is processed, and deliver its reply to the caller."""
        with self._lock:
            _end, message = self._in_work.pop(token, (None, None))
            self._changed.notify_all()
        if message is not None and message.call is not None:
            message.sender.answer(message.call, body)

    def detach(self, end: End) -> None:
        """Remove an endpoint whose process has ended; its messages stay unanswered.

        Callers that wait for a reply fail at once. With a broker they would fail after their
        timeout, or when the heartbeats of a long call stop.
        """
        with self._lock:
            lost = [message for each, message in self._in_work.values() if each is end]
            for consumers in self._consumers.values():
                consumers[:] = [each for each in consumers if each[0] is not end]
            self._in_work = {token: work for token, work in self._in_work.items()
                             if work[0] is not end}
            self._changed.notify_all()
        for message in lost:
            if message.call is not None and message.sender is not end:
                message.sender.answer(message.call, None)

    def wait_idle(self, about: str, timeout: float) -> bool:
        """Wait until no message in progress contains ``about``; return False on timeout.

        Every message contains the empty string.
        """
        with self._lock:
            return self._changed.wait_for(
                lambda: not any(about in message.body for _end, message
                                in self._in_work.values()), timeout)
