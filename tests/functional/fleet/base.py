"""Fleets as on a command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from unittest import mock

import fixtures
import testtools

from tests import base
from vpmem_harness import cli

HARNESS = [sys.executable, '-m', 'vpmem_harness.cli']

PMEM = 'SMALL:2x4GiB,LARGE:1x16GiB'


class FleetTestCase(base.TestCase):
    """Runs ``vpmem-harness``; the fleets that a test starts are ended with it."""

    def harness(self, *words, status=0, environment=None, text=''):
        """Run ``vpmem-harness`` with these arguments; return its standard output.

        The commands that only ask a fleet run in this process, which is much faster.

        :param text: the standard input.
        """
        if words[0] in ('up', 'load'):
            self.addCleanup(self._call, ['down', '--all'], None)
        if words[0] in ('up', 'load', 'run'):
            done = subprocess.run([*HARNESS, *words], capture_output=True, text=True, check=False,
                                  timeout=120, env=environment, input=text)
            returncode, out, self.stderr = done.returncode, done.stdout, done.stderr
        else:
            returncode, out, self.stderr = self._call(words, environment, text)
        self.addDetail('stderr', testtools.content.text_content(self.stderr))
        self.assertEqual(status, returncode)
        return out

    def _call(self, words, environment, text=''):
        with contextlib.ExitStack() as stack:
            for name, value in (environment or {}).items():
                if os.environ.get(name) != value:
                    stack.enter_context(fixtures.EnvironmentVariable(name, value))
            out = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            err = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            stack.enter_context(mock.patch('sys.stdin', io.StringIO(text)))
            return cli.main(list(words)), out.getvalue(), err.getvalue()

    def state(self, *words):
        """Return what ``show --json`` prints."""
        return json.loads(self.harness('show', '--json', *words))

    def shell(self, *words):
        """Return the environment of a shell that has evaluated ``env``."""
        out = subprocess.run(
            ['sh', '-c', f'{self.harness("env", *words)}\nenv -0'], check=True,
            stdout=subprocess.PIPE, text=True).stdout
        return {**os.environ, **dict(line.split('=', 1) for line in out.split('\0') if line)}

    def output(self, environment, *words):
        """Return what a command prints in an environment."""
        return subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True,
                              check=True).stdout
