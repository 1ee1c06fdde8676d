"""The directive ``command-help``: the help of a command of ``vpmem-harness``."""

from __future__ import annotations

import subprocess
import sys

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx


class CommandHelp(Directive):
    """``.. command-help:: server boot`` shows a command's help; without a name, the main help."""

    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return the help as a literal block that fits the page."""
        shown = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, '-m', 'vpmem_harness.cli', *self.arguments, '--help'],
            stdout=subprocess.PIPE, check=True, text=True,
            env={'COLUMNS': '88', 'PATH': '/usr/bin:/bin'}).stdout
        return [nodes.literal_block(shown, shown, language='none')]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive('command-help', CommandHelp)
    return {'parallel_read_safe': True}
