"""Comparison of sessions with checkpoints and with backups: simulated and recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import fixtures

from tests.conformance import backup_session, checkpoint_session
from tests.conformance.calls.world import Outcome, with_texts
from tests.conformance.recorded_sessions import GOLDEN, RecordedSessionTest
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import Hardware

#: Which of the two libvirt reports depends on the order of its threads.
_ENDED = re.compile('(process exited while connecting to|qemu unexpectedly closed the) monitor')


class CheckpointsTest(RecordedSessionTest):

    def _compare(self, name: str, run: Callable[[str, str], dict[str, Outcome]]) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        host = self.useFixture(HostFixture(
            hardware=Hardware.uniform(cells=1, cores=2, threads=1)))
        theirs, ours = (with_texts(outcomes, lambda text: _ENDED.sub('QEMU has ended', text))
                        for outcomes in (json.loads((GOLDEN / name).read_text()),
                                         run(host.uri, directory)))
        self.assertOutcomes(theirs, ours)

    def test_checkpoints(self):
        """Each step's outcome with checkpoints equals the recording of the QEMU driver."""
        self._compare('checkpoints.json', checkpoint_session.outcomes)

    def test_backups(self):
        """Each step's outcome with backups equals the recording of the QEMU driver."""
        self._compare('backups.json', backup_session.outcomes)
