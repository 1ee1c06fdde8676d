"""Runs of random steps, and reduction of a failing run to a short script."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vpmem_harness.chaos import history
from vpmem_harness.chaos.runner import Runner
from vpmem_harness.chaos.steps import (
    ACTIONS,
    CALL_FAULTS,
    COMMAND_FAULTS,
    MIGRATION_FAULTS,
    Script,
    Step,
)
from vpmem_harness.randomness import Randomness

#: Default persistent memory of each host.
PMEM = 'SMALL:3x1GiB,LARGE:2x2GiB'

#: Labels of servers, including two labels of different classes.
LABELS = ('SMALL', 'SMALL', 'LARGE', 'SMALL,SMALL', 'LARGE,SMALL', '')

#: The fleet is made calm, and everything is checked, once per this many steps.
CALM_EVERY = 25

#: Maximum average number of servers per host; probability of a fault per step.
SERVERS_PER_HOST, FAULTS = 3, 0.2

#: Probability that the next step does not wait for a request; number of concurrent boots on one
#: host for the same namespaces in that case.
AT_ONCE, TOGETHER = 0.1, 3

#: Time limit for the reduction of a script, in seconds.
SHRINKING = 60.0

_EVENTS = {'kill': 6, 'stop-service': 2, 'start-service': 12, 'restart-service': 4,
           'restart-machine': 3, 'restart-daemon': 4, 'lose-domains': 2, 'bad': 2, 'look': 6,
           'release': 6}


@dataclass(frozen=True)
class Result:
    """The result of a run: its steps, and the violations after the last one."""

    script: Script
    wrong: Sequence[str]


class Planner:
    """Draws the next step; most steps make sense in the state of the fleet."""

    def __init__(
        self, randomness: Randomness, runner: Runner, at_once: float = AT_ONCE,
    ) -> None:
        self._randomness = randomness
        self._at_once = at_once
        self._runner = runner
        self._drawn = 0
        self._together: list[dict[str, str]] = []

    def next(self) -> Step:
        """Draw the next step."""
        random, runner = self._randomness, self._runner
        self._drawn += 1
        if self._drawn % CALM_EVERY == 0:
            return Step('calm')
        if self._together:
            return self._numbered(self._together.pop())
        there = {number: status for number, status in runner.statuses().items()
                 if number not in runner.busy}
        if random.chance(0.12):
            return self._event()
        room = len(runner.hosts) * SERVERS_PER_HOST
        if not there or (len(there) < room and random.chance(0.3)):
            return self._boot()
        number = random.choice(sorted(there))
        fitting = history.FITS.get(there[number], ACTIONS)
        if self._is_lost(number) and random.chance(0.5):
            fitting = ('evacuate',)
        verb = random.choice(fitting if random.chance(0.9) else ACTIONS)
        options = {'server': str(number)}
        if verb == 'resize':
            options |= {'labels': random.choice(LABELS)}
        elif verb in ('migrate', 'live-migrate', 'unshelve', 'evacuate'):
            options |= self._where()
        if random.chance(self._at_once):
            return Step(verb, {**options, 'at-once': 'yes'})
        return self._with_fault(Step(verb, options))

    def _event(self) -> Step:
        """Draw an event, mostly for a host where it matters: a service that is down, or a hang."""
        random, runner = self._randomness, self._runner
        verb = random.weighted(_EVENTS)
        likely = runner.down() if verb == 'start-service' else runner.hanging()
        if likely and random.chance(0.7):
            return Step(verb, {'host': str(random.choice(likely))})
        return Step(verb, {'host': self._host()})

    def _is_lost(self, number: int) -> bool:
        """Whether the service of a server's host is down."""
        runner = self._runner
        host = runner.servers[number].host
        return host is not None and not runner.cloud.compute(host).is_up

    def _boot(self) -> Step:
        random = self._randomness
        options = {'labels': random.choice(LABELS), **self._where()}
        if not random.chance(self._at_once):
            return self._with_fault(self._numbered(options))
        options |= {'host': self._host(), 'at-once': 'yes'}
        self._together = [options] * (TOGETHER - 1)
        return self._numbered(options)

    def _numbered(self, options: dict[str, str]) -> Step:
        return Step('boot', {'server': str(self._runner.booted), **options})

    def _host(self) -> str:
        return str(self._randomness.below(len(self._runner.hosts)))

    def _where(self) -> dict[str, str]:
        return {'host': self._host()} if self._randomness.chance(0.3) else {}

    def _with_fault(self, step: Step) -> Step:
        random = self._randomness
        if not random.chance(FAULTS):
            return step
        number = step.number('server')
        on = self._host()
        if number in self._runner.servers and random.chance(0.7):
            home = self._runner.servers[number].host
            on = next((str(at) for at, host in enumerate(self._runner.hosts)
                       if host.name == home), on)
        fault = random.choice((*CALL_FAULTS, *CALL_FAULTS, *COMMAND_FAULTS))
        if step.verb == 'live-migrate' and random.chance(0.5):
            fault = random.choice(MIGRATION_FAULTS)
        return Step(step.verb, {**step.options, 'fault': fault, 'on': on,
                                'at': str(random.below(12))})


def run(hosts: int, steps: int, seed: int, *, pmem: str = PMEM, at_once: float = AT_ONCE,
        progress: Callable[[int], object] = lambda done: None) -> Result:
    """Take random steps until an invariant is violated or the number is reached.

    :param at_once: probability that a request is not waited for. With 0, a seed always draws the
        same steps; otherwise the steps also depend on the scheduling of threads.
    :param progress: called with the number of steps after each.
    """
    script = Script(hosts, pmem, seed, ())
    taken: list[str] = []       # as lines, which take a quarter of the memory of steps
    wrong: Sequence[str] = ()
    with Runner(script) as runner:
        planner = Planner(Randomness(seed).derive('steps'), runner, at_once)
        for done in range(1, steps + 1):
            step = planner.next() if done < steps else Step('calm')
            taken.append(str(step))
            wrong = runner.play(step)
            if wrong:
                break
            progress(done)
    return Result(script.with_steps(map(Step.parse, taken)), wrong)


def replay(script: Script) -> Result:
    """Take the steps of a script until a violation, and make the fleet calm at the end."""
    taken: list[Step] = []
    with Runner(script) as runner:
        for step in (*script.steps, Step('calm')):
            taken.append(step)
            wrong = runner.play(step)
            if wrong:
                return Result(script.with_steps(taken), wrong)
    return Result(script, [])


def kind(wrong: Sequence[str]) -> str:
    """Return the kind of a violation: its first sentence without values that vary."""
    words = wrong[0].removeprefix('when calm: ').split() if wrong else []
    return ' '.join([word for word in words if word.isalpha()][:5])


def ending(steps: Sequence[Step], window: int) -> list[Step]:
    """Return the last ``window`` steps, preceded by the boots of their servers."""
    last = list(steps[-window:])
    asked = {step.options.get('server') for step in last}
    return [*(step for step in steps[:-window]
              if step.verb == 'boot' and step.options['server'] in asked), *last]


def shrink(result: Result, seconds: float = SHRINKING, *,
           progress: Callable[[int], object] = lambda left: None) -> Result:
    """Remove steps from a failing script as long as it fails in the same way.

    :param seconds: time limit.
    :param progress: called with the number of remaining steps.
    """
    deadline, sought = time.monotonic() + seconds, kind(result.wrong)
    best = result

    def fails_with(steps: Sequence[Step]) -> None:
        nonlocal best
        if len(steps) < len(best.script.steps):
            found = replay(best.script.with_steps(steps))
            if kind(found.wrong) == sought:
                best = found
                progress(len(best.script.steps))

    # The cause is usually among the last steps.
    window = CALM_EVERY
    while window < len(result.script.steps) and best is result and time.monotonic() < deadline:
        fails_with(ending(result.script.steps, window))
        window *= 2
    servers = sorted({step.options.get('server', '') for step in best.script.steps} - {''})
    size = len(servers)
    while size and time.monotonic() < deadline:
        for at in range(0, len(servers), size):
            some = servers[at:at + size]
            if time.monotonic() < deadline:
                fails_with([step for step in best.script.steps
                               if step.options.get('server') not in some])
        size //= 2
    size = len(best.script.steps)
    while size and time.monotonic() < deadline:
        at = len(best.script.steps) - size
        while at > -size and time.monotonic() < deadline:
            steps = best.script.steps
            fails_with([*steps[:max(at, 0)], *steps[max(at + size, 0):]])
            at = min(at, len(best.script.steps)) - size
        size //= 2
    return best
