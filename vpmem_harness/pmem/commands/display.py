"""Printing of lists."""

from __future__ import annotations

from collections.abc import Sequence

from vpmem_harness.pmem.commands.jsontext import Json, pretty
from vpmem_harness.pmem.commands.results import Transcript


def show(transcript: Transcript, found: Sequence[Json], human: bool) -> None:
    """Prints a list: nothing if it is empty, a single object without brackets for people."""
    if found:
        transcript.write(pretty(found[0] if human and len(found) == 1 else found))
