"""The page of a report, rendered from values."""

from __future__ import annotations

import datetime
from typing import Any

import testtools
from lxml import html

from vpmem_harness.randomness import Randomness
from vpmem_harness.report import page
from vpmem_harness.report.model import (
    Allocation,
    Event,
    HostEntry,
    Part,
    Region,
    Report,
    ServerEntry,
)
from vpmem_harness.safelog import Machine, Redactor
from vpmem_harness.uuids import UUIDs

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
SIZE = 16 << 30


def region(*parts: Part) -> Region:
    return Region('region0', SIZE, 0, True, parts)


def report(**parts: Any) -> Report:
    return Report(**{'title': 'test_x', 'created': MOMENT, **parts})


class PageTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.redactor = Redactor({}, machine=Machine('lab-7', 'jane.doe', '/home/jane.doe'))

    def page(self, **parts: Any) -> Any:
        """The page as a tree."""
        self.text = page(report(**parts), self.redactor)
        return html.document_fromstring(self.text)

    def host(self, before: Part, after: Part) -> Any:
        """The page of one host with one namespace."""
        return self.page(hosts=(HostEntry('host1', {}, (region(before),), (region(after),)),))

    def test_it_loads_nothing(self) -> None:
        """The page has no reference to anything outside, and forbids the browser to load any."""
        tree = self.page(hosts=(HostEntry('host1', {}, (), ()),))
        references = tree.xpath('//@src | //@href | //script | //link | //iframe | //object')
        self.assertEqual([], references)
        self.assertNotIn('@import', self.text)
        policy = tree.xpath('//meta[@http-equiv="Content-Security-Policy"]/@content')
        self.assertEqual(["default-src 'none'; style-src 'unsafe-inline'"], policy)

    def test_texts_are_escaped(self) -> None:
        """A text of a test or of a client is never markup."""
        nasty = '</pre><script>alert(1)</script>"\'&'
        tree = self.page(
            title=nasty, failure=nasty, facts={nasty: nasty},
            servers=(ServerEntry(nasty, nasty, nasty, fault=nasty),),
            events=(Event(1.0, 'host1', 'call', nasty, nasty),),
            hosts=(HostEntry(nasty, {nasty: nasty}, (), (region(
                Part(0, SIZE, nasty, nasty, nasty, nasty, nasty, nasty, (nasty,))),)),))
        self.assertEqual([], tree.xpath('//script'))
        self.assertEqual(nasty, tree.xpath('string(//pre[@class="failure"])'))

    def test_texts_are_redacted(self) -> None:
        """What identifies somebody does not get onto the page, wherever it comes from."""
        uuid = str(UUIDs(Randomness()).server)
        texts = [f'{uuid} of jane.doe@corp.example on lab-7', 'password=hunter22', uuid]
        for text in texts:
            self.page(
                title=text, failure=text, facts={'seed': text}, problems=(text,),
                servers=(ServerEntry('a', text, text, fault=text),),
                allocations=(Allocation(text, 'host1', 'VCPU', 1),),
                events=(Event(1.0, 'host1', 'call', text, text),),
                hosts=(HostEntry('host1', {'a': text}, (), (region(
                    Part(0, SIZE, text, 'namespace0.0', holder=text, data_of=(text,))),)),))
            for value in (uuid, 'jane.doe', 'lab-7', 'hunter22'):
                self.assertNotIn(value, self.text)

    def test_a_secret_is_hidden_in_every_text(self) -> None:
        """A name that a key reveals in one text is hidden in the texts before it."""
        self.page(title='for orchid91', failure='user_id=orchid91')
        self.assertNotIn('orchid91', self.text)

    def test_a_text_that_is_not_utf_8(self) -> None:
        """A lone surrogate is shown escaped."""
        self.page(failure='a\udc80b')
        self.assertIn('a\\udc80b', self.text)

    def test_the_memory_before_and_after(self) -> None:
        """Each region is drawn twice, with the holder of each namespace."""
        before = Part(0, SIZE // 4, 'ns_0', 'namespace0.0')
        after = Part(0, SIZE // 4, 'ns_0', 'namespace0.0', holder='server1', data_of=('server1',))
        tree = self.host(before, after)
        drawn = [tree.xpath(f'//figure[@class="{which}"]//svg[@data-namespace="ns_0"]')[0]
                 for which in ('before', 'after')]
        self.assertEqual(['', 'server1'], [one.get('data-holder') for one in drawn])
        self.assertEqual(['25.000%'] * 2, [one.get('width') for one in drawn])
        self.assertEqual(1, len(tree.xpath('//tr[@class="changed"]')))

    def test_the_colors_of_holders(self) -> None:
        """Two holders have two colors, and the legend shows them."""
        tree = self.host(
            Part(0, SIZE, 'ns_0', 'namespace0.0', holder='server1'),
            Part(0, SIZE, 'ns_0', 'namespace0.0', holder='server2'))
        colors = tree.xpath('//svg[@data-namespace]/rect/@style')
        self.assertEqual(2, len(set(colors)))
        self.assertEqual(colors, tree.xpath('//p[@class="legend"]//span/@style'))

    def test_data_of_another_server(self) -> None:
        """Data that another server left are marked; the holder's own are not."""
        own = Part(0, SIZE, 'ns_0', 'namespace0.0', holder='server1', data_of=('server1',))
        left = Part(0, SIZE, 'ns_0', 'namespace0.0', holder='server2', data_of=('server1',))
        tree = self.host(own, left)
        self.assertEqual(1, len(tree.xpath('//rect[@fill="url(#left-data)"]')))

    def test_a_namespace_that_is_gone(self) -> None:
        """A namespace that was destroyed is in the table."""
        tree = self.page(hosts=(HostEntry(
            'host1', {}, (region(Part(0, SIZE, 'ns_0', 'namespace0.0')),), (region(),)),))
        self.assertEqual(['not held', 'not there'],
                         tree.xpath('//tr[@class="changed"]//span/text()'))

    def test_no_holder_and_no_event(self) -> None:
        """A report about nothing is a page as well."""
        self.page()
        self.assertIn('Nothing happened.', self.text)

    def test_the_places_of_events(self) -> None:
        """The first event is at the left end of its lane, the last one at the right end."""
        tree = self.page(
            hosts=(HostEntry('host1', {}, (), ()),),
            events=tuple(Event(at, 'host1', 'call', 'x') for at in (1.0, 1.5, 2.0)))
        places = tree.xpath('//svg[@class="lane"]/circle/@cx')
        self.assertEqual(['1.00%', '50.00%', '99.00%'], places)
