"""Values that no log shows."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

#: Replaces a secret in a text.
MASK = '***'


class Secret:
    """A secret whose ``str`` and ``repr`` are masked, so that no text shows it by accident.

    ::

        >>> password = Secret('correct horse')
        >>> f'connecting with {password!r}'
        'connecting with ***'
        >>> password.reveal()
        'correct horse'

    It cannot be pickled either. Two secrets are compared in a time that does not depend on where
    they differ.
    """

    __slots__ = ('_value',)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value in clear, for the call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError('a Secret cannot be pickled: reveal() it where it is needed')
