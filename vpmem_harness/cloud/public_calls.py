"""Short tracebacks for the errors that a test is meant to read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from vpmem_harness.exceptions import HarnessError

P = ParamSpec('P')
R = TypeVar('R')


def short_traceback(method: Callable[P, R]) -> Callable[P, R]:
    """Leave the frames of the harness out of the traceback of a :class:`HarnessError`.

    What remains is the line of the test and the reason. pytest hides the frame of this decorator,
    and :class:`~vpmem_harness.testcase.VPMEMTestCase` removes it. Other errors are defects of the
    harness, and keep their frames.
    """
    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except HarnessError as error:
            # The context is what a service was handling when the wait ended.
            raise error.with_traceback(None) from error.__cause__

    return call
