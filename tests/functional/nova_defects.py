"""Decorator for tests that real Nova fails because of a known defect."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from testtools.matchers import MatchesRegex

from vpmem_harness import conf, findings


def defect_of_nova(
    name: str, raises: type[Exception], message: str,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a test that Nova fails because of a finding, with the expected failure.

    The stub behaves as Nova is meant to, and passes.

    :param name: the name of the finding.
    :param raises: the exact class of the exception that the test raises on Nova.
    :param message: a regular expression for the whole message.
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
