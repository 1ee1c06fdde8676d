"""A run of random steps, and how one that fails becomes a short script."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vpmem_harness.chaos import history
from vpmem_harness.chaos.runner import Player
from vpmem_harness.chaos.steps import ACTIONS, CALL_FAULTS, COMMAND_FAULTS, Script, Step
from vpmem_harness.randomness import Randomness

#: What each host has unless a run says otherwise.
PMEM = 'SMALL:3x1GiB,LARGE:2x2GiB'

#: Labels of servers: those that fit, and one that asks for two classes.
LABELS = ('SMALL', 'SMALL', 'LARGE', 'SMALL,SMALL', 'LARGE,SMALL', '')

#: How often the fleet is calmed, and everything is looked at: once in so many steps.
CALM_EVERY = 25

#: The most servers that a host has on average, and how often a step meets a fault.
SERVERS_PER_HOST, FAULTS = 3, 0.2

#: How often a request is not waited for before the next step, and how many boots come together
#: when the first of them is not: to one host, for the same namespaces.
AT_ONCE, TOGETHER = 0.1, 3

#: Seconds in which a script is shortened.
SHRINKING = 60.0

_EVENTS = {'kill': 6, 'stop-service': 2, 'start-service': 12, 'restart-service': 4,
           'restart-machine': 3, 'restart-daemon': 4, 'lose-domains': 2, 'bad': 2, 'look': 6,
           'release': 6}


@dataclass(frozen=True)
class Result:
    """What a run has found: the steps that it took, and what was wrong after the last."""

    script: Script
    wrong: Sequence[str]


class Planner:
    """Draws the next step: most that make sense in the state of the fleet, some that do not."""

    def __init__(
        self, randomness: Randomness, player: Player, at_once: float = AT_ONCE,
    ) -> None:
        self._randomness = randomness
        self._at_once = at_once
        self._player = player
        self._drawn = 0
        self._together: list[dict[str, str]] = []

    def next(self) -> Step:
        """The next step."""
        random, player = self._randomness, self._player
        self._drawn += 1
        if self._drawn % CALM_EVERY == 0:
            return Step('calm')
        if self._together:
            return self._numbered(self._together.pop())
        there = {number: status for number, status in player.statuses().items()
                 if number not in player.busy}
        if random.chance(0.12):
            return self._event()
        room = len(player.hosts) * SERVERS_PER_HOST
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
        """Mostly where it matters: a start where a service is down, the rest where calls hang."""
        random, player = self._randomness, self._player
        verb = random.weighted(_EVENTS)
        likely = player.down() if verb == 'start-service' else player.hanging()
        if likely and random.chance(0.7):
            return Step(verb, {'host': str(random.choice(likely))})
        return Step(verb, {'host': self._host()})

    def _is_lost(self, number: int) -> bool:
        """Whether the service of a server's host is down."""
        player = self._player
        host = player.servers[number].host
        return host is not None and not player.cloud.compute(host).is_up

    def _boot(self) -> Step:
        random = self._randomness
        options = {'labels': random.choice(LABELS), **self._where()}
        if not random.chance(self._at_once):
            return self._with_fault(self._numbered(options))
        options |= {'host': self._host(), 'at-once': 'yes'}
        self._together = [options] * (TOGETHER - 1)
        return self._numbered(options)

    def _numbered(self, options: dict[str, str]) -> Step:
        return Step('boot', {'server': str(self._player.booted), **options})

    def _host(self) -> str:
        return str(self._randomness.below(len(self._player.hosts)))

    def _where(self) -> dict[str, str]:
        return {'host': self._host()} if self._randomness.chance(0.3) else {}

    def _with_fault(self, step: Step) -> Step:
        random = self._randomness
        if not random.chance(FAULTS):
            return step
        number = step.number('server')
        on = self._host()
        if number in self._player.servers and random.chance(0.7):
            home = self._player.servers[number].host
            on = next((str(at) for at, host in enumerate(self._player.hosts)
                       if host.name == home), on)
        fault = random.choice((*CALL_FAULTS, *CALL_FAULTS, *COMMAND_FAULTS))
        return Step(step.verb, {**step.options, 'fault': fault, 'on': on,
                                'at': str(random.below(12))})


def run(hosts: int, steps: int, seed: int, *, pmem: str = PMEM, at_once: float = AT_ONCE,
        progress: Callable[[int], object] = lambda done: None) -> Result:
    """Take random steps until something is wrong, or there have been enough.

    :param at_once: how often a request is not waited for. With none a seed draws the same steps
        each time; otherwise it does as long as threads take the same turns.
    :param progress: called with the number of steps after each.
    """
    script = Script(hosts, pmem, seed, ())
    taken: list[str] = []       # as lines, which take a quarter of the room of steps
    wrong: Sequence[str] = ()
    with Player(script) as player:
        planner = Planner(Randomness(seed).derive('steps'), player, at_once)
        for done in range(1, steps + 1):
            step = planner.next() if done < steps else Step('calm')
            taken.append(str(step))
            wrong = player.play(step)
            if wrong:
                break
            progress(done)
    return Result(script.with_steps(map(Step.parse, taken)), wrong)


def replay(script: Script) -> Result:
    """Take the steps of a script, as far as nothing is wrong, and be calm at the end."""
    taken: list[Step] = []
    with Player(script) as player:
        for step in (*script.steps, Step('calm')):
            taken.append(step)
            wrong = player.play(step)
            if wrong:
                return Result(script.with_steps(taken), wrong)
    return Result(script, [])


def kind(wrong: Sequence[str]) -> str:
    """What kind of thing is wrong: the first sentence, without what differs from run to run."""
    words = wrong[0].removeprefix('when calm: ').split() if wrong else []
    return ' '.join([word for word in words if word.isalpha()][:5])


def ending(steps: Sequence[Step], window: int) -> list[Step]:
    """The last ``window`` steps, and before them the boots of the servers that they ask."""
    last = list(steps[-window:])
    asked = {step.options.get('server') for step in last}
    return [*(step for step in steps[:-window]
              if step.verb == 'boot' and step.options['server'] in asked), *last]


def shrink(result: Result, seconds: float = SHRINKING, *,
           progress: Callable[[int], object] = lambda left: None) -> Result:
    """Leave out of a failing run's script what it fails in the same way without.

    :param seconds: what has been reached after so long is the result.
    :param progress: called with the number of steps that are left.
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

    # What has gone wrong has mostly begun a little before.
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
