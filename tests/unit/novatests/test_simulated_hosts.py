"""The mixin for Nova's own test classes, where Nova need not be."""

from __future__ import annotations

import subprocess
import sys

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.novatests.simulated_hosts import SimulatedHostsMixin


class NovaMixinTest(testtools.TestCase):

    def test_it_imports_without_nova(self):
        """The module is there for everybody; only setting up a test asks for Nova."""
        program = ("import sys; sys.modules['nova'] = None\n"
                   'from vpmem_harness.novatests.simulated_hosts import SimulatedHostsMixin')
        done = subprocess.run([sys.executable, '-c', program], text=True, capture_output=True,
                              check=False)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_the_mixin_stands_first(self):
        """Behind Nova's base class nothing of it would be called."""
        class Intermediate(SimulatedHostsMixin):
            pass

        class Right(Intermediate, testtools.TestCase):
            pass

        error = self.assertRaises(
            InvalidInputError, type, 'Wrong', (testtools.TestCase, Intermediate), {})
        self.assertIn('bases of Wrong', str(error))
        self.assertTrue(issubclass(Right, SimulatedHostsMixin))

    def test_waits_are_for_a_driver_that_is_not_mocked(self):
        """Nova's five seconds are too few on a busy machine; who asks for more gets it."""
        class Helpers:
            def _wait_for_server_parameter(
                    self, server, expected_params, max_retries=10, api=None):
                return max_retries, api

        class Case(SimulatedHostsMixin, Helpers):
            pass

        self.assertEqual((60, 'x'), Case()._wait_for_server_parameter({}, {}, api='x'))
        self.assertEqual((90, 'x'), Case()._wait_for_server_parameter({}, {}, 90, 'x'))
