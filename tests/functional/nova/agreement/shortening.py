"""Shortest sequence that shows a disagreement: every step and fault of it is necessary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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


def _shorter(steps: Sequence[Step], place: int) -> Iterator[list[Step]]:
    """Yield the steps without one, and with that one but without its fault."""
    yield without(steps, place)
    step = steps[place]
    if 'fault' in step.options:
        options = {name: value for name, value in step.options.items() if name != 'fault'}
        yield [*steps[:place], Step(step.verb, options), *steps[place + 1:]]


def shortest(
    script: Script, make: Callable[[Configuration], Pair],
) -> tuple[Script, Disagreement] | None:
    """Remove unnecessary steps and faults; return the shortest sequence and its disagreement.

    Return None if the whole sequence no longer shows a disagreement.
    """
    found = _disagreement(script, make)
    if found is None:
        return None
    place = len(script.steps) - 1
    while place >= 0:
        for steps in _shorter(script.steps, place):
            shorter = Script(script.configuration, steps)
            other = _disagreement(shorter, make)
            if other is not None:
                script, found = shorter, other
                break
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
