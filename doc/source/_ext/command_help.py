"""The directive ``command-help``: the help of a command of ``vpmem-harness``."""

from __future__ import annotations

import contextlib
import io
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from vpmem_harness import cli


class CommandHelp(Directive):
    """``.. command-help:: server boot`` shows a command's help; without a name, the main help."""

    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return the help as a literal block that fits the page."""
        shown = io.StringIO()
        # In this process, because 40 processes take longer than the rest of the reference pages.
        with (mock.patch.dict('os.environ', {'COLUMNS': '88'}, clear=True),
              contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit)):
            cli.main([*self.arguments, '--help'])
        text = shown.getvalue()
        if 'usage:' not in text:
            raise self.error(f'no help for {" ".join(self.arguments) or "vpmem-harness"}')
        return [nodes.literal_block(text, text, language='none')]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive('command-help', CommandHelp)
    return {'parallel_read_safe': True}
