"""The base of the tests that start something, log something or write something.

Each of them runs under the two proofs that users are offered: nothing of it is left behind, and
nothing that identifies anybody stands in its log or its details. Tests of functions that do neither
have ``testtools.TestCase`` as their base, and so have those that leak on purpose or that test
the proofs themselves; each says why.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from typing import Any

import testtools

from vpmem_harness import conf, safelog, testcase
from vpmem_harness.fixtures import LogLeakCheck, NothingLeftFixture

#: What a process keeps once it has had it: Python's own source of randomness.
LASTING = ('/dev/urandom',)

#: Seconds in which what is about to end has ended, on a machine that is busy with something else.
GRACE = 60.0

#: Functions that end what tests share, called before a test that has to leave nothing.
ends: list[Callable[[], None]] = []

_settled = False


def settle() -> None:
    """Make what a process makes once and keeps, before the first test looks what is there.

    That is the parent of the Nova processes, where tests run on Nova. What has been loaded is
    taken out of the collector's sight: the proofs collect garbage before and after each test, and
    a hundred thousand objects of modules would take longer than the tests.
    """
    global _settled
    if _settled:
        return
    _settled = True
    if conf.load().backend == 'nova':
        # Only here: it needs Nova.
        from vpmem_harness.cloud.nova.processes import Zygote

        Zygote.shared()
    gc.collect()
    gc.freeze()


class TestCase(safelog.SafeDetails, testtools.TestCase):
    """A test that leaves nothing behind and gives nothing away.

    What it adds as a detail is redacted. ``self.leaks`` takes what else is to be looked at: see
    LogLeakCheck.
    """

    #: Whether the test has to leave nothing behind.
    leaves_nothing = True

    def run(self, result: Any = None) -> Any:
        """Run the test, and drop its attributes afterwards.

        :func:`settle` hides the tests from the collector. What they hold, hosts for example, would
        stay until the process ends, and each collection would take longer than the one before.
        """
        before = dict(vars(self))
        try:
            return super().run(result)
        finally:
            vars(self).clear()
            vars(self).update(before)

    def setUp(self) -> None:
        super().setUp()
        self._restore_ignored_signals()
        settle()
        if self.leaves_nothing:
            for end in ends:
                end()
        # First, so that they look last.
        self.leaks = self.useFixture(LogLeakCheck(self))
        if self.leaves_nothing:
            self.useFixture(NothingLeftFixture(GRACE, LASTING))

    def _restore_ignored_signals(self) -> None:
        """Let SIGINT and SIGHUP have an effect, here and in the programs that the test starts.

        Under nohup the test runner ignores SIGHUP, and in a background job of a script SIGINT.
        """
        for number, default in ((signal.SIGINT, signal.default_int_handler),
                                (signal.SIGHUP, signal.SIG_DFL)):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, default)
                self.addCleanup(signal.signal, number, signal.SIG_IGN)


class VPMEMTestCase(testcase.VPMEMTestCase, TestCase):
    """The base class that users have, under the same proofs."""
