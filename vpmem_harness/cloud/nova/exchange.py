"""The message exchange among the processes of one Nova: topics, servers, fanouts and replies.

It knows nothing of oslo.messaging (``messaging.py`` does) and stands in the control process; a
nova-compute attaches to it over a UNIX socket (``link.py``). Delivery is by event, never by poll.
"""

from __future__ import annotations

import collections
import itertools
import threading
from typing import Protocol

Address = tuple[str, str | None]
"""A topic, and the server that the message is for (None: any server of the topic)."""


class End(Protocol):
    """What is attached to the exchange: this process, or a link to another.

    ``waits`` says whether what it calls may come back while its caller waits. Nobody is there to
    start a service while the API is asked.
    """

    waits: bool

    def deliver(self, listener: int, token: int, body: str) -> None:
        """Hand a message to a listener, which reports its end with the token, or refuses it."""

    def answer(self, call: int, body: str | None) -> None:
        """Hand a reply to the call that waits for it; None when there will be none."""


class _Message:
    __slots__ = ('address', 'body', 'call', 'sender')

    def __init__(self, address: Address | None, body: str, sender: End, call: int | None) -> None:
        self.address = address
        self.body = body
        self.sender = sender
        self.call = call

    @property
    def lasts(self) -> bool:
        """Whether it waits for the return of a server that is away."""
        of_a_server = self.address is not None and self.address[1] is not None
        return self.call is None or self.sender.waits or not of_a_server


class Exchange:
    """Queues, their consumers, and the messages that are being worked on; thread-safe.

    ``published`` counts every message that was ever sent.

    A message for a server that is away waits for its return, as in a broker's queue; a fanout
    reaches those that are there. A call to such a server by whom nobody can help meanwhile is given
    up at once. Through a broker it would wait for its timeout, and the message expires with that.
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
        """Let a listener consume an address, and give it what waited there."""
        with self._lock:
            self._consumers[address].append((end, listener))
            waiting = self._waiting.pop(address, ())
            deliveries = [self._assign(end, listener, message) for message in waiting]
        for delivery in deliveries:
            end.deliver(*delivery)

    def unsubscribe(self, end: End, listener: int) -> None:
        """Take a listener away from every address."""
        with self._lock:
            for consumers in self._consumers.values():
                if (end, listener) in consumers:
                    consumers.remove((end, listener))

    def publish(self, sender: End, topic: str, server: str | None, fanout: bool,
                body: str, call: int | None) -> None:
        """Send to one server, to every server of a topic, or to the next in turn."""
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
        """A message has come to a listener that listens no more: let another one have it.

        A fanout was for those that listen.
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
        """The consumer whose turn it is; none when there is none, and a message that may waits."""
        consumers = self._consumers[address]
        chosen = consumers[:1]
        consumers.extend(chosen)
        del consumers[:len(chosen)]
        if not chosen and message.lasts:
            self._waiting[address].append(message)
        return chosen

    @staticmethod
    def _give_up(message: _Message) -> None:
        """Nobody has got a message: one that does not last will not be answered any more."""
        if message.call is not None and not message.lasts:
            message.sender.answer(message.call, None)

    def _assign(self, end: End, listener: int, message: _Message) -> tuple[int, int, str]:
        token = next(self._tokens)
        self._in_work[token] = (end, message)
        return listener, token, message.body

    def done(self, token: int, body: str | None) -> None:
        """A listener has finished a message; its reply goes to whoever called."""
        with self._lock:
            _end, message = self._in_work.pop(token, (None, None))
            self._changed.notify_all()
        if message is not None and message.call is not None:
            message.sender.answer(message.call, body)

    def detach(self, end: End) -> None:
        """Forget an end whose process is gone: what it worked on stays unanswered.

        Who waits for an answer is told so at once. Through a broker it would find out when its
        timeout is over, or when the heartbeats stop that a long call has.
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
        """Wait until no message that names ``about`` is worked on; False when the time is over.

        Every message names the empty string.
        """
        with self._lock:
            return self._changed.wait_for(
                lambda: not any(about in message.body for _end, message
                                in self._in_work.values()), timeout)
