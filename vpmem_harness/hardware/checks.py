"""Checks of the fields of hardware; each raises InvalidInputError."""

from __future__ import annotations

from collections.abc import Iterable

from vpmem_harness.exceptions import InvalidInputError


def number(what: str, value: object, least: int, most: int | None = None) -> None:
    """Check that ``value`` is a whole number within its limits."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (
            most is not None and value > most):
        upto = 'on' if most is None else f'to {most}'
        raise InvalidInputError(what, expected=f'a whole number from {least} {upto}',
                                got=repr(value), remedy='use a number in this range')


def text(what: str, value: object, *, optional: bool = False) -> None:
    """Check that ``value`` is a text that is not empty."""
    if value is None and optional:
        return
    if not isinstance(value, str) or not value:
        raise InvalidInputError(what, expected='a text', got=repr(value),
                                remedy='write it in quotes')


def one_of(what: str, value: object, choices: Iterable[object]) -> None:
    """Check that ``value`` is one of ``choices``."""
    known = list(choices)
    if value not in known:
        raise InvalidInputError(what, expected='one of ' + ', '.join(map(str, known)),
                                got=repr(value), remedy='choose one of them')


def sequence(what: str, value: object, kind: type | tuple[type, ...]) -> None:
    """Check that ``value`` is a tuple of ``kind``."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, tuple) or not all(isinstance(item, kinds) for item in value):
        names = ' or '.join(each.__name__ for each in kinds)
        raise InvalidInputError(what, expected=f'a tuple of {names}', got=repr(value),
                                remedy='write it as in (one, two)')


def distinct(what: str, values: Iterable[object]) -> None:
    """Check that no value occurs twice."""
    seen = set()
    for value in values:
        if value in seen:
            raise InvalidInputError(what, expected='each of them once', got=f'{value} twice',
                                    remedy='change one of the two')
        seen.add(value)
