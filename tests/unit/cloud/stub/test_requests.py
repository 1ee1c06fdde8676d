"""Requests that the API refuses, and its errors."""

from __future__ import annotations

import datetime

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import TaskState, VMState
from vpmem_harness.cloud.stub import requests
from vpmem_harness.cloud.stub.objects import Instance
from vpmem_harness.randomness import Randomness


class RequestsTest(testtools.TestCase):

    def instance(self, vm_state=VMState.ACTIVE, task_state=None, launched=True, host='host1'):
        now = datetime.datetime.now(datetime.UTC)
        return Instance(
            Randomness(1).uuid(), 1, 'server', Flavor('f', '1'), now, 'image',
            vm_state=vm_state, task_state=task_state, launched_at=now if launched else None,
            host=host)

    def refusal(self, request, **state):
        instance = self.instance(**state)
        error = self.assertRaises(
            errors.InstanceInvalidState, requests.check, instance, request)
        return str(error).replace(instance.uuid, 'ID'), error.status

    def test_the_error_of_a_wrong_state(self):
        """The error has the API's message and status."""
        self.assertEqual(
            ("Cannot 'start' instance ID while it is in vm_state active", 409),
            self.refusal('start'))

    def test_the_error_of_a_task_in_progress(self):
        """A request during another task is refused, and the error names the task."""
        self.assertEqual(
            ("Cannot 'stop' instance ID while it is in task_state rebooting", 409),
            self.refusal('stop', task_state=TaskState.REBOOTING))

    def test_live_migration_has_its_api_name(self):
        """The message has the action name of the request body."""
        self.assertEqual(
            "Cannot 'os-migrateLive' instance ID while it is in vm_state stopped",
            self.refusal('live-migration', vm_state=VMState.STOPPED)[0])

    def test_a_server_that_never_ran_is_refused_without_its_state(self):
        """The message of a server that never ran is Nova's, without a state."""
        self.assertEqual(
            "Instance ID is in an invalid state for 'stop'",
            self.refusal('stop', vm_state=VMState.ERROR, launched=False)[0])

    def test_a_server_without_a_host_is_not_ready(self):
        """A server without a host cannot be stopped or started in any state."""
        for request in ('stop', 'start'):
            error = self.assertRaises(
                errors.InstanceNotReady, requests.check,
                self.instance(VMState.SHELVED_OFFLOADED, host=None), request)
            self.assertEqual(409, error.status)

    def test_a_delete_is_always_accepted(self):
        """A delete is accepted during any task."""
        requests.check(
            self.instance(VMState.BUILDING, TaskState.SPAWNING, launched=False), 'delete')

    def test_a_hard_reboot_is_accepted_during_a_soft_one(self):
        """A hard reboot is accepted during a soft one, which may be hanging."""
        requests.check(self.instance(task_state=TaskState.REBOOT_STARTED), 'reboot:HARD')

    def test_a_confirm_needs_a_resize(self):
        """A confirm of an active server is refused."""
        self.refusal('confirmResize')
