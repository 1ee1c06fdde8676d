"""Runs of pytest on small projects, in processes of their own."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).parents[3]
PROJECTS = pathlib.Path(__file__).parent / 'projects'
EXAMPLES = ROOT / 'examples'

#: Loaded by name, for the package may be imported from a checkout, without its entry point.
PYTEST = (sys.executable, '-m', 'pytest', '-p', 'xdist', '-p', 'vpmem_harness.pytest_plugin',
          '-p', 'no:cacheprovider', '--strict-markers', '--junit-xml=results.xml')

SECTION = re.compile(r'^-+ vpmem ([\w-]+) -+$', re.MULTILINE)


class Outcome(NamedTuple):
    """One outcome of a test: ``failure``, ``error``, ``skipped`` or ``passed``."""

    kind: str
    message: str
    text: str

    @property
    def sections(self) -> dict[str, str]:
        """The plugin's sections by their titles."""
        parts = SECTION.split(self.text)
        return dict(zip(parts[1::2], parts[2::2], strict=True))


class Run(NamedTuple):
    """A run of pytest that is over. The outcomes are by test, as ``CaseTest.test_call``."""

    status: int
    output: str
    outcomes: Mapping[str, list[Outcome]]

    @property
    def seed(self) -> int:
        """The seed in the header."""
        return int(re.search(r'^vpmem seed: (\d+)', self.output, re.MULTILINE)[1])

    @property
    def drawn(self) -> dict[str, str]:
        """What the tests of the project ``seeds`` said that they drew."""
        return dict(re.findall(r'^(\S+) drew (.*)$', self.output, re.MULTILINE))

    def outcome(self, test: str) -> Outcome:
        """The only outcome of a test."""
        [outcome] = self.outcomes[test]
        return outcome


@functools.cache
def run(project: str, *options: str, test: str = '', environment: str = '') -> Run:
    """Run the tests of a project, or of an example, once in this process.

    :param test: the only one to run, as ``::test_call``.
    :param environment: variables, as ``NAME=value``, separated by spaces.
    """
    # Neither what the tests of this process have set up nor its user's settings count there.
    environ = {name: value for name, value in os.environ.items()
               if not name.startswith(('VPMEM_HARNESS_', 'PYTEST_', 'PY_COLORS', 'CI'))}
    environ |= {'COLUMNS': '160', 'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1', 'PYTHONPATH': str(ROOT)}
    environ |= dict(word.split('=') for word in environment.split())
    with tempfile.TemporaryDirectory(prefix='vp') as directory:
        file = PROJECTS / f'{project}.py'
        shutil.copy(file if file.exists() else EXAMPLES / file.name, directory)
        done = subprocess.run(
            [*PYTEST, *options, f'{project}.py{test}'], cwd=directory, capture_output=True,
            text=True, check=False, timeout=300, env={**environ, 'TMPDIR': directory})
        results = pathlib.Path(directory, 'results.xml')
        outcomes = _outcomes(results.read_text()) if results.exists() else {}
    return Run(done.returncode, done.stdout + done.stderr, outcomes)


def _outcomes(xml: str) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for case in ElementTree.fromstring(xml).iter('testcase'):   # noqa: S314 - pytest wrote it
        name = '.'.join([*case.get('classname', '').split('.')[1:], case.get('name', '')])
        outcomes = [Outcome(one.tag, one.get('message', ''), one.text or '')
                    for one in case if one.tag in ('failure', 'error', 'skipped')]
        found.setdefault(name, []).extend(outcomes or [Outcome('passed', '', '')])
    return found
