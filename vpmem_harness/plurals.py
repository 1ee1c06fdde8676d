"""Numbers with a noun in the texts of messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which is singular after 1.

    ::

        >>> counted(1, 'namespace'), counted(2, 'free namespace')
        ('1 namespace', '2 free namespaces')
    """
    if number == 1:
        return f'1 {noun}'
    return f'{number} {_irregular.get(noun) or f"{noun}s"}'


_irregular = {'process': 'processes', 'entry': 'entries'}
