"""The directive ``simulated-host``: commands and their output on a simulated host."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.application import Sphinx


class SimulatedHost(Directive):
    """Runs the commands in its body on a host, and shows them with their output.

    ``:hardware:`` and ``:seed:`` are the options of ``vpmem-harness run``.
    """

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        'hardware': directives.unchanged_required, 'seed': directives.nonnegative_int}

    def run(self) -> list[nodes.Node]:
        """Return the commands and their output as a literal block."""
        if shutil.which('virsh') is None:
            text = 'Install virsh (libvirt-clients) to see the output in your own build.'
            return [nodes.note('', nodes.paragraph(text, text))]
        shown = '\n'.join(f'$ {command}\n{self._output(command)}' for command in self.content
                          if command.strip())
        return [nodes.literal_block(shown, shown, language='none')]

    def _output(self, command: str) -> str:
        done = subprocess.run(  # noqa: S603 - commands of our own pages
            [sys.executable, '-m', 'vpmem_harness.cli', 'run', '--quiet', '--hardware',
             self.options['hardware'], '--seed', str(self.options.get('seed', 0)),
             '--beside-real-nvdimms', '--', 'sh', '-c', command],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        return '\n'.join(lines).strip('\n') + '\n'


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive('simulated-host', SimulatedHost)
    return {'parallel_read_safe': True}
