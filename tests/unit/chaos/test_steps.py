"""Scripts of steps, and which changes they explain."""

from __future__ import annotations

import testtools

from vpmem_harness.chaos.history import GONE, History, explained
from vpmem_harness.chaos.run import ending, kind
from vpmem_harness.chaos.steps import Script, Step
from vpmem_harness.exceptions import InvalidInputError


class ScriptTest(testtools.TestCase):

    def test_a_script_equals_its_text(self):
        """Parsing a script's text returns the same script."""
        script = Script(3, 'SMALL:1x1GiB', 7, (
            Step('boot', {'server': '0', 'labels': ''}), Step('calm')))
        self.assertEqual(script, Script.parse(f'# found\n{script}# nothing\n'))

    def test_invalid_scripts(self):
        """An unknown verb, an option without a value and a missing fleet are refused."""
        self.assertRaises(InvalidInputError, Step.parse, 'bot server=1')
        self.assertRaises(InvalidInputError, Step.parse, 'boot server')
        self.assertRaises(InvalidInputError, Script.parse, 'boot server=1')
        self.assertRaises(InvalidInputError, Script.parse, '')
        self.assertRaises(InvalidInputError, Script.parse, 'fleet hosts=x pmem=a seed=1')


class HistoryTest(testtools.TestCase):

    def test_a_request_explains_its_result(self):
        """A request explains the resulting status, and no other."""
        self.assertTrue(explained('stop', 'ACTIVE', 'SHUTOFF', refused=False))
        self.assertFalse(explained('stop', 'ACTIVE', 'ACTIVE', refused=False))
        self.assertFalse(explained('stop', 'ACTIVE', 'ERROR', refused=False))

    def test_a_refusal_explains_an_unchanged_status(self):
        """A refused request, or one without room, explains only an unchanged status."""
        self.assertTrue(explained('stop', 'PAUSED', 'PAUSED', refused=True))
        self.assertFalse(explained('stop', 'PAUSED', 'SHUTOFF', refused=True))
        self.assertTrue(explained('resize', 'ACTIVE', 'ACTIVE', refused=False))

    def test_kinds_ignore_server_numbers(self):
        """Failures that differ only in server numbers are of the same kind."""
        self.assertEqual(kind(['server 3 was ACTIVE, and']), kind(['server 14 was ACTIVE, and']))

    def test_the_end_of_a_run_includes_its_boots(self):
        """The end of a run includes the boots of the servers that it uses."""
        steps = list(map(Step.parse, ('boot server=0', 'boot server=1', 'kill host=0', 'calm',
                                      'stop server=1')))
        self.assertEqual(['boot server=1', 'calm', 'stop server=1'],
                         list(map(str, ending(steps, 2))))

    def test_a_step_does_not_explain_changes_of_other_servers(self):
        """A step explains the change of its own server, and of no other."""
        history = History()
        wrong = list(history.step(
            {0: 'ACTIVE', 1: 'ACTIVE'}, {0: 'SHUTOFF', 1: 'SHUTOFF'}, 0, 'stop', False))
        self.assertEqual(['server 1 was ACTIVE, and is SHUTOFF unasked'], wrong)

    def test_a_fault_explains_the_possible_results(self):
        """A fault explains the old status, the requested status and ERROR, and nothing else."""
        for status, explained_by_that in (('ACTIVE', True), ('SHUTOFF', True), ('ERROR', True),
                                          ('PAUSED', False), (GONE, False)):
            history = History()
            history.disturb({0: 'ACTIVE'})
            history.asked(0, 'stop')
            self.assertEqual([], list(history.step({0: 'ACTIVE'}, {}, None, 'kill', False)))
            wrong = list(history.calm({} if status == GONE else {0: status}))
            self.assertEqual(explained_by_that, not wrong, status)

    def test_a_guest_that_may_be_lost(self):
        """A guest that may be lost explains that its server is off."""
        history = History()
        history.disturb({0: 'ACTIVE'}, lost=True)
        self.assertEqual([], list(history.calm({0: 'SHUTOFF'})))

    def test_an_evacuation_explains_that_a_server_in_error_runs(self):
        """Only an evacuation from ERROR or REBUILD explains a running server."""
        for before, explained_by_that in (('ERROR', True), ('REBUILD', True), ('ACTIVE', False),
                                          ('SHUTOFF', False)):
            history = History()
            history.asked(0, 'evacuate', before)
            history.disturb({0: 'SHUTOFF'})
            self.assertEqual(explained_by_that, not list(history.calm({0: 'ACTIVE'})), before)

    def test_servers_that_may_have_lost_data(self):
        """A rebuild permits data loss until the cloud is calm; a hard reboot does not."""
        history = History()
        history.asked(0, 'hard-reboot')
        history.asked(1, 'rebuild')
        self.assertFalse(history.may_have_lost_data(0))
        self.assertTrue(history.may_have_lost_data(1))
        list(history.calm({}))
        self.assertFalse(history.may_have_lost_data(1))
