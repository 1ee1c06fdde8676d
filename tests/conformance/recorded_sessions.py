"""Comparison of a session with libvirt: simulated and recorded."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import fixtures
import libvirt
from testtools.content import text_content

from tests import base

GOLDEN = pathlib.Path(__file__).parents[1] / 'golden/libvirt'


class RecordedSessionTest(base.TestCase):
    """A test case without the messages of libvirt's client."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def assertOutcomes(self, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        """Check that each step has the outcome of the real driver, and that nothing failed here.

        :param theirs: the outcomes of the real driver by step, as JSON has them.
        :param ours: the outcomes of the simulated host by step.
        """
        ours = json.loads(json.dumps(ours))
        different = {step: (outcome, ours.get(step)) for step, outcome in theirs.items()
                     if outcome != ours.get(step)}
        self.addDetail('different', text_content(json.dumps(different, indent=1)))
        self.assertEqual({}, different)
        self.assertEqual(len(theirs), len(ours))
        self.assertNotIn('Traceback', self.log.output)
