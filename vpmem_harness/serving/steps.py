"""Sequences of calls that must not block the event loop, written as generators."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from vpmem_harness.serving.deferred import Deferred

#: A generator that yields a ``Deferred`` for each call that it waits for.
Steps = Generator[Deferred, Any, Any]


def run_steps(steps: Steps) -> Deferred:
    """Run a generator; each ``yield`` returns the result of a ``Deferred``, or raises its error.

    The generator continues in the thread that completes the ``Deferred``. The result is what the
    generator returns or raises.
    """
    result = Deferred()

    def go_on(done: Deferred | None) -> None:
        try:
            if done is None:
                waited_for = next(steps)
            else:
                try:
                    value = done.result()
                except Exception as error:
                    waited_for = steps.throw(error)
                else:
                    waited_for = steps.send(value)
        except StopIteration as end:
            result.resolve(end.value)
        except Exception as error:
            result.fail(error)
        else:
            waited_for.when_done(go_on)

    go_on(None)
    return result
