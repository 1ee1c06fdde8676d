"""Translation of Nova's errors to the classes of ``cloud/errors.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vpmem_harness.cloud import errors

_BY_STATUS: dict[int, type[errors.NovaException]] = {
    400: errors.Invalid,
    404: errors.NotFound,
}
#: Start of the messages of Nova's schema validation.
_VALIDATION = ('Validation failed', 'Invalid input for field')
#: Message of the API for a state that it does not name.
_INVALID_STATE = re.compile(
    r"Instance (?P<server_id>\S+) is in an invalid state for '(?P<action>.*)'")
_FIELD = re.compile(r'%\((\w+)\)s')


def of_start(reason: str) -> errors.NovaException:
    """Translate ``Class: message``, the reason why a nova-compute did not start."""
    name, _, message = reason.partition(': ')
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.NovaException):
        return kind(message)
    return errors.NovaException(reason)


def of_request(status: int, content: Any) -> errors.NovaException:
    """Translate an error response of the API, by its message and status."""
    message = str(content)
    if isinstance(content, dict):
        for fault in (content, *content.values()):
            if isinstance(fault, dict):     # without a controller the response has no class
                message = fault.get('message', message)
    if status == 400 and message.startswith(_VALIDATION):
        return errors.ValidationError(detail=message)
    found = _INVALID_STATE.fullmatch(message)
    if status == 409 and found is not None:
        return errors.InstanceInvalidState(**found.groupdict(), attr='', state=None)
    for kind in _subclasses(errors.NovaException):
        found = _pattern(kind.msg_fmt).fullmatch(message) if kind.status == status else None
        if found is not None and found.group() != ''.join(found.groups()):
            return kind(**found.groupdict())
    error = _BY_STATUS.get(status, errors.NovaException)(message)
    error.status = status
    return error


def _subclasses(kind: type[errors.NovaException]) -> Iterator[type[errors.NovaException]]:
    for each in kind.__subclasses__():
        yield from _subclasses(each)
        yield each


def _pattern(template: str) -> re.Pattern[str]:
    """Return a regular expression that matches messages of a template."""
    expression, end, seen = '', 0, set[str]()
    for field in _FIELD.finditer(template):
        name = field.group(1)
        expression += re.escape(template[end:field.start()])
        expression += f'(?P={name})' if name in seen else f'(?P<{name}>.*)'
        seen.add(name)
        end = field.end()
    return re.compile(expression + re.escape(template[end:]), re.DOTALL)
