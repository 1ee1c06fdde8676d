"""Waits for states of a server, and the errors of waits that fail."""

from __future__ import annotations

import dataclasses
import datetime
import threading

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import (
    Fault,
    InstanceAction,
    InstanceActionEvent,
    MigrationRecord,
    ServerRecord,
)
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.database import Database
from vpmem_harness.cloud.waiting import DELETED, UnexpectedStateError, Wait
from vpmem_harness.exceptions import InvalidInputError, WaitTimeoutError

FAULT = Fault('No valid host was found. ', 500, '', datetime.datetime.now(datetime.UTC))


class OneServer:
    """A backend with one server, whose states are set by a test."""

    def __init__(self):
        self.database = Database()
        self.record = ServerRecord(
            'id', 'server1', 'instance-00000001', VMState.BUILDING, TaskState.SCHEDULING,
            PowerState.NOSTATE, None, Flavor('f', '1'))
        self.events = ()
        self.moves = ()
        self.resting = False

    def rest(self):
        with self.database.lock:
            self.resting = True
            self.database.changed()

    def become(self, *, events=None, **changes):
        with self.database.lock:
            if self.record is not None:
                self.record = dataclasses.replace(self.record, **changes)
            if events is not None:
                self.events = tuple(
                    InstanceActionEvent(event, 'host1', result, details=details)
                    for event, result, details in events)
            self.database.changed()

    def vanish(self):
        with self.database.lock:
            self.record = None
            self.database.changed()

    def server(self, server):
        if self.record is None:
            raise errors.InstanceNotFound(instance_id=server)
        return self.record

    state = server

    def actions(self, server):
        return [InstanceAction('create', 'req', None, self.events)]

    def migrations(self, server):
        return self.moves

    def at_rest(self, server):
        return self.resting

    def wait_for(self, found, seconds):
        return self.database.wait_for(found, seconds)


class WaitTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.backend = OneServer()

    def wait(self, status, seconds=30, request_id='req', **options):
        return Wait(
            self.backend, 'id', 'server1', status, request_id, **options).run(seconds)

    def test_an_unreachable_status_is_refused(self):
        """A status that no server can have is refused immediately, not after the timeout."""
        for status in ('active', 'REBOOT', 'GONE', ''):
            error = self.assertRaises(InvalidInputError, self.wait, status)
            self.assertIn('ACTIVE, ', error.expected)

    def later(self, step):
        """Run a step in another thread during the wait."""
        thread = threading.Thread(target=step)
        self.addCleanup(thread.join)
        thread.start()

    def test_a_current_state_ends_the_wait(self):
        """The wait returns immediately if the server has the state."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', 'Success', None)])
        self.assertEqual('ACTIVE', self.wait('ACTIVE', 0).status)

    def test_a_change_ends_the_wait(self):
        """A change ends the wait without polling."""
        self.later(lambda: self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', 'Success', None)]))
        self.assertEqual('ACTIVE', self.wait('ACTIVE').status)

    def test_the_request_must_have_ended(self):
        """The wait continues during the request, since the state may be old or temporary."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', None, None)])
        self.assertRaises(WaitTimeoutError, self.wait, 'ACTIVE', 0)

    def test_the_timeout_error_lists_the_states(self):
        """The error of a timeout names the expected state, and the states and tasks seen."""
        error = self.assertRaises(WaitTimeoutError, self.wait, 'ACTIVE', 0)
        self.assertEqual(
            "waited 0 s for server 'server1' to be ACTIVE; seen: BUILD (scheduling)",
            str(error))

    def test_an_unexpected_error_is_raised_with_its_fault(self):
        """The message contains the reason of the error."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, fault=FAULT,
            events=[('build', 'Error', None)])
        error = self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE')
        self.assertIs(FAULT, error.fault)
        self.assertIn(' is ERROR, expected ACTIVE: No valid host was found; seen: ', str(error))

    def test_an_expected_error_waits_for_its_fault(self):
        """The wait continues until the fault is there, which Nova records after the status."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', None)])
        self.assertRaises(WaitTimeoutError, self.wait, 'ERROR', 0)
        self.backend.become(fault=FAULT)
        self.assertIs(FAULT, self.wait('ERROR', 0).fault)

    def test_an_error_without_fault_ends_the_wait_at_rest(self):
        """The wait ends at rest, because some errors of Nova have no fault."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', 'no: why')])
        self.later(self.backend.rest)
        self.assertIsNone(self.wait('ERROR').fault)
        error = self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE')
        self.assertEqual(('ERROR', 'no: why'), (error.status, error.reason))

    def test_a_request_of_a_killed_service_ends_the_wait_for_an_error(self):
        """The wait ends although the event of a request to a killed service never ends."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', None, None)])
        self.backend.rest()
        self.assertEqual('ERROR', self.wait('ERROR', 0).status)

    def test_an_unfinished_event_does_not_prolong_the_wait(self):
        """The wait ends when no service works on the server, but the request has not succeeded."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', None, None)])
        self.backend.rest()
        self.assertEqual('ACTIVE', self.wait('ACTIVE', 0).status)
        self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE', 0, success=True)

    def test_a_wait_for_an_error_without_fault(self):
        """``fault=False`` waits for a server in ERROR that has no fault."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', None)])
        self.assertIsNone(self.wait('ERROR', 0, fault=False).fault)

    def test_a_failed_request_raises_its_reason(self):
        """The reason of a failed resize is raised when the server is unchanged."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None,
            events=[('resize', 'Error', 'No valid host was found. no room')])
        error = self.assertRaises(UnexpectedStateError, self.wait, 'VERIFY_RESIZE')
        self.assertEqual('No valid host was found. no room', error.reason)

    def test_a_failed_request_in_the_expected_state_raises_its_reason(self):
        """The reason of a failed live migration is raised if the test asks for it."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('migrate', 'Error', 'no')])
        self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE', success=True)
        self.assertEqual('ACTIVE', self.wait('ACTIVE').status)

    def test_a_failed_migration_may_still_put_the_server_into_error(self):
        """A wait for success ends only when no service works on the server."""
        self.backend.moves = (MigrationRecord(
            'move', 'id', 'live-migration', 'failed', 'host1', 'host2'),)
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('migrate', 'Success', None)])

        def rest(server):
            self.backend.become(vm_state=VMState.ERROR, fault=FAULT)
            return True

        self.patch(self.backend, 'at_rest', rest)
        error = self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE', success=True)
        self.assertEqual('ERROR', error.status)

    def test_a_wait_for_a_deletion(self):
        """The wait ends when the server is deleted."""
        self.later(self.backend.vanish)
        self.assertIsNone(self.wait(DELETED))

    def test_a_deletion_between_two_reads(self):
        """A server deleted between two reads counts as deleted."""
        self.backend.become(vm_state=VMState.DELETED, task_state=None,
                            events=[('compute_terminate_instance', None, '')])
        self.backend.at_rest = lambda server: self.backend.vanish() or True
        self.assertIsNone(self.wait(DELETED))

    def test_the_deletion_of_a_server_ends_the_wait(self):
        """The wait for another state ends, because no other state will come."""
        self.backend.vanish()
        self.assertRaises(errors.InstanceNotFound, self.wait, 'ACTIVE')

    def test_a_wait_without_a_request(self):
        """The wait continues while the server has another state."""
        self.backend.become(vm_state=VMState.ACTIVE, task_state=None)
        self.assertRaises(WaitTimeoutError, self.wait, 'SHUTOFF', 0, None)
