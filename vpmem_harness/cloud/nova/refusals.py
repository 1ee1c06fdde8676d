"""Nova's refusals, as the errors of ``cloud/errors.py``."""

from __future__ import annotations

from typing import Any

from vpmem_harness.cloud import errors

_BY_STATUS: dict[int, type[errors.NovaException]] = {
    400: errors.Invalid,
    404: errors.InstanceNotFound,
    409: errors.InstanceInvalidState,
}


def of_start(reason: str) -> errors.NovaException:
    """Why a nova-compute did not start, from ``Class: message``."""
    name, _, message = reason.partition(': ')
    kind = getattr(errors, name, errors.NovaException)
    if isinstance(kind, type) and issubclass(kind, errors.NovaException):
        return kind(message or reason)
    return errors.NovaException(reason)


def of_request(status: int, content: Any) -> errors.NovaException:
    """What the API answered with an error."""
    message = str(content)
    if isinstance(content, dict):
        for fault in content.values():
            message = fault.get('message', message)
    return _BY_STATUS.get(status, errors.NovaException)(message)
