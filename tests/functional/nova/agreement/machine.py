"""Random sequences of steps: what is asked next depends on the states that the servers are in."""

from __future__ import annotations

import collections
import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.functional.nova.agreement.pair import Disagreement, Pair
from tests.functional.nova.agreement.shortening import shortest
from tests.functional.nova.agreement.steps import (
    ACTIONS,
    CONFIGURATIONS,
    DISKS,
    FAULTS,
    FITS,
    FITS_DESTINATION_DOWN,
    FITS_DOWN,
    FITS_SOURCE_DOWN,
    FITS_WAITING,
    HOSTS,
    LABELS,
    NOT_AFTER_FAILED_MOVE,
    SERVICE,
    WAITS,
    Configuration,
    Script,
    Step,
)

#: Operations in a sequence, and the most servers.
LENGTH = 10
SERVERS = 4

_MOVES = ('resize', 'migrate', 'confirm', 'revert', 'live-migrate', 'evacuate', 'unshelve')
_LABELS = st.sampled_from(LABELS)
_DISKS = st.sampled_from(DISKS)
_HOSTS = st.integers(0, HOSTS - 1)
_WHERE = st.none() | _HOSTS
#: Whether a step is taken under a fault: one in six of those for which there is one.
_FAULTY = st.sampled_from((False,) * 5 + (True,))


class Pairs:
    """The pairs of clouds that sequences run on, one for each configuration.

    A pair serves many sequences, for it is empty after each, which is part of what they agree on;
    after a disagreement the next sequence has a fresh one.

    :param make: makes a pair from a configuration and the seed.
    """

    def __init__(self, seed: int, make: Callable[[Configuration, int], Pair] = Pair) -> None:
        self._seed = seed
        self._make = make
        self._pairs: dict[Configuration, Pair] = {}

    def take(self, configuration: Configuration) -> Pair:
        """A pair with nothing on it."""
        pair = self._pairs.pop(configuration, None)
        return pair or self.make(configuration)

    def make(self, configuration: Configuration) -> Pair:
        """A fresh pair."""
        return self._make(configuration, self._seed)

    def give_back(self, pair: Pair) -> None:
        """Keep a pair that is empty again."""
        self._pairs[pair.configuration] = pair

    def close(self) -> None:
        """End every pair."""
        while self._pairs:
            self._pairs.popitem()[1].close()


class Agreement(RuleBasedStateMachine):
    """Two clouds that are asked for the same; ``pairs`` is to be set for a run.

    What happened in the last sequence is in ``steps``, its last disagreement among them.
    """

    pairs: ClassVar[Pairs]
    steps: ClassVar[list[Step]] = []
    finished: ClassVar[set[str]] = set()
    explained: ClassVar[list[str]] = []
    #: How often each operation was done, and how often it was refused or failed, on both.
    done: ClassVar[collections.Counter[str]] = collections.Counter()
    failed: ClassVar[collections.Counter[str]] = collections.Counter()
    configuration: ClassVar[Configuration]
    #: Whether some of the steps are taken under faults.
    faults: ClassVar[bool] = True
    #: Called after each sequence that has agreed.
    progress: ClassVar[Callable[[], object]]

    def __init__(self) -> None:
        super().__init__()
        self._pair: Pair | None = None
        type(self).steps = []

    @initialize(configuration=st.sampled_from(CONFIGURATIONS), labels=_LABELS)
    def start(self, configuration: Configuration, labels: str) -> None:
        """Boot the first server."""
        Agreement.configuration = configuration
        self._pair = self.pairs.take(configuration)
        self._take('boot', labels=labels, host=0)

    @property
    def pair(self) -> Pair:
        assert self._pair is not None
        return self._pair

    def _take(self, verb: str, **options: object) -> None:
        step = Step(verb, {name: str(value) for name, value in options.items()
                           if value is not None})
        self.steps.append(step)
        try:
            self.pair.take(step)
        except BaseException:
            self.pair.close()
            self._pair = None
            raise
        (self.done if self.pair.seen['outcome'] == 'done' else self.failed)[verb] += 1

    def _servers(self, *verbs: str) -> Iterator[tuple[int, str]]:
        """The servers that something can be asked of now, and what."""
        for number, status in self.pair.statuses().items():
            fits = self._fits_down(number, status)
            if fits is None:
                fits = FITS.get(status, ('delete',))
            for verb in fits:
                if (not verbs or verb in verbs) and self._may(number, verb):
                    yield number, verb

    def _may(self, number: int, verb: str) -> bool:
        """Whether there is nothing that Nova does wrong then and that cannot be made good."""
        return verb not in NOT_AFTER_FAILED_MOVE or not self.pair.move_failed(number)

    def _fits_down(self, number: int, status: str) -> tuple[str, ...] | None:
        """What is asked of a server that a service is needed for that is down; None of others."""
        task = self.pair.task_of(number)
        if task is not None:
            return FITS_WAITING.get(str(task), ('delete',))
        here = self.pair.host_of(number) in self.pair.down
        if status != 'VERIFY_RESIZE':
            return (*FITS_DOWN, *WAITS.get(status, ())) if here else None
        if self.pair.source_of(number) in self.pair.down:
            return FITS_SOURCE_DOWN
        return FITS_DESTINATION_DOWN if here else None

    def _free(self) -> list[int]:
        """The servers for which no service is needed that is down."""
        return [number for number, status in self.pair.statuses().items()
                if self._fits_down(number, status) is None]

    def _kinds(self) -> list[str]:
        """The kinds of steps that there can be now, each as often as it is to be drawn.

        The start of a compute service takes as long as five other steps.
        """
        kinds = ['ask'] * 6 * any(self._servers()) + ['move'] * 6 * any(self._servers(*_MOVES))
        if self.pair.booted < SERVERS:
            kinds += ['boot'] * 4
        if self._free():
            kinds += ['ask anything'] * 2
        return [*kinds, *(['serve'] * (5 if self.pair.down else 1))]

    @precondition(lambda self: self._pair is not None)
    @rule(data=st.data())
    def step(self, data: Any) -> None:
        """Take one more step."""
        if len(self.steps) == LENGTH:
            return
        kind = data.draw(st.sampled_from(self._kinds()), label='kind')
        if kind == 'boot':
            options = {'labels': data.draw(_LABELS), 'host': data.draw(_WHERE)}
            fault = self._fault(data, 'boot', options['host'])
            self._take('boot', **options, fault=fault)
        elif kind == 'serve':
            self._serve(data.draw(_HOSTS), data.draw(st.sampled_from(SERVICE)))
        elif kind == 'ask anything':
            # What the server's state may not allow.
            number = data.draw(st.sampled_from(self._free()))
            verbs = [verb for verb in ACTIONS if self._may(number, verb)]
            self._ask(data, number, data.draw(st.sampled_from(verbs)))
        else:
            moves = _MOVES if kind == 'move' else ()
            self._ask(data, *data.draw(st.sampled_from([*self._servers(*moves)])))

    def _ask(self, data: Any, number: int, verb: str) -> None:
        options: dict[str, object] = {'server': number}
        if verb == 'resize':
            options['labels'] = data.draw(_LABELS)
            # No audit sets right what a refused move to the same host leaves: refused-resize.
            if not self.configuration.allow_resize_to_same_host:
                options['disk'] = data.draw(_DISKS)
        elif verb in ('migrate', 'unshelve', 'live-migrate', 'evacuate'):
            options['host'] = data.draw(_WHERE)
        here = self.pair.host_of(number)
        self._take(verb, **options, fault=self._fault(
            data, verb, options.get('host') if here is None else here, number))

    def _fault(self, data: Any, verb: str, here: object, number: int | None = None) -> str | None:
        """Draw the fault that a step is to be taken under, mostly none.

        While a service is down that is trouble enough. So is a fault on a host that is not known.
        """
        if (not self.faults or verb not in FAULTS or not isinstance(here, int) or self.pair.down
                or not data.draw(_FAULTY)):
            return None
        what = data.draw(st.sampled_from(FAULTS[verb]))
        if what.startswith('daxio') and number is not None and (
                here == self.pair.source_of(number)):
            return None     # on the same host its move would be confirmed: confirm-keeps-data
        other = what.removeprefix('other ')
        return f'{other}@{here if other == what else 1 - here}'

    def _serve(self, host: int, verb: str) -> None:
        """Do something to a compute service; one that is down is started first.

        None is ended while a server is left in its deletion: a Nova that finds it when it starts
        deletes it without its move, which holds the source for good then.
        """
        if self.pair.down:
            [host], verb = self.pair.down, 'start-service'
        elif any(self.pair.task_of(number) == 'deleting' for number in self.pair.statuses()):
            verb = 'audit'
        self._take(verb, host=host)

    def teardown(self) -> None:
        """Delete every server, and see that nothing is left."""
        pair, self._pair = self._pair, None
        if pair is None:
            return
        try:
            pair.clear()
        except BaseException:
            pair.close()
            raise
        self.explained.extend(pair.explained)
        pair.explained.clear()
        if len(self.steps) == LENGTH:
            self.finished.add(str(Script(self.configuration, tuple(self.steps))))
        type(self).progress()
        self.pairs.give_back(pair)


def run_part(
    number: int, sequences: int, progress: Callable[[], object] = lambda: None,
) -> str:
    """Run sequences that are drawn from a seed: the first disagreement in them, or nothing.

    It is told with the shortest sequence that shows it.
    """
    output = io.StringIO()
    Agreement.progress = staticmethod(progress)
    try:
        with contextlib.redirect_stdout(output):
            run_state_machine_as_test(seed(number)(Agreement), settings=settings(
                max_examples=sequences, stateful_step_count=LENGTH + 2, deadline=None,
                database=None, phases=(Phase.generate,), report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck)))
    except Disagreement as error:
        script = Script(Agreement.configuration, tuple(Agreement.steps))
        found = shortest(script, Agreement.pairs.make)
        if found is None:
            return f'not shown again by\n{script}\n{error}'
        return '{}\n{}'.format(*found)
    except FlakyFailure as error:
        # Hypothesis takes a failing sequence once more, and it did not fail again.
        for each in error.exceptions:
            if isinstance(each, Disagreement):
                script = Script(Agreement.configuration, tuple(Agreement.steps))
                return f'not shown again by\n{script}\n{each}'
        raise
    return ''
