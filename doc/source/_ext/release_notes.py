"""The directive ``release-notes``: reno's report with the version of the package.

``tools/release_notes.py`` explains the difference to reno's own directive.
"""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.nodes import nested_parse_with_titles

from tools import release_notes


class ReleaseNotes(Directive):
    """``.. release-notes::`` shows the notes of every version, newest first."""

    def run(self) -> list[nodes.Node]:
        """Parse the report as part of the page."""
        lines = StringList(release_notes.report().splitlines(), '<release notes>')
        section = nodes.section()
        section.document = self.state.document
        nested_parse_with_titles(self.state, lines, section)
        return section.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive('release-notes', ReleaseNotes)
    return {'parallel_read_safe': True}
