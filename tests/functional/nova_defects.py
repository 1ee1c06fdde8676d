"""Tests that real Nova does not pass, because of a defect that stands among the findings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from testtools.matchers import MatchesRegex

from vpmem_harness import conf, findings


def defect_of_nova(
    name: str, raises: type[Exception], message: str,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a test that Nova fails for a finding, and say how: there it fails in that way or not.

    The stub does what Nova means to do, and passes.

    :param name: of the finding.
    :param raises: the class of what the test raises on Nova, and no subclass of it.
    :param message: a regular expression for the whole of its text.
    """
    if name not in [finding.name for finding in findings.FINDINGS]:
        raise ValueError(f'{name} is not among the findings')

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def run(case: Any) -> None:
            if conf.load().backend != 'nova':
                test(case)
                return
            try:
                test(case)
            except raises as error:
                if type(error) is not raises:
                    raise
                case.assertThat(
                    str(error), MatchesRegex(rf'(?:{message})\Z'), f'how Nova has {name}')
            else:
                case.fail(f'this Nova passes: it no longer has {name}')
        return run
    return decorate
