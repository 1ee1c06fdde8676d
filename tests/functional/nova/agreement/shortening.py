"""The shortest sequence that shows a disagreement: no step of it can be left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.functional.nova.agreement.pair import Disagreement, Pair
from tests.functional.nova.agreement.steps import Configuration, Script, Step
from vpmem_harness.exceptions import InvalidInputError


def without(steps: Sequence[Step], place: int) -> list[Step]:
    """The steps but one; without a boot there is nothing to be asked of its server either."""
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
    """Leave out what can be; the shortest sequence and its disagreement.

    None when the sequence as it is does not show one any more.
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
        # It needs a step that was left out: a service is started that was not stopped.
        return None
    finally:
        pair.close()
    return None
