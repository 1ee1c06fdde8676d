"""Ordinary nova-computes that one parent forks."""

from __future__ import annotations

import importlib.util
import os
import select
import subprocess
from pathlib import Path

import fixtures
import testtools

from vpmem_harness.fleet import forked_computes

#: Messages that go nowhere: the computes wait for a conductor.
COMMON = """\
[DEFAULT]
debug = true
transport_url = fake:/
"""


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class ForkedComputesTest(testtools.TestCase):

    def test_each_process_is_a_nova_compute(self):
        """Each process has the command line and the configuration of its host."""
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        common = directory / 'common.conf'
        common.write_text(COMMON)
        for name in 'ab':
            own = directory / name
            own.mkdir()
            (own / 'nova.conf').write_text(
                f'[DEFAULT]\nhost = host-{name}\nstate_path = {own}\n')
            (own / 'env').touch()
            os.mkfifo(own / 'nova-compute.log')
        parent = subprocess.Popen(
            forked_computes.command(common, 0.0, forked_computes.hosts(directory)),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(parent.communicate)
        self.addCleanup(parent.terminate)
        for name in 'ab':
            found = self._line_with(' host  ', directory / name / 'nova-compute.log', parent.pid)
            self.assertIn(f'= host-{name} ', found)
            title = Path(f'/proc/{found.split()[2]}/cmdline').read_text()
            self.assertIn(f'nova-compute --config-file {common} '
                          f'--config-file {directory}/{name}/nova.conf', title)

    def _line_with(self, text: str, pipe: Path, pid: int) -> str:
        """Return the first line of a named pipe with a text; fail if the process ends before."""
        log, ended = os.open(pipe, os.O_RDWR), os.pidfd_open(pid)
        self.addCleanup(os.close, log)
        self.addCleanup(os.close, ended)
        content = ''
        while True:
            ready, _, _ = select.select([log, ended], [], [])
            if log not in ready:
                self.fail(f'the parent has ended; in {pipe.name}: {content!r}')
            content += os.read(log, 1 << 16).decode()
            for line in content.split('\n')[:-1]:
                if text in line:
                    return line
