"""Waiting names what it waits for, and says why it did not come."""

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
    """A backend with one server, whose states a test steps through."""

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
        """At once: the deadline would pass, or the reason read as if it were so already."""
        for status in ('active', 'REBOOT', 'GONE', ''):
            error = self.assertRaises(InvalidInputError, self.wait, status)
            self.assertIn('ACTIVE, ', error.expected)

    def later(self, step):
        """Do a step in another thread, which the wait must notice."""
        thread = threading.Thread(target=step)
        self.addCleanup(thread.join)
        thread.start()

    def test_a_state_that_is_there_is_not_waited_for(self):
        """It is returned at once."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', 'Success', None)])
        self.assertEqual('ACTIVE', self.wait('ACTIVE', 0).status)

    def test_a_change_ends_the_wait(self):
        """Without a look in between."""
        self.later(lambda: self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', 'Success', None)]))
        self.assertEqual('ACTIVE', self.wait('ACTIVE').status)

    def test_the_request_must_be_done(self):
        """The state alone may be that from before, or not the last."""
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
        """The message says why."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, fault=FAULT,
            events=[('build', 'Error', None)])
        error = self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE')
        self.assertIs(FAULT, error.fault)
        self.assertIn('No valid host was found.', str(error))

    def test_an_expected_error_waits_for_its_fault(self):
        """Nova shows ERROR before it has recorded why."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', None)])
        self.assertRaises(WaitTimeoutError, self.wait, 'ERROR', 0)
        self.backend.become(fault=FAULT)
        self.assertIs(FAULT, self.wait('ERROR', 0).fault)

    def test_an_error_without_fault_ends_the_wait_once_nothing_is_done(self):
        """Nova records none when a live migration fails, or when it finds a build interrupted."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', 'no: why')])
        self.later(self.backend.rest)
        self.assertIsNone(self.wait('ERROR').fault)
        error = self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE')
        self.assertEqual(('ERROR', 'no: why'), (error.status, error.reason))

    def test_a_request_that_its_service_has_died_at_ends_the_wait_for_an_error(self):
        """Its step has no end; the next run of the service has found the server."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', None, None)])
        self.backend.rest()
        self.assertEqual('ERROR', self.wait('ERROR', 0).status)

    def test_a_step_without_an_end_does_not_hold_up_a_server_that_is_there(self):
        """Once nothing is done to it; but such a request has not gone well."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('build', None, None)])
        self.backend.rest()
        self.assertEqual('ACTIVE', self.wait('ACTIVE', 0).status)
        self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE', 0, success=True)

    def test_an_error_without_fault_can_be_waited_for(self):
        """By those who know that it has none."""
        self.backend.become(
            vm_state=VMState.ERROR, task_state=None, events=[('build', 'Error', None)])
        self.assertIsNone(self.wait('ERROR', 0, fault=False).fault)

    def test_a_request_that_leads_elsewhere_is_told_with_its_reason(self):
        """A refused resize leaves the server as it was."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None,
            events=[('resize', 'Error', 'No valid host was found. no room')])
        error = self.assertRaises(UnexpectedStateError, self.wait, 'VERIFY_RESIZE')
        self.assertEqual('No valid host was found. no room', error.reason)

    def test_a_request_that_fails_where_it_began_is_told_if_asked(self):
        """A live migration leaves an active server active, wherever it is."""
        self.backend.become(
            vm_state=VMState.ACTIVE, task_state=None, events=[('migrate', 'Error', 'no')])
        self.assertRaises(UnexpectedStateError, self.wait, 'ACTIVE', success=True)
        self.assertEqual('ACTIVE', self.wait('ACTIVE').status)

    def test_gone_is_gone(self):
        """A deleted server ends the wait for it."""
        self.later(self.backend.vanish)
        self.assertIsNone(self.wait(DELETED))

    def test_gone_between_two_looks_is_gone(self):
        """A server that goes while it is asked whether anything is done to it has gone."""
        self.backend.become(vm_state=VMState.DELETED, task_state=None,
                            events=[('compute_terminate_instance', None, '')])
        self.backend.at_rest = lambda server: self.backend.vanish() or True
        self.assertIsNone(self.wait(DELETED))

    def test_a_server_that_vanishes_is_not_waited_for(self):
        """Another state than that will not come."""
        self.backend.vanish()
        self.assertRaises(errors.InstanceNotFound, self.wait, 'ACTIVE')

    def test_without_a_request_the_state_may_come_from_anywhere(self):
        """A wait for a state goes on while another one is there."""
        self.backend.become(vm_state=VMState.ACTIVE, task_state=None)
        self.assertRaises(WaitTimeoutError, self.wait, 'SHUTOFF', 0, None)
