"""Random sequences of steps, which depend on the current states of the servers."""

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

#: Operations in a sequence, and the maximum number of servers.
LENGTH = 10
SERVERS = 4

_MOVES = ('resize', 'migrate', 'confirm', 'revert', 'live-migrate', 'evacuate', 'unshelve')
_LABELS = st.sampled_from(LABELS)
_DISKS = st.sampled_from(DISKS)
_HOSTS = st.integers(0, HOSTS - 1)
_WHERE = st.none() | _HOSTS
#: Whether a step has a fault: one in six of the steps that allow one.
_FAULTY = st.sampled_from((False,) * 5 + (True,))


class Pairs:
    """Pairs of clouds on which sequences run, one for each configuration.

    A pair serves many sequences, because both sides must be empty after each of them. After a
    disagreement the next sequence gets a new pair.

    :param make: a function that makes a pair from a configuration and the seed.
    """

    def __init__(self, seed: int, make: Callable[[Configuration, int], Pair] = Pair) -> None:
        self._seed = seed
        self._make = make
        self._pairs: dict[Configuration, Pair] = {}

    def take(self, configuration: Configuration) -> Pair:
        """Return an empty pair."""
        pair = self._pairs.pop(configuration, None)
        return pair or self.make(configuration)

    def make(self, configuration: Configuration) -> Pair:
        """Return a new pair."""
        return self._make(configuration, self._seed)

    def give_back(self, pair: Pair) -> None:
        """Keep a pair that is empty again."""
        self._pairs[pair.configuration] = pair

    def close(self) -> None:
        """Close every pair."""
        while self._pairs:
            self._pairs.popitem()[1].close()


class Agreement(RuleBasedStateMachine):
    """Two clouds that get the same requests; set ``pairs`` before a run.

    ``steps`` has the steps of the last sequence and its last disagreement.
    """

    pairs: ClassVar[Pairs]
    steps: ClassVar[list[Step]] = []
    finished: ClassVar[set[str]] = set()
    explained: ClassVar[list[str]] = []
    #: How often each operation succeeded, and how often it was refused or failed, on both sides.
    done: ClassVar[collections.Counter[str]] = collections.Counter()
    failed: ClassVar[collections.Counter[str]] = collections.Counter()
    configuration: ClassVar[Configuration]
    #: Called after each sequence without a disagreement.
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
        """Yield the servers that accept requests now, with the requests."""
        for number, status in self.pair.statuses().items():
            fits = self._fits_down(number, status)
            if fits is None:
                fits = FITS.get(status, ('delete',))
            for verb in fits:
                if (not verbs or verb in verbs) and self._may(number, verb):
                    yield number, verb

    def _may(self, number: int, verb: str) -> bool:
        """Return whether the step triggers no irreparable defect of Nova."""
        return verb not in NOT_AFTER_FAILED_MOVE or not self.pair.move_failed(number)

    def _fits_down(self, number: int, status: str) -> tuple[str, ...] | None:
        """Return the requests for a server that needs a stopped service; None if it needs none."""
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
        """Return the servers that need no stopped service."""
        return [number for number, status in self.pair.statuses().items()
                if self._fits_down(number, status) is None]

    def _kinds(self) -> list[str]:
        """Return the kinds of steps that are possible now, repeated by their weight.

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
            # The server's state may not allow the request.
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
            # No audit repairs what a refused same-host resize leaves: refused-resize.
            if not self.configuration.allow_resize_to_same_host:
                options['disk'] = data.draw(_DISKS)
        elif verb in ('migrate', 'unshelve', 'live-migrate', 'evacuate'):
            options['host'] = data.draw(_WHERE)
        here = self.pair.host_of(number)
        self._take(verb, **options, fault=self._fault(
            data, verb, options.get('host') if here is None else here, number))

    def _fault(self, data: Any, verb: str, here: object, number: int | None = None) -> str | None:
        """Draw the fault of a step, None for most steps.

        A step has no fault while a service is down, or when the faulty host is not known.
        """
        if (verb not in FAULTS or not isinstance(here, int) or self.pair.down
                or not data.draw(_FAULTY)):
            return None
        what = data.draw(st.sampled_from(FAULTS[verb]))
        if verb == 'live-migrate' and self.pair.statuses().get(number) != 'ACTIVE':
            return None     # the server's state could not be restored: refused-live-migration
        if what.startswith('daxio') and number is not None and (
                here == self.pair.source_of(number)):
            return None     # a same-host move would be confirmed: confirm-keeps-data
        other = what.removeprefix('other ')
        return f'{other}@{here if other == what else 1 - here}'

    def _serve(self, host: int, verb: str) -> None:
        """Stop, kill or start a compute service; one that is down is started first.

        No service is ended while a server is left in its deletion: a starting Nova deletes that
        server without its move, which then holds the source forever.
        """
        if self.pair.down:
            [host], verb = self.pair.down, 'start-service'
        elif any(self.pair.task_of(number) == 'deleting' for number in self.pair.statuses()):
            verb = 'audit'
        self._take(verb, host=host)

    def teardown(self) -> None:
        """Delete every server, and check that nothing remains."""
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
    """Run sequences drawn from a seed; return the first disagreement, or None.

    The disagreement comes with the shortest sequence that shows it.
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
        # Hypothesis runs a failing sequence again, and the second run did not fail.
        for each in error.exceptions:
            if isinstance(each, Disagreement):
                script = Script(Agreement.configuration, tuple(Agreement.steps))
                return f'not shown again by\n{script}\n{each}'
        raise
    return ''
