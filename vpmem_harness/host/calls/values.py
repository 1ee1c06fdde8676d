"""Arguments and results of libvirt procedures in the form that tests read."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter

_UUID_SIZE = 16


def readable(value: Any) -> Any:
    """Return a value from the wire as a test reads it.

    A handle of a domain, network, volume or device becomes its name, that of a secret its UUID. A
    UUID becomes text, typed parameters a dictionary; a repeated parameter has a list of values.
    """
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value)) if len(value) == _UUID_SIZE else value
    if isinstance(value, values.SecretHandle):
        return readable(value.uuid)
    if isinstance(value, values.NetworkPortHandle):
        return readable(value.uuid)
    if isinstance(value, values.NWFilterBindingHandle):
        return value.portdev
    if hasattr(value, '_asdict') and not isinstance(value, TypedParameter):
        return value.name
    if isinstance(value, list):
        if value and all(isinstance(each, TypedParameter) for each in value):
            return _parameters(value)
        return [readable(each) for each in value]
    if isinstance(value, tuple) and not isinstance(value, TypedParameter):
        return tuple(readable(each) for each in value)
    return value


def _parameters(parameters: Sequence[TypedParameter]) -> dict[str, Any]:
    times = Counter(parameter.name for parameter in parameters)
    found: dict[str, Any] = {}
    for parameter in parameters:
        if times[parameter.name] == 1:
            found[parameter.name] = parameter.value
        else:
            found.setdefault(parameter.name, []).append(parameter.value)
    return found


def names(value: Any) -> tuple[Any, ...]:
    """Every form in which a test may give a value: readable, raw, and the UUID of a handle."""
    forms = [readable(value), value]
    handle = getattr(value, 'uuid', None)
    if isinstance(handle, bytes) and len(handle) == _UUID_SIZE:
        forms.append(str(uuid.UUID(bytes=handle)))
    return tuple(forms)


def domain_of(value: Any) -> DomainHandle | None:
    """The domain that an argument is a handle of, or belongs to."""
    handle = value if isinstance(value, DomainHandle) else getattr(value, 'dom', None)
    return handle if isinstance(handle, DomainHandle) else None


def size_of(value: Any) -> int:
    """Roughly how many bytes of text and data a value holds."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(size_of, value))
    return 0


def find_xml(value: Any) -> str | None:
    """The first XML document in a value from the wire."""
    if isinstance(value, str):
        return value if value.lstrip().startswith('<') else None
    if isinstance(value, TypedParameter):
        return find_xml(value.value)
    if isinstance(value, list | tuple):
        return next((xml for each in value if (xml := find_xml(each)) is not None), None)
    return None
