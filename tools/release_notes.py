"""Prints the release notes as reStructuredText: python -m tools.release_notes

The text is reno's report. Reno takes versions from Git tags only, and lists notes without a tag
under 0.0.0. Here their heading is the package's version, or "Unreleased" once that is tagged.
"""

from __future__ import annotations

import importlib.metadata
import logging
import pathlib
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]

#: Reno's version of notes before the first tag. Notes after the last tag have a dash (``0.1.0-5``),
#: and notes that are not committed have asterisks.
_BEFORE_TAGS = '0.0.0'


def untagged(version: str) -> bool:
    """Whether a version of reno is not a Git tag."""
    return version == _BEFORE_TAGS or '-' in version or '*' in version


def heading(tagged: list[str]) -> str:
    """Return the heading of the notes without a tag."""
    version = importlib.metadata.version('vpmem-harness')
    return 'Unreleased' if version in tagged else f'{version} (not released yet)'


class Notes:
    """The notes as reno's formatter reads them, with one heading for all notes without a tag."""

    def __init__(self, notes: Any) -> None:
        self._notes = notes
        tagged = [version for version in notes.versions if not untagged(version)]
        self._pending = [version for version in notes.versions if untagged(version)]
        self._heading = heading(tagged)
        self.versions = [*([self._heading] if self._pending else []), *tagged]

    def __getitem__(self, version: str) -> list[tuple[str, Any]]:
        """Return the notes of a version: file and commit of each."""
        of = self._pending if version == self._heading else [version]
        return [note for one in of for note in self._notes[one]]

    def parse_note_file(self, name: str, commit: Any) -> Any:
        """Return the content of a note."""
        return self._notes.parse_note_file(name, commit)


def report(show_source: bool = False) -> str:
    """Return the notes of all versions, newest first.

    :param show_source: whether a comment names the file of each note.
    """
    # Only here, so that the rest can be tested without reno.
    from reno import config, formatter, loader

    logging.getLogger('reno').setLevel(logging.WARNING)
    settings = config.Config(str(ROOT))
    with loader.Loader(settings) as found:
        notes = Notes(found)
        return str(formatter.format_report(
            notes, settings, notes.versions, show_source=show_source))


if __name__ == '__main__':
    print(report())
