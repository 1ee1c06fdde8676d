"""Translation of Nova's API errors into the harness's exceptions."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.nova import error_translation


class RefusalsTest(testtools.TestCase):

    def test_a_known_message(self) -> None:
        """A refusal becomes the exception of its message, with the message's fields."""
        refused = errors.InstanceInvalidState(
            action='stop', server_id='s1', attr='vm_state', state='error')
        answer = {'conflictingRequest': {'code': 409, 'message': str(refused)}}
        error = error_translation.of_request(409, answer)
        self.assertIsInstance(error, errors.InstanceInvalidState)
        self.assertEqual(str(refused), str(error))

    def test_an_unknown_message(self) -> None:
        """A refusal with an unknown message becomes the exception of its status."""
        error = error_translation.of_request(
            400, {'badRequest': {'code': 400, 'message': 'No, thanks.'}})
        self.assertEqual((errors.Invalid, 'No, thanks.'), (type(error), str(error)))

    def test_an_unknown_status(self) -> None:
        """A refusal with an unknown status keeps its status."""
        error = error_translation.of_request(413, {'overLimit': {'message': 'No.'}})
        self.assertEqual(413, error.status)

    def test_an_unknown_path(self) -> None:
        """A refusal that comes before any controller is translated too."""
        error = error_translation.of_request(404, {'message': 'Not found.', 'code': 404})
        self.assertEqual('Not found.', str(error))

    def test_the_reason_of_a_failed_start(self) -> None:
        """The reason of a failed service start keeps its class and its message."""
        error = error_translation.of_start(
            'PMEMNamespaceConfigInvalid: The PMEM namespace is not there')
        self.assertIsInstance(error, errors.PMEMNamespaceConfigInvalid)
        self.assertEqual('The PMEM namespace is not there', str(error))

    def test_a_reason_of_an_unknown_class(self) -> None:
        """A reason of an unknown class is shown with the name of its class."""
        self.assertEqual("KeyError: 'ns_0'", str(error_translation.of_start("KeyError: 'ns_0'")))
