"""States of a server, and their status in the API."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud.states import STATUSES, PowerState, TaskState, VMState, status_from_state


class StatusTest(testtools.TestCase):

    def test_a_server_at_rest_shows_its_vm_state(self):
        """Without a task the status depends only on the vm_state."""
        self.assertEqual('SHUTOFF', status_from_state(VMState.STOPPED))

    def test_some_tasks_change_the_status(self):
        """A resize changes the status of an active server."""
        self.assertEqual('RESIZE', status_from_state(VMState.ACTIVE, TaskState.RESIZE_MIGRATED))

    def test_other_tasks_do_not_change_the_status(self):
        """A server that is being powered off is still ACTIVE."""
        self.assertEqual('ACTIVE', status_from_state(VMState.ACTIVE, TaskState.POWERING_OFF))

    def test_reverting_has_a_status_of_its_own(self):
        """VERIFY_RESIZE becomes REVERT_RESIZE during a revert."""
        self.assertEqual(
            'REVERT_RESIZE', status_from_state(VMState.RESIZED, TaskState.RESIZE_REVERTING))

    def test_every_vm_state_has_a_status(self):
        """Every vm_state has a status."""
        self.assertEqual(set(), {status_from_state(state) for state in VMState} - STATUSES)

    def test_states_are_their_names(self):
        """A state equals its text in Nova's database."""
        self.assertEqual('powering-off', TaskState.POWERING_OFF)

    def test_power_states_have_novas_numbers(self):
        """SHUTDOWN is 4: Nova's numbers have gaps."""
        self.assertEqual(4, PowerState.SHUTDOWN)
