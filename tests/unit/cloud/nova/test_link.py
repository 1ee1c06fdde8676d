"""The connection between a nova-compute and the control process."""

from __future__ import annotations

import importlib.util
import threading
from multiprocessing import connection
from typing import Any

import testtools

from tests import base
from vpmem_harness.cloud.nova.exchange import Exchange

SOON = 30


def serve_nothing(service: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """A service that knows every method, and does nothing."""


class Detached(Exchange):
    """An exchange that tells when an end is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = threading.Event()

    def detach(self, end: Any) -> None:
        super().detach(end)
        self.forgotten.set()


@testtools.skipUnless(importlib.util.find_spec('oslo_messaging'), 'nova is not installed')
class LinkTest(base.TestCase):

    def test_a_call_to_a_process_that_is_gone(self) -> None:
        """It fails as one does whose process ends before it has answered."""
        from vpmem_harness.cloud.nova.link import Link

        ours, theirs = connection.Pipe()
        theirs.close()
        link = Link(ours, serve_nothing)
        self.addCleanup(link.closed)
        self.assertRaises(EOFError, link.call, 'service', 'method')

    def test_a_call_after_the_link_was_closed(self) -> None:
        """It fails as well, while the other process is still there."""
        from vpmem_harness.cloud.nova.link import Link

        ours, theirs = connection.Pipe()
        self.addCleanup(theirs.close)
        link = Link(ours, serve_nothing)
        link.closed()
        self.assertRaises(EOFError, link.call, 'service', 'method')

    def test_what_a_compute_has_asked_for_is_done_before_it_is_gone(self) -> None:
        """Its end comes while a request of it is served, whose effects come no later."""
        from vpmem_harness.cloud.nova.link import ControlLink

        exchange, served, done = Detached(), threading.Event(), []

        def serve(service: str, method: str, args: tuple[Any, ...],
                  kwargs: dict[str, Any]) -> None:
            served.set()
            exchange.forgotten.wait(SOON)
            # As long as it takes for what follows that to come first, if it does not wait.
            compute.join(0.05)
            done.append(method)

        ours, theirs = connection.Pipe()
        compute = threading.Thread(target=ControlLink(ours, serve, exchange).run)
        compute.start()
        theirs.send(('call', 1, 'placement', 'put', (), {}))
        self.assertTrue(served.wait(SOON))
        theirs.close()
        compute.join()
        self.assertEqual(['put'], done)

    def test_a_compute_refuses_what_comes_for_a_listener_that_listens_no_more(self) -> None:
        """The message was on its way when its service stopped."""
        from vpmem_harness.cloud.nova.link import ComputeLink

        ours, theirs = connection.Pipe()
        compute = threading.Thread(target=ComputeLink(ours, serve_nothing).run)
        compute.start()
        theirs.send(('deliver', 7, 1, 'order'))
        self.assertTrue(theirs.poll(SOON))
        self.assertEqual(('refuse', 7, 1), theirs.recv())
        theirs.close()
        compute.join()

    def test_what_a_compute_refuses_waits_for_the_next(self) -> None:
        """It is as if it had been sent after the service stopped."""
        from vpmem_harness.cloud.nova.link import ControlLink

        exchange, following = Exchange(), Following()
        ours, theirs = connection.Pipe()
        link = ControlLink(ours, serve_nothing, exchange)
        exchange.subscribe(link, ('compute', 'h1'), 7)
        exchange.publish(following, 'compute', 'h1', False, 'order', None)
        compute = threading.Thread(target=link.run)
        compute.start()
        _kind, listener, token, _body = theirs.recv()
        theirs.send(('refuse', listener, token))
        theirs.close()
        compute.join()
        exchange.subscribe(following, ('compute', 'h1'), 1)
        self.assertEqual(['order'], following.received)


class Following:
    """An end that keeps what is delivered."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def deliver(self, listener: int, token: int, body: str) -> None:
        self.received.append(body)

    def answer(self, call: int, body: str | None) -> None:
        """Nobody calls."""
