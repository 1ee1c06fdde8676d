"""The page of the fault matrix matches the stub's behavior."""

from __future__ import annotations

import logging

import fixtures
import testtools

from tools import fault_matrix
from vpmem_harness.chaos.matrix import OPERATIONS


class FaultMatrixTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        # The services log the injected faults, which is expected.
        self.useFixture(fixtures.FakeLogger('vpmem_harness', level=logging.CRITICAL))

    def check(self, operation):
        """Run an operation with every fault, and compare its section of the page."""
        outcomes = fault_matrix.run([operation])
        self.assertEqual([], [outcome for outcome in outcomes if outcome.wrong])
        self.check_section(fault_matrix.section(operation, outcomes))

    def check_section(self, section):
        """Compare a section of the page."""
        title = section.partition('\n')[0]
        page = fault_matrix.PAGE.read_text()
        begin = page.index(f'\n{title}\n') + 1
        self.assertEqual(section, page[begin:begin + len(section)])


    def test_the_connection_between_the_hosts(self):
        """A live migration with a fault of the connection: no error, and the page's statuses."""
        outcomes = fault_matrix.run_connection()
        self.assertEqual([], [outcome for outcome in outcomes if outcome.wrong])
        self.check_section(fault_matrix.connection_section(outcomes))


def _add_tests() -> None:
    for operation in OPERATIONS:
        def test(self, name=operation.name):
            self.check(name)
        test.__doc__ = f'{operation.name.capitalize()}: no error, and the statuses of the page.'
        setattr(FaultMatrixTest, f'test_{operation.name.replace(" ", "_")}', test)


_add_tests()
