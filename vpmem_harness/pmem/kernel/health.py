"""What the firmware of a DIMM reports of its health and of itself.

The fields are those of ``ndctl list -DH`` and ``-DF``, in their order (ndctl: json-smart.c and
json.c). A field that is None is one that the firmware does not report, and no listing shows it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

from vpmem_harness import exceptions

Value = str | int | float | bool

_Report = TypeVar('_Report', 'Health', 'Firmware')

#: The values of the fields that are words.
_WORDS = {'health_state': ('ok', 'non-critical', 'critical', 'fatal', 'unknown'),
          'shutdown_state': ('clean', 'dirty'),
          'activate_state': ('idle', 'armed', 'busy')}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """The health of a DIMM; a new one without problems by default.

    Temperatures are in degrees Celsius and have steps of 1/16. ``shutdown_count`` counts the dirty
    shutdowns. ``alarm_enabled_*`` tell whether the firmware watches the threshold after them.
    """

    health_state: str | None = 'ok'
    temperature_celsius: float | None = None
    controller_temperature_celsius: float | None = None
    spares_percentage: int | None = 100
    alarm_temperature: bool | None = False
    alarm_controller_temperature: bool | None = False
    alarm_spares: bool | None = False
    alarm_enabled_media_temperature: bool | None = None
    temperature_threshold: float | None = None
    alarm_enabled_ctrl_temperature: bool | None = None
    controller_temperature_threshold: float | None = None
    alarm_enabled_spares: bool | None = None
    spares_threshold: int | None = None
    life_used_percentage: int | None = 0
    shutdown_state: str | None = 'clean'
    shutdown_count: int | None = 0

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def reported(cls, fields: Mapping[str, Value]) -> Health:
        """The health with these fields alone; raises InvalidInputError for unknown ones."""
        return _reported(cls, fields)

    def fields(self) -> dict[str, Value]:
        """The reported fields in order."""
        return _fields(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Firmware:
    """The firmware of a DIMM; versions are numbers of 64 bits."""

    current_version: int | None = 0
    can_update: bool | None = None
    next_version: int | None = None
    activate_state: str | None = None
    need_powercycle: bool | None = None

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def reported(cls, fields: Mapping[str, Value]) -> Firmware:
        """The firmware with these fields alone; raises InvalidInputError for unknown ones."""
        return _reported(cls, fields)

    def fields(self) -> dict[str, Value]:
        """The reported fields in order."""
        return _fields(self)


def _reported(kind: type[_Report], fields: Mapping[str, Value]) -> _Report:
    names = [field.name for field in dataclasses.fields(kind)]
    for name in fields:
        if name not in names:
            raise exceptions.InvalidInputError(
                f'{kind.__name__.lower()} of a DIMM', expected=f'fields {", ".join(names)}',
                got=repr(name), remedy='leave it out')
    return kind(**{**dict.fromkeys(names), **fields})  # type: ignore[arg-type]


def _fields(one: Health | Firmware) -> dict[str, Value]:
    return {field.name: value for field in dataclasses.fields(one)
            if (value := getattr(one, field.name)) is not None}


def _check(one: Health | Firmware) -> None:
    for field in dataclasses.fields(one):
        value, expected = getattr(one, field.name), ''
        kind = str(field.type).split(' ')[0]
        if value is None:
            continue
        if field.name in _WORDS:
            if value not in _WORDS[field.name]:
                expected = f'one of {", ".join(_WORDS[field.name])}'
        elif kind == 'bool':
            expected = '' if isinstance(value, bool) else 'True or False'
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            expected = 'a number'
        elif kind == 'int' and not (isinstance(value, int) and 0 <= value < 2**64):
            expected = 'a whole number, 0 or more'
        elif field.name.endswith('percentage') and value > 100:
            expected = 'a percentage from 0 to 100'
        if expected:
            raise exceptions.InvalidInputError(
                f'{field.name} of a DIMM', expected=expected, got=repr(value),
                remedy='write it as `ndctl list -DHF` prints it')
