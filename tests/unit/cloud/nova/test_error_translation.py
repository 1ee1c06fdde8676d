"""What Nova's API refuses, as an error of the harness."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.nova import error_translation


class RefusalsTest(testtools.TestCase):

    def test_a_message_is_taken_apart(self) -> None:
        """A refusal becomes the class whose message it is, with the message's fields."""
        refused = errors.InstanceInvalidState(
            action='stop', server_id='s1', attr='vm_state', state='error')
        answer = {'conflictingRequest': {'code': 409, 'message': str(refused)}}
        error = error_translation.of_request(409, answer)
        self.assertIsInstance(error, errors.InstanceInvalidState)
        self.assertEqual(str(refused), str(error))

    def test_a_message_that_is_not_known(self) -> None:
        """A refusal with a message of its own becomes the class of its status."""
        error = error_translation.of_request(
            400, {'badRequest': {'code': 400, 'message': 'No, thanks.'}})
        self.assertEqual((errors.Invalid, 'No, thanks.'), (type(error), str(error)))

    def test_a_status_that_is_not_known(self) -> None:
        """A refusal without a class of its own keeps its status."""
        error = error_translation.of_request(413, {'overLimit': {'message': 'No.'}})
        self.assertEqual(413, error.status)

    def test_a_path_that_is_not_there(self) -> None:
        """What is refused before a controller is asked is told as well."""
        error = error_translation.of_request(404, {'message': 'Not found.', 'code': 404})
        self.assertEqual('Not found.', str(error))

    def test_why_a_compute_does_not_start(self) -> None:
        """The reason of a service that does not start keeps its class and its words."""
        error = error_translation.of_start(
            'PMEMNamespaceConfigInvalid: The PMEM namespace is not there')
        self.assertIsInstance(error, errors.PMEMNamespaceConfigInvalid)
        self.assertEqual('The PMEM namespace is not there', str(error))

    def test_a_reason_of_an_unknown_class(self) -> None:
        """Any other reason is told with the name of its class."""
        self.assertEqual("KeyError: 'ns_0'", str(error_translation.of_start("KeyError: 'ns_0'")))
