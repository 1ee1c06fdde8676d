"""Waits name the state that they wait for, and the reason of a failure."""

from __future__ import annotations

import dataclasses
import datetime
import threading

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import Fault, InstanceAction, InstanceActionEvent, ServerRecord
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import PowerState, TaskState, VMState
from vpmem_harness.cloud.stub.database import Database
from vpmem_harness.cloud.waiting import DELETED, UnexpectedStateError, Wait
from vpmem_harness.exceptions import InvalidInputError, WaitTimeoutError

FAULT = Fault('No valid host was found. ', 500, '', datetime.datetime.now(datetime.UTC))


class OneServer:
    """A backend with one server whose states a test steps through."""

    def __init__(self):
        self.database = Database()
        self.record = ServerRecord(
            'id', 'server1', 'instance-00000001', VMState.BUILDING, TaskState.SCHEDULING,
            PowerState.NOSTATE, None, Flavor('f', '1'))
        self.events = ()
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

    def actions(self, server):
        return [InstanceAction('create', 'req', None, self.events)]

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

    def test_what_no_server_comes_to_is_refused(self):
        """It is rejected at once, instead of after the timeout."""
        for status in ('active', 'REBOOT', 'GONE', ''):
            error = self.assertRaises(InvalidInputError, self.wait, status)
            self.assertIn('ACTIVE, ', error.expected)

    def later(self, step):
        """Do a step in another thread, which the wait must notice."""
        thread = threading.Thread(target=step)
        self.addCleanup(thread.join)
        thread.start()

    def test_a_state_that_is_there_is_not_waited_for(self):
        """The server is returned at once."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', 'Success', None)])
        self.assertEqual('ACTIVE', self.wait('ACTIVE', 0).status)

    def test_a_change_ends_the_wait(self):
        """No polling is needed."""
        self.later(lambda: self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', 'Success', None)]))
        self.assertEqual('ACTIVE', self.wait('ACTIVE').status)

    def test_the_request_must_be_done(self):
        """The state alone may be from before the request, or not final."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', None, None)])
        self.assertRaises(WaitTimeoutError, self.wait, 'ACTIVE', 0)

    def test_the_deadline_names_the_state_and_what_came_instead(self):
        """Oldest first, with the task."""
        error = self.assertRaises(WaitTimeoutError, self.wait, 'ACTIVE', 0)
        self.assertEqual(
            "waited 0 s for server 'server1' to be ACTIVE; seen: BUILD (scheduling)",
            str(error))

    def test_an_unexpected_error_is_raised_with_its_fault(self):
        """The message has the reason."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, fault=FAULT,
            events=[('build', 'Error', None)])
        error = self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE')
        self.assertIs(FAULT, error.fault)
        self.assertIn('No valid host was found.', str(error))

    def test_an_expected_error_waits_for_its_fault(self):
        """Nova shows ERROR before it records the fault."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', None)])
        self.assertRaises(WaitTimeoutError, self.wait, 'ERROR', 0)
        self.backend.become(fault=FAULT)
        self.assertIs(FAULT, self.wait('ERROR', 0).fault)

    def test_an_error_without_fault_ends_the_wait_once_nothing_is_done(self):
        """Nova records none for a failed live migration or an interrupted build."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', 'no: why')])
        self.later(self.backend.rest)
        self.assertIsNone(self.wait('ERROR').fault)
        error = self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE')
        self.assertEqual(('ERROR', 'no: why'), (error.status, error.reason))

    def test_a_request_that_its_service_has_died_at_ends_the_wait_for_an_error(self):
        """The event never ends; the next start of the service has dealt with the server."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', None, None)])
        self.backend.rest()
        self.assertEqual('ERROR', self.wait('ERROR', 0).status)

    def test_a_step_without_an_end_does_not_hold_up_a_server_that_is_there(self):
        """It ends when no service works on the server; the request does not count as a success."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', None, None)])
        self.backend.rest()
        self.assertEqual('ACTIVE', self.wait('ACTIVE', 0).status)
        self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE', 0, success=True)

    def test_an_error_without_fault_can_be_waited_for(self):
        """With ``fault=False`` for a server that has none."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', None)])
        self.assertIsNone(self.wait('ERROR', 0, fault=False).fault)

    def test_a_request_that_leads_elsewhere_is_told_with_its_reason(self):
        """A rejected resize leaves the server unchanged."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None,
            events=[('resize', 'Error', 'No valid host was found. no room')])
        error = self.assertRaises(UnexpectedStateError, self.wait, 'VERIFY_RESIZE')
        self.assertEqual('No valid host was found. no room', error.reason)

    def test_a_request_that_fails_where_it_began_is_told_if_asked(self):
        """A failed live migration leaves an active server active."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('migrate', 'Error', 'no')])
        self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE', success=True)
        self.assertEqual('ACTIVE', self.wait('ACTIVE').status)

    def test_gone_is_gone(self):
        """The wait ends when the server is deleted."""
        self.later(self.backend.vanish)
        self.assertIsNone(self.wait(DELETED))

    def test_gone_between_two_looks_is_gone(self):
        """A server that is deleted between two reads is deleted."""
        self.backend.become(vm_state=VMState.DELETED, task_state=None,
                            events=[('compute_terminate_instance', None, '')])
        self.backend.at_rest = lambda server: self.backend.vanish() or True
        self.assertIsNone(self.wait(DELETED))

    def test_a_server_that_vanishes_is_not_waited_for(self):
        """The wait ends, since no other state will come."""
        self.backend.vanish()
        self.assertRaises(errors.InstanceNotFound, self.wait, 'ACTIVE')

    def test_without_a_request_the_state_may_come_from_anywhere(self):
        """The wait continues while the server has another state."""
        self.backend.become(vm_state=VMState.ACTIVE, task_state=None)
        self.assertRaises(WaitTimeoutError, self.wait, 'SHUTOFF', 0, None)
