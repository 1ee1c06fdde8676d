"""No arguments make the daemon fail, or corrupt the host for another client."""

from __future__ import annotations

import logging

from tests import base
from tests.functional.libvirtd.argument_fuzzer import Fuzzer
from vpmem_harness.fixtures.seeds import TestSeed

CALLS = 1500


class ArgumentsTest(base.TestCase):

    def test_any_arguments(self) -> None:
        """Every call gets a result or an error of libvirt, and every domain stays intact."""
        fuzzer = Fuzzer(self.useFixture(TestSeed()).randomness.derive('arguments'))
        logger = logging.getLogger('vpmem_harness.libvirtd.dispatch')
        logger.addHandler(fuzzer)
        self.addCleanup(logger.removeHandler, fuzzer)
        fuzzer.run(CALLS)
        self.assertEqual([], fuzzer.failures)
        self.assertGreater(len(fuzzer.succeeded), 50)
