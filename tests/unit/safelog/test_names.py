"""Which names are hidden, and where: by their place, or because they are telling."""

from __future__ import annotations

import sys

import testtools

from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog import names
from vpmem_harness.safelog.machine import Machine
from vpmem_harness.safelog.redaction import Redactor

ORDINARY = ('vm', 'test', 'server', 'nova', 'compute', 'state', 'build', 'host', 'nova-compute',
            'test.server', 'root', 'localhost', '17', 'x', 'conductor', 'Server')
TELLING = ('zeus', 'node7', 'compute-17', 'ci-worker-3', 'alice', 'host1', 'db01.prod')


class TellingTest(testtools.TestCase):

    def test_ordinary_words(self):
        """What consists of words of prose or of code tells nobody apart."""
        for name in ORDINARY:
            with self.subTest(name):
                self.assertFalse(names.is_distinctive(name))

    def test_other_names(self):
        """A number or a word of no log makes a name telling."""
        for name in TELLING:
            with self.subTest(name):
                self.assertTrue(names.is_distinctive(name))

    def test_modules_of_python_and_of_the_harness(self):
        """They stand in every traceback."""
        for name in ('argparse', 'redaction', 'pseudonyms', 'safelog', 'zygote'):
            with self.subTest(name):
                self.assertFalse(names.is_distinctive(name))


class MachineTest(testtools.TestCase):
    """The names of the machine and of its user."""

    def redact(self, text: str, *, host: str = '', user: str = '', home: str = '') -> str:
        return Redactor({}, machine=Machine(host, user, home)).redact(text)

    def test_ordinary_name_as_a_word(self):
        """On a machine called vm, test or server, the words of a log stay."""
        text = ('{0}_state {0}s {0}.py cloud/{0}.py nova.{0}.manager the {0} is up {0}: {0} '
                '/srv/{0}/x <{0}> --{0}=1 my-{0} {0}-x self.{0} "{0}": 1')
        for name in ('vm', 'test', 'server', 'nova', 'compute', 'state', 'build'):
            line = text.format(name)
            with self.subTest(name):
                self.assertEqual(line, self.redact(line, host=name, user=name))

    def test_ordinary_name_where_a_host_follows_a_noun(self):
        """There it is hidden."""
        for text in ('moved to host server', 'Instance on host server.', 'root@server:~#',
                     "host 'server' is down", 'on compute node server, port 1', 'host=server',
                     'http://server:8774/', '"host": "server"', 'for the host server failed'):
            with self.subTest(text):
                found = self.redact(text, host='server')
                self.assertNotIn('server', found)
                self.assertIn('<host:1>', found)

    def test_ordinary_user_where_a_user_follows_a_noun(self):
        """There it is hidden, too."""
        for text in ('denied for user nova', "user 'nova' has no rights", 'user=nova',
                     'as user nova.', 'nova@192.0.2.1', '"user": "nova"'):
            with self.subTest(text):
                self.assertNotIn('nova', self.redact(text, user='nova'))

    def test_telling_name(self):
        """It is hidden wherever it stands as a word, in paths and in longer names."""
        for name in ('zeus', 'compute-17'):
            for text in ('{} is up', '/var/log/{}.log', '({})', 'on {}:5672', '{}_backup', 'x.{}'):
                with self.subTest(text=text, name=name):
                    self.assertNotIn(name, self.redact(text.format(name), host=name))
        self.assertEqual('zeuses', self.redact('zeuses', host='zeus'))

    def test_name_with_a_domain(self):
        """The whole name is hidden, also if its parts are ordinary words."""
        self.assertEqual('on <host:1>', self.redact('on vm.lab', host='vm.lab'))
        self.assertEqual('vm_state', self.redact('vm_state', host='vm.lab'))

    def test_home(self):
        """A home outside of /home is hidden, unless it is that of a service."""
        self.assertEqual('<path:1>', self.redact('/data/alice/x', home='/data/alice'))
        for home in ('/var/lib/nova', '/opt/stack', '/usr/sbin', '/', ''):
            with self.subTest(home):
                self.assertEqual(f'{home}/x', self.redact(f'{home}/x', home=home))

    def test_this_machine(self):
        """A redactor knows the machine on which it runs."""
        here = Machine.here()
        self.assertEqual('host=<host:1>', Redactor({}, machine=here).redact(
            f'host={here.host or "x"}'))


class SimulatedTest(testtools.TestCase):
    """Names of simulated hosts are shown."""

    def setUp(self) -> None:
        super().setUp()
        self.redactor = Redactor({}, machine=Machine('host1', 'alice', '/home/alice'))

    def test_names_of_the_harness(self):
        """host2 and its like are shown wherever they stand, without being announced."""
        text = 'host=host2 http://host3:80/ "host": "host4", user@host5 is host6'
        self.assertEqual(text.replace('user@', '<id:1>@'), self.redactor.redact(text))

    def test_name_of_the_machine(self):
        """The machine's own name is hidden until a simulated host has it."""
        self.assertEqual('on <host:1>', self.redactor.redact('on host1'))
        self.redactor.simulate('host1')
        self.assertEqual('host=host1', self.redactor.redact('host=host1'))
        self.assertEqual('host1', self.redactor.host_name('host1'))

    def test_name_that_a_test_chose(self):
        """It is shown also if its form is that of a host with a domain."""
        name = 'compute-17.rack3.corp.example.com'
        self.redactor.simulate(name)
        text = f'host={name} {name} http://{name}:80/'
        self.assertEqual(text, self.redactor.redact(text))

    def test_protected_name(self):
        """What the user protects is hidden, whoever else has the name."""
        self.redactor.protect('lab', 'host')
        self.redactor.simulate('lab')
        self.assertEqual('host=<host:1>', self.redactor.redact('host=lab'))


class SameValueTest(testtools.TestCase):
    """A value that was hidden in one place is hidden in others."""

    def setUp(self) -> None:
        super().setUp()
        self.redactor = Redactor({}, machine=Machine())

    def test_in_the_same_text(self):
        """Before the key and behind it."""
        self.assertEqual('<id:1> failed: user: <id:1>, not <id:1>',
                         self.redactor.redact('alice failed: user: alice, not alice'))

    def test_in_later_texts(self):
        """A name with a number is looked for from then on."""
        self.redactor.redact('host=node7 user="alice"')
        self.assertEqual('<host:1> does not know <id:1>',
                         self.redactor.redact('node7 does not know alice'))

    def test_secret(self):
        """So is a secret that a key told."""
        secret = f'Cn{self.useFixture(TestSeed()).randomness.bytes(5).hex()}'
        self.redactor.redact(f'password={secret}')
        self.assertEqual('***, not ***', self.redactor.redact(f'{secret}, not {secret}'))

    def test_ordinary_word(self):
        """It is part of other texts, and stays there."""
        self.redactor.redact('host=server user="nova" password=secret')
        self.assertEqual('the server of nova has a secret',
                         self.redactor.redact('the server of nova has a secret'))

    def test_several_texts(self):
        """Of texts that are redacted together the first ones hide what the last one tells."""
        self.assertEqual(['on <host:1>', 'host=<host:1>'],
                         self.redactor.redact_all(['on node7', 'host=node7']))

    def test_not_without_end(self):
        """Only the latest names are looked for."""
        for number in range(1000):
            self.redactor.redact(f'host=node{number}')
        words = self.redactor._known._words
        self.assertLessEqual(sum(map(len, words.values())), 300)
        self.assertNotIn('node999', self.redactor.redact('node999'))

    def test_users_and_ids(self):
        """The value of a protected user is the user in each place."""
        self.redactor.protect('alice', 'user')
        self.assertEqual('user=<user:1>, <user:1>', self.redactor.redact('user=alice, alice'))


class VocabularyTest(testtools.TestCase):

    def test_modules_of_python(self):
        """A machine that is called like a module of Python's has an ordinary name."""
        for name in sys.stdlib_module_names:
            if name.isalpha():
                self.assertFalse(names.is_distinctive(name), name)
