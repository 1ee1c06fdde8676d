"""Shortest sequence that shows a disagreement: every step of it is necessary."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.functional.nova.agreement.pair import Disagreement, Pair
from tests.functional.nova.agreement.steps import Configuration, Script, Step
from vpmem_harness.exceptions import InvalidInputError


def without(steps: Sequence[Step], place: int) -> list[Step]:
    """Return the steps without one; without a boot, the requests to its server are removed too."""
    left = [*steps[:place], *steps[place + 1:]]
    if steps[place].verb != 'boot':
        return left
    gone = sum(step.verb == 'boot' for step in steps[:place])
    renumbered = []
    for step in left:
        server = step.number('server')
        if server is not None and server > gone:
            step = Step(step.verb, {**step.options, 'server': str(server - 1)})
        if server != gone:
            renumbered.append(step)
    return renumbered


def shortest(
    script: Script, make: Callable[[Configuration], Pair],
) -> tuple[Script, Disagreement] | None:
    """Remove unnecessary steps; return the shortest sequence and its disagreement.

    Return None if the whole sequence no longer shows a disagreement.
    """
    found = _disagreement(script, make)
    if found is None:
        return None
    place = len(script.steps) - 1
    while place >= 0:
        shorter = Script(script.configuration, without(script.steps, place))
        other = _disagreement(shorter, make)
        if other is not None:
            script, found = shorter, other
        place = min(place, len(script.steps)) - 1
    return script, found


def _disagreement(script: Script, make: Callable[[Configuration], Pair]) -> Disagreement | None:
    pair = make(script.configuration)
    try:
        for step in script.steps:
            pair.take(step)
        pair.clear()
    except Disagreement as error:
        return error
    except InvalidInputError:
        # It depends on a removed step, such as the stop before a start of a service.
        return None
    finally:
        pair.close()
    return None
