"""The error for a listing that cannot be copied."""

from __future__ import annotations

from vpmem_harness.exceptions import InvalidInputError

_REMEDY = 'give what ndctl or daxctl printed, unedited'

#: Longest part of a listing that an error repeats.
_SHOWN = 60


def refusal(what: str, expected: str, got: object, remedy: str = _REMEDY) -> InvalidInputError:
    """Return the error: what of the listing is wrong, what was expected, and what came.

    :param got: a value of the listing, or a text about it
    """
    text = got if isinstance(got, str) else repr(got)
    if len(text) > _SHOWN:
        text = f'{text[:_SHOWN]}...'
    return InvalidInputError(f'listing: {what}', expected=expected, got=text, remedy=remedy)
