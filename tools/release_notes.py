"""Prints the release notes as reStructuredText: python -m tools.release_notes

The text is reno's report. Reno takes versions from Git tags alone, and calls notes that no tag
covers 0.0.0; here they are headed with the package's version, or "Unreleased" once that is tagged.
"""

from __future__ import annotations

import importlib.metadata
import logging
import pathlib
from typing import Any

from reno import config, formatter, loader

ROOT = pathlib.Path(__file__).parents[1]

#: What reno calls notes that no tag covers: without any tag, after the last tag (``0.1.0-5``), and
#: not committed yet.
_UNTAGGED = ('0.0.0', '-', '*')


def untagged(version: str) -> bool:
    """Whether a version of reno's is none that was tagged."""
    return version == _UNTAGGED[0] or any(mark in version for mark in _UNTAGGED[1:])


def heading(tagged: list[str]) -> str:
    """The heading of the notes that no tag covers."""
    version = importlib.metadata.version('vpmem-harness')
    return 'Unreleased' if version in tagged else f'{version} (not released yet)'


class Notes:
    """The notes as reno's formatter reads them, with one version for all that no tag covers."""

    def __init__(self, notes: Any) -> None:
        self._notes = notes
        tagged = [version for version in notes.versions if not untagged(version)]
        self._pending = [version for version in notes.versions if untagged(version)]
        self._heading = heading(tagged)
        self.versions = [*([self._heading] if self._pending else []), *tagged]

    def __getitem__(self, version: str) -> list[tuple[str, Any]]:
        """The notes of a version: file and commit of each."""
        of = self._pending if version == self._heading else [version]
        return [note for one in of for note in self._notes[one]]

    def parse_note_file(self, name: str, commit: Any) -> Any:
        """The content of a note."""
        return self._notes.parse_note_file(name, commit)


def report(show_source: bool = False) -> str:
    """The notes of all versions, newest first.

    :param show_source: whether a comment names the file of each note.
    """
    logging.getLogger('reno').setLevel(logging.WARNING)
    settings = config.Config(str(ROOT))
    with loader.Loader(settings) as found:
        notes = Notes(found)
        return str(formatter.format_report(
            notes, settings, notes.versions, show_source=show_source))


if __name__ == '__main__':
    print(report())
