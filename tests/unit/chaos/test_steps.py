"""Scripts of steps."""

from __future__ import annotations

import testtools

from vpmem_harness.chaos.history import explained
from vpmem_harness.chaos.run import kind
from vpmem_harness.chaos.steps import Script, Step
from vpmem_harness.exceptions import InvalidInputError


class ScriptTest(testtools.TestCase):

    def test_a_script_is_its_text(self):
        """What is written is what is read."""
        script = Script(3, 'SMALL:1x1GiB', 7, (
            Step('boot', {'server': '0', 'labels': ''}), Step('calm')))
        self.assertEqual(script, Script.parse(f'# found\n{script}# nothing\n'))

    def test_what_is_no_script(self):
        """A verb that there is not, an option without value, no fleet."""
        self.assertRaises(InvalidInputError, Step.parse, 'bot server=1')
        self.assertRaises(InvalidInputError, Step.parse, 'boot server')
        self.assertRaises(InvalidInputError, Script.parse, 'boot server=1')
        self.assertRaises(InvalidInputError, Script.parse, '')
        self.assertRaises(InvalidInputError, Script.parse, 'fleet hosts=x pmem=a seed=1')


class HistoryTest(testtools.TestCase):

    def test_a_request_explains_what_it_leads_to(self):
        """And nothing else."""
        self.assertTrue(explained('stop', 'ACTIVE', 'SHUTOFF', refused=False))
        self.assertFalse(explained('stop', 'ACTIVE', 'ACTIVE', refused=False))
        self.assertFalse(explained('stop', 'ACTIVE', 'ERROR', refused=False))

    def test_a_refusal_explains_that_nothing_changes(self):
        """A request for which there is no room likewise."""
        self.assertTrue(explained('stop', 'PAUSED', 'PAUSED', refused=True))
        self.assertFalse(explained('stop', 'PAUSED', 'SHUTOFF', refused=True))
        self.assertTrue(explained('resize', 'ACTIVE', 'ACTIVE', refused=False))

    def test_kinds_do_not_depend_on_names(self):
        """So that a shorter script is known to fail in the same way."""
        self.assertEqual(kind(['server 3 was ACTIVE, and']), kind(['server 14 was ACTIVE, and']))
