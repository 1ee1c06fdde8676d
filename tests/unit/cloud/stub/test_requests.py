"""Which requests the API refuses, and how."""

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

    def test_a_state_that_does_not_allow_it_is_named(self):
        """With the API's message and its status."""
        self.assertEqual(
            ("Cannot 'start' instance ID while it is in vm_state active", 409),
            self.refusal('start'))

    def test_a_task_that_goes_on_is_named(self):
        """Nothing else is begun meanwhile."""
        self.assertEqual(
            ("Cannot 'stop' instance ID while it is in task_state rebooting", 409),
            self.refusal('stop', task_state=TaskState.REBOOTING))

    def test_live_migration_has_its_name_in_the_api(self):
        """The message shows the action of the request's body."""
        self.assertEqual(
            "Cannot 'os-migrateLive' instance ID while it is in vm_state stopped",
            self.refusal('live-migration', vm_state=VMState.STOPPED)[0])

    def test_a_server_that_never_ran_is_refused_without_a_state(self):
        """As Nova's message then is."""
        self.assertEqual(
            "Instance ID is in an invalid state for 'stop'",
            self.refusal('stop', vm_state=VMState.ERROR, launched=False)[0])

    def test_a_server_on_no_host_is_not_ready(self):
        """To be stopped or started, whatever its state is."""
        for request in ('stop', 'start'):
            error = self.assertRaises(
                errors.InstanceNotReady, requests.check,
                self.instance(VMState.SHELVED_OFFLOADED, host=None), request)
            self.assertEqual(409, error.status)

    def test_a_delete_is_always_taken(self):
        """Whatever goes on."""
        requests.check(
            self.instance(VMState.BUILDING, TaskState.SPAWNING, launched=False), 'delete')

    def test_a_hard_reboot_is_taken_during_a_soft_one(self):
        """It is what an operator does when the soft one hangs."""
        requests.check(self.instance(task_state=TaskState.REBOOT_STARTED), 'reboot:HARD')

    def test_a_resize_is_confirmed_once(self):
        """An active server has nothing to confirm."""
        self.refusal('confirmResize')
