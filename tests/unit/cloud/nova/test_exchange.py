"""The message exchange among Nova's processes."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud.nova.exchange import Exchange


class RecordingEnd:
    """An end that keeps what reaches it."""

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

    def test_a_message_for_a_server_reaches_that_server_alone(self) -> None:
        """A server's messages are its own."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.exchange.subscribe(self.two, ('compute', 'h2'), 1)
        self.send('hello', server='h2')
        self.assertEqual(([], ['hello']), (self.one.bodies, self.two.bodies))

    def test_the_servers_of_a_topic_take_turns(self) -> None:
        """A message for a topic goes to one consumer, the next one's to the next."""
        for end in (self.one, self.two):
            self.exchange.subscribe(end, ('conductor', None), 1)
        for body in 'abc':
            self.send(body, topic='conductor')
        self.assertEqual((['a', 'c'], ['b']), (self.one.bodies, self.two.bodies))

    def test_a_fanout_reaches_every_server_of_its_topic(self) -> None:
        """A fanout goes to each server once, and to no other topic's."""
        self.exchange.subscribe(self.one, ('scheduler', 's1'), 1)
        self.exchange.subscribe(self.one, ('scheduler', None), 1)
        self.exchange.subscribe(self.two, ('compute', 'h1'), 1)
        self.send('all', topic='scheduler', fanout=True)
        self.assertEqual((['all'], []), (self.one.bodies, self.two.bodies))

    def test_a_message_waits_for_a_server_that_is_away(self) -> None:
        """What was sent to a server that is down is delivered when it listens again."""
        self.send('later', server='h1')
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.assertEqual(['later'], self.one.bodies)

    def test_a_call_to_a_server_that_is_away_is_given_up(self) -> None:
        """Its caller is told so at once, and the server never gets it."""
        self.send('question', server='h1', call=7)
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.assertEqual(([(7, None)], []), (self.sender.answers, self.one.bodies))

    def test_a_call_waits_for_a_server_that_may_return(self) -> None:
        """Its caller is answered when the server listens again."""
        self.sender = RecordingEnd(waits=True)
        self.send('question', server='h1', call=7)
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.exchange.done(self.one.delivered[0][1], 'answer')
        self.assertEqual([(7, 'answer')], self.sender.answers)

    def test_a_reply_reaches_the_caller(self) -> None:
        """The end of a call's message is the call's answer."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('question', server='h1', call=7)
        self.exchange.done(self.one.delivered[0][1], 'answer')
        self.assertEqual([(7, 'answer')], self.sender.answers)

    def test_who_calls_a_process_that_is_lost_is_told_that_no_answer_will_come(self) -> None:
        """It need not wait for its timeout; a process that is lost itself is told nothing."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('question', server='h1', call=7)
        self.exchange.publish(self.one, 'compute', 'h1', False, 'to itself', 8)
        self.exchange.detach(self.one)
        self.assertEqual(([(7, None)], []), (self.sender.answers, self.one.answers))

    def test_a_cast_has_no_answer(self) -> None:
        """The end of a cast's message answers nobody."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('order', server='h1')
        self.exchange.done(self.one.delivered[0][1], 'result')
        self.assertEqual([], self.sender.answers)

    def test_idle_looks_only_at_messages_that_name_what_it_waits_for(self) -> None:
        """A hanging message about one server does not hold up a wait for another."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('about server-a', server='h1')
        self.assertFalse(self.exchange.wait_idle('server-a', 0))
        self.assertTrue(self.exchange.wait_idle('server-b', 0))

    def test_what_a_lost_process_worked_on_is_no_longer_worked_on(self) -> None:
        """A process that ends takes its messages and its subscriptions with it."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('about server-a', server='h1')
        self.exchange.detach(self.one)
        self.assertTrue(self.exchange.wait_idle('server-a', 0))
        self.send('again', server='h1')
        self.assertEqual(['about server-a'], self.one.bodies)

    def test_a_refused_message_goes_to_the_next_consumer(self) -> None:
        """Who has refused one gets no more, and the call is answered by another."""
        self.exchange.subscribe(self.one, ('compute', None), 1)
        self.exchange.subscribe(self.two, ('compute', None), 2)
        self.send('question', call=7)
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.exchange.done(self.two.delivered[0][1], 'answer')
        self.send('another')
        self.assertEqual((['question'], ['question', 'another']),
                         (self.one.bodies, self.two.bodies))
        self.assertEqual([(7, 'answer')], self.sender.answers)

    def test_a_refused_message_waits_when_nobody_else_listens(self) -> None:
        """It is no longer worked on, and reaches the server when that listens again."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('order', server='h1')
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.assertTrue(self.exchange.wait_idle('order', 0))
        self.exchange.subscribe(self.two, ('compute', 'h1'), 2)
        self.assertEqual(['order'], self.two.bodies)

    def test_a_refused_call_is_given_up_when_nobody_else_listens(self) -> None:
        """As one to a server that is away."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('question', server='h1', call=7)
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.assertEqual([(7, None)], self.sender.answers)

    def test_a_refused_fanout_is_lost(self) -> None:
        """It was for those that listened when it was sent."""
        self.exchange.subscribe(self.one, ('compute', 'h1'), 1)
        self.send('all', fanout=True)
        self.exchange.refuse(self.one, 1, self.one.delivered[0][1])
        self.exchange.subscribe(self.one, ('compute', 'h1'), 2)
        self.assertTrue(self.exchange.wait_idle('', 0))
        self.assertEqual(['all'], self.one.bodies)
