"""Connection between a nova-compute process and the control process."""

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
    """Accept every method, and do nothing."""


class Detached(Exchange):
    """An exchange that signals when an endpoint is removed."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = threading.Event()

    def detach(self, end: Any) -> None:
        super().detach(end)
        self.forgotten.set()


@testtools.skipUnless(importlib.util.find_spec('oslo_messaging'), 'nova is not installed')
class LinkTest(base.TestCase):

    def test_a_call_to_a_process_that_has_ended(self) -> None:
        """The call fails like one whose process ends before its answer."""
        from vpmem_harness.cloud.nova.link import Link

        ours, theirs = connection.Pipe()
        theirs.close()
        link = Link(ours, serve_nothing)
        self.addCleanup(link.closed)
        self.assertRaises(EOFError, link.call, 'service', 'method')

    def test_a_call_after_the_link_was_closed(self) -> None:
        """A call over a closed link fails although the other process still runs."""
        from vpmem_harness.cloud.nova.link import Link

        ours, theirs = connection.Pipe()
        self.addCleanup(theirs.close)
        link = Link(ours, serve_nothing)
        link.closed()
        self.assertRaises(EOFError, link.call, 'service', 'method')

    def test_a_request_of_a_compute_completes_before_its_end(self) -> None:
        """The end of a compute is handled after the request that it is waiting for."""
        from vpmem_harness.cloud.nova.link import ControlLink

        exchange, served, done = Detached(), threading.Event(), []

        def serve(service: str, method: str, args: tuple[Any, ...],
                  kwargs: dict[str, Any]) -> None:
            served.set()
            exchange.forgotten.wait(SOON)
            # Long enough for the end to be handled first, if it does not wait.
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

    def test_a_compute_refuses_messages_to_a_closed_listener(self) -> None:
        """A message that arrives after its service has stopped is refused."""
        from vpmem_harness.cloud.nova.link import ComputeLink

        ours, theirs = connection.Pipe()
        compute = threading.Thread(target=ComputeLink(ours, serve_nothing).run)
        compute.start()
        theirs.send(('deliver', 7, 1, 'order'))
        self.assertTrue(theirs.poll(SOON))
        self.assertEqual(('refuse', 7, 1), theirs.recv())
        theirs.close()
        compute.join()

    def test_a_refused_message_waits_for_the_next_compute(self) -> None:
        """A refused message is delivered as if it was sent after the service stopped."""
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
    """An endpoint that records its deliveries."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def deliver(self, listener: int, token: int, body: str) -> None:
        self.received.append(body)

    def answer(self, call: int, body: str | None) -> None:
        """Ignore the answer: no call is made."""
