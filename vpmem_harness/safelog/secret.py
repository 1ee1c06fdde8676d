"""A value that no log shows."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

#: What stands in a text in place of a secret.
MASK = '***'


class Secret:
    """A secret whose ``str`` and ``repr`` are masked, so that it cannot slip into a text.

    ::

        >>> password = Secret('correct horse')
        >>> f'connecting with {password!r}'
        'connecting with ***'
        >>> password.reveal()
        'correct horse'

    It cannot be pickled or copied into a file by accident either; two secrets are compared in a
    time that does not depend on where they differ.
    """

    __slots__ = ('_value',)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value in clear, for the call that needs it and nothing else."""
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
