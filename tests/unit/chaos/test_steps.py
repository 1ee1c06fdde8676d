"""Scripts of steps."""

from __future__ import annotations

import testtools

from vpmem_harness.chaos.history import GONE, History, explained
from vpmem_harness.chaos.run import ending, kind
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

    def test_the_end_of_a_run(self):
        """Has the boots of the servers that it asks."""
        steps = list(map(Step.parse, ('boot server=0', 'boot server=1', 'kill host=0', 'calm',
                                      'stop server=1')))
        self.assertEqual(['boot server=1', 'calm', 'stop server=1'],
                         list(map(str, ending(steps, 2))))

    def test_others_do_not_change(self):
        """A step explains what becomes of the server that it asks, and of no other."""
        history = History()
        wrong = list(history.step(
            {0: 'ACTIVE', 1: 'ACTIVE'}, {0: 'SHUTOFF', 1: 'SHUTOFF'}, 0, 'stop', False))
        self.assertEqual(['server 1 was ACTIVE, and is SHUTOFF unasked'], wrong)

    def test_a_fault_explains_what_was_asked_for(self):
        """And what was, and ERROR: nothing else once all is calm."""
        for status, explained_by_that in (('ACTIVE', True), ('SHUTOFF', True), ('ERROR', True),
                                          ('PAUSED', False), (GONE, False)):
            history = History()
            history.disturb({0: 'ACTIVE'})
            history.asked(0, 'stop')
            self.assertEqual([], list(history.step({0: 'ACTIVE'}, {}, None, 'kill', False)))
            wrong = list(history.calm({} if status == GONE else {0: status}))
            self.assertEqual(explained_by_that, not wrong, status)

    def test_a_guest_that_may_be_lost(self):
        """Explains that its server is off."""
        history = History()
        history.disturb({0: 'ACTIVE'}, lost=True)
        self.assertEqual([], list(history.calm({0: 'SHUTOFF'})))

    def test_an_evacuation_explains_that_a_server_in_error_runs(self):
        """No other server runs after one."""
        for before, explained_by_that in (('ERROR', True), ('REBUILD', True), ('ACTIVE', False),
                                          ('SHUTOFF', False)):
            history = History()
            history.asked(0, 'evacuate', before)
            history.disturb({0: 'SHUTOFF'})
            self.assertEqual(explained_by_that, not list(history.calm({0: 'ACTIVE'})), before)

    def test_who_may_have_lost_data(self):
        """Who has been asked for what loses it, since all was calm."""
        history = History()
        history.asked(0, 'hard-reboot')
        history.asked(1, 'rebuild')
        self.assertFalse(history.may_have_lost_data(0))
        self.assertTrue(history.may_have_lost_data(1))
        list(history.calm({}))
        self.assertFalse(history.may_have_lost_data(1))
