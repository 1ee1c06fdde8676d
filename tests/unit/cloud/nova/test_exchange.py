"""Message exchange between Nova's processes."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud.nova.exchange import Exchange


class RecordingEnd:
    """An endpoint that records what it receives."""

    def __init__(self, waits: bool = False) -> None:
        self.waits = waits
        self.delivered: list[tuple[int, int, str]] = []
        self.answers: list[tuple[int, str | None]] = []

    def deliver(self, listener: int, token: int, body: str) -> None:
        self.delivered.append((listener, token, body))

    def answer(self, call: int, body: str | None) -> None:
        self.answers.append((call, body))

    @property
    def bodies(self) -> list[str]:
        return [body for _listener, _token, body in self.delivered]


class ExchangeTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.exchange = Exchange()
        self.sender, self.one, self.two = RecordingEnd(), RecordingEnd(), RecordingEnd()

    def send(self, body: str, *, topic: str = 'compute', server: str | None = None,
             fanout: bool = False, call: int | None = None) -> None:
        self.exchange.publish(self.sender, topic, server, fanout, body, call)

    def test_a_message_to_a_server_reaches_only_that_server(self) -> None:
        """A message to one server is delivered to that server only."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.exchange.subscribe(self.two, ('compute', 'h2'), 1)
        self.send('hello', server='h2')
        self.assertEqual(([], ['hello']), (self.one.bodies, self.two.bodies))

    def test_the_servers_of_a_topic_take_turns(self) -> None:
        """Messages to a topic are distributed to its consumers in turn."""
        for end in (self.one, self.two):
            self.exchange.subscribe(end, ('conductor', None), 1)
        for body in 'abc':
            self.send(body, topic='conductor')
        self.assertEqual((['a', 'c'], ['b']), (self.one.bodies, self.two.bodies))

    def test_a_fanout_reaches_every_server_of_its_topic(self) -> None:
        """A fanout goes once to each server of its topic, and to no other topic."""
        self.exchange.subscribe(self.one, ('scheduler', 's1'), 1)
        self.exchange.subscribe(self.one, ('scheduler', None), 1)
        self.exchange.subscribe(self.two, ('compute', 'h1'), 1)
        self.send('all', topic='scheduler', fanout=True)
        self.assertEqual((['all'], []), (self.one.bodies, self.two.bodies))

    def test_a_message_waits_for_a_server_that_is_down(self) -> None:
        """A message to a server that is down is delivered when it listens again."""
        self.send('later', server='h1')
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.assertEqual(['later'], self.one.bodies)

    def test_a_call_to_a_server_that_is_down_fails(self) -> None:
        """The caller gets the failure immediately, and the server never gets the call."""
        self.send('question', server='h1', call=7)
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.assertEqual(([(7, None)], []), (self.sender.answers, self.one.bodies))

    def test_a_call_waits_for_a_server_that_may_return(self) -> None:
        """The caller gets an answer when the server listens again."""
        self.sender = RecordingEnd(waits=True)
        self.send('question', server='h1', call=7)
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.exchange.done(self.one.delivered[0][1], 'answer')
        self.assertEqual([(7, 'answer')], self.sender.answers)

    def test_a_reply_reaches_the_caller(self) -> None:
        """The result of a call's message is the answer to the caller."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('question', server='h1', call=7)
        self.exchange.done(self.one.delivered[0][1], 'answer')
        self.assertEqual([(7, 'answer')], self.sender.answers)

    def test_the_caller_of_a_lost_process_gets_no_answer(self) -> None:
        """The caller learns immediately that no answer will come, unless it is lost itself."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('question', server='h1', call=7)
        self.exchange.publish(self.one, 'compute', 'h1', False, 'to itself', 8)
        self.exchange.detach(self.one)
        self.assertEqual(([(7, None)], []), (self.sender.answers, self.one.answers))

    def test_a_cast_has_no_answer(self) -> None:
        """The end of a cast's message sends no answer."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('order', server='h1')
        self.exchange.done(self.one.delivered[0][1], 'result')
        self.assertEqual([], self.sender.answers)

    def test_idle_considers_only_messages_with_its_text(self) -> None:
        """A hanging message about one server does not delay a wait for another."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('about server-a', server='h1')
        self.assertFalse(self.exchange.wait_idle('server-a', 0))
        self.assertTrue(self.exchange.wait_idle('server-b', 0))

    def test_a_lost_process_has_no_messages_in_progress(self) -> None:
        """A process that ends takes its messages and subscriptions with it."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('about server-a', server='h1')
        self.exchange.detach(self.one)
        self.assertTrue(self.exchange.wait_idle('server-a', 0))
        self.send('again', server='h1')
        self.assertEqual(['about server-a'], self.one.bodies)

    def test_a_refused_message_goes_to_the_next_consumer(self) -> None:
        """A consumer that refuses a message gets no further messages; another one answers."""
        self.exchange.subscribe(self.one, ('compute', None), 1)
        self.exchange.subscribe(self.two, ('compute', None), 2)
        self.send('question', call=7)
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.exchange.done(self.two.delivered[0][1], 'answer')
        self.send('another')
        self.assertEqual((['question'], ['question', 'another']),
                         (self.one.bodies, self.two.bodies))
        self.assertEqual([(7, 'answer')], self.sender.answers)

    def test_a_refused_message_waits_without_another_consumer(self) -> None:
        """A refused message is delivered when the server listens again."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('order', server='h1')
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.assertTrue(self.exchange.wait_idle('order', 0))
        self.exchange.subscribe(self.two, ('compute', 'h1'), 2)
        self.assertEqual(['order'], self.two.bodies)

    def test_a_refused_call_fails_without_another_consumer(self) -> None:
        """A refused call fails like one to a server that is down."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('question', server='h1', call=7)
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.assertEqual([(7, None)], self.sender.answers)

    def test_a_refused_fanout_is_lost(self) -> None:
        """A refused fanout is not delivered again, because it was only for current listeners."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('all', fanout=True)
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.exchange.subscribe(self.one, ('compute', 'h1'), 2)
        self.assertTrue(self.exchange.wait_idle('', 0))
        self.assertEqual(['all'], self.one.bodies)
