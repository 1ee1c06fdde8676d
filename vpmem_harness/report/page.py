"""Renders a report as one HTML page, redacted."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from typing import Any

from vpmem_harness import safelog
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.report.model import KINDS, Event, HostEntry, Part, Region, Report
from vpmem_harness.safelog.redaction import Redactor

_GIB = 1 << 30
_MIB = 1 << 20

#: Degrees between the hues of two holders: the golden angle keeps neighbours apart.
_HUE_STEP = 137.508

#: The free space at both ends of a timeline, in percent of its width.
_MARGIN = 1.0


def page(report: Report, redactor: Redactor | None = None) -> str:
    """Return the page as text.

    Every text on it is redacted, then escaped. The page refers to no other file, and forbids the
    browser to load anything.

    :param redactor: that of the run; the current one if None.
    :raises InvalidInputError: when Jinja is not installed.
    """
    environment = _environment(_finalized(report, redactor or safelog.current()))
    view = View(report)
    text: str = environment.get_template('report.html.jinja').render(report=report, view=view)
    # A client may have sent text that is not UTF-8.
    return text.encode('utf-8', 'backslashreplace').decode()


def check_jinja() -> None:
    """Raise InvalidInputError when Jinja is not installed."""
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise InvalidInputError(
            'report', expected='Jinja, which renders reports, to be installed', got='none',
            remedy='install vpmem-harness[report]') from error


def _environment(finalize: Callable[[Any], Any]) -> Any:
    check_jinja()
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, ''), autoescape=True, finalize=finalize,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _finalized(report: Report, redactor: Redactor) -> Callable[[Any], Any]:
    """Return what Jinja calls with each value of the template: texts are redacted."""
    texts = list(dict.fromkeys(_texts(report)))
    redacted = dict(zip(texts, redactor.redact_all(texts), strict=True))

    def finalize(value: Any) -> Any:
        if isinstance(value, str) and not hasattr(value, '__html__'):
            return redacted[value] if value in redacted else redactor.redact(value)
        return value

    return finalize


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for one in dataclasses.fields(value):
            yield from _texts(getattr(value, one.name))
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _texts(one)


@dataclasses.dataclass(frozen=True)
class Row:
    """One namespace in the table of a host, before and after."""

    region: str
    before: Part | None
    after: Part | None

    @property
    def part(self) -> Part:
        """The namespace as it is, or as it was."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - a row has one of them
        return found

    @property
    def changed(self) -> bool:
        """Whether the two differ for a user of the namespace."""
        return _use(self.before) != _use(self.after)


def _use(part: Part | None) -> tuple[object, ...]:
    return () if part is None else (part.name, part.size, part.holder, part.data_of)


class View:
    """Positions, colors and texts that the template needs."""

    kinds = KINDS

    def __init__(self, report: Report) -> None:
        self._hues = {name: round(40 + number * _HUE_STEP) % 360
                      for number, name in enumerate(report.holders)}
        times = [event.time for event in report.events]
        self._first, last = (min(times), max(times)) if times else (0.0, 0.0)
        self.seconds = last - self._first
        self.started = self._moment(self._first) if times else ''
        self._lanes: dict[str, list[Event]] = {}
        for event in report.events:
            self._lanes.setdefault(event.lane, []).append(event)

    def hue(self, holder: str) -> int:
        """The color of a holder, in degrees."""
        return self._hues.get(holder, 0)

    def lane(self, name: str) -> list[Event]:
        """The events of a lane."""
        return self._lanes.get(name, [])

    def place(self, event: Event) -> str:
        """Where an event is on its lane."""
        share = (event.time - self._first) / self.seconds if self.seconds else 0.5
        return f'{_MARGIN + share * (100 - 2 * _MARGIN):.2f}%'

    def after_start(self, event: Event) -> str:
        """When an event happened, after the first one."""
        return f'+{event.time - self._first:.3f} s'

    @staticmethod
    def share(size: int, region: Region) -> str:
        """A size as a part of a region."""
        return f'{100 * size / region.size:.3f}%' if region.size else '0%'

    @staticmethod
    def rows(host: HostEntry) -> list[Row]:
        """The namespaces of a host, before and after, by region and place."""
        before, after = _by_place(host.before), _by_place(host.after)
        return [Row(place[0], before.get(place), after.get(place))
                for place in sorted({**before, **after})]

    @staticmethod
    def pairs(host: HostEntry) -> list[tuple[Region | None, Region | None]]:
        """The regions of a host, before and after."""
        before = {region.dev: region for region in host.before}
        after = {region.dev: region for region in host.after}
        return [(before.get(dev), after.get(dev)) for dev in {**before, **after}]

    @staticmethod
    def size(count: int) -> str:
        """A number of bytes in words."""
        unit, name = (_GIB, 'GiB') if count >= _GIB else (_MIB, 'MiB')
        return f'{count / unit:.2f}'.rstrip('0').rstrip('.') + f' {name}'

    @staticmethod
    def took(event: Event) -> str:
        """How long an event took."""
        return '' if event.seconds is None else f'{1000 * event.seconds:.1f} ms'

    @staticmethod
    def moment(when: datetime.datetime) -> str:
        """A time in UTC."""
        return f'{when:%Y-%m-%d %H:%M:%S} UTC'

    def _moment(self, seconds: float) -> str:
        return self.moment(datetime.datetime.fromtimestamp(seconds, datetime.UTC))


def _by_place(regions: tuple[Region, ...]) -> dict[tuple[str, int], Part]:
    return {(region.dev, part.offset): part
            for region in regions for part in region.parts if not part.free}
