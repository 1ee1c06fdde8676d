"""``vpmem-harness chaos``: random operations and faults on a fleet."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
import time
from collections.abc import Iterator

from vpmem_harness import conf
from vpmem_harness.chaos import run as chaos
from vpmem_harness.chaos.steps import Script
from vpmem_harness.cli.commands import Command
from vpmem_harness.exceptions import unreadable
from vpmem_harness.fleet.text_files import read_text
from vpmem_harness.plurals import counted
from vpmem_harness.randomness import Randomness

#: Width of the progress bar in characters.
_WIDTH = 40


class Chaos(Command):
    """Run random steps on a fleet of simulated hosts with the compute-service stub.

    The steps boot, move and delete servers, make calls fail and hang, kill services and restart
    hosts. Invariants are checked after each step, and more of them when the fleet is calm. If a run
    violates an invariant, the command reduces it to a script for --replay, prints the script on
    standard output, and exits with status 1.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--hosts', type=_positive, default=3, metavar='N',
                            help='number of hosts (default: 3)')
        parser.add_argument('--steps', type=_positive, default=1000, metavar='N',
                            help='number of steps (default: 1000)')
        parser.add_argument('--seed', metavar='N',
                            help='seed; by default a new one')
        parser.add_argument('--pmem', default=chaos.PMEM, metavar='SPEC',
                            help=f'the namespaces of each host ({chaos.PMEM})')
        parser.add_argument('--replay', metavar='FILE',
                            help='run the steps of a script instead of random ones (- is standard '
                                 'input)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with _quiet():
            return self._run(parsed_args)

    def _run(self, parsed_args: argparse.Namespace) -> int:
        begun = time.monotonic()
        if parsed_args.replay is not None:
            result = chaos.replay(_read(parsed_args.replay))
        else:
            seed = Randomness(conf.load(seed=parsed_args.seed).seed).seed
            print(f'# seed {seed}', file=sys.stderr, flush=True)
            bar = _Bar(parsed_args.steps)
            result = chaos.run(parsed_args.hosts, parsed_args.steps, seed, pmem=parsed_args.pmem,
                               progress=bar.show)
            bar.end()
        steps, seconds = len(result.script.steps), time.monotonic() - begun
        print(f'{counted(steps, "step")} in {seconds:.1f} s, {steps / seconds:.0f} a second',
              file=sys.stderr)
        if not result.wrong:
            return 0
        if parsed_args.replay is None:
            print(f'# shortening the script, for {chaos.SHRINKING:g} s at most', file=sys.stderr,
                  flush=True)
            bar = _Bar(len(result.script.steps))
            result = chaos.shrink(result, progress=bar.tell)
            bar.end()
        sys.stdout.write(f'{result.script}')
        for text in result.wrong:
            print(f'# {text}')
        return 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the logs of the services, whose faults are expected."""
    logger = logging.getLogger('vpmem_harness')
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Bar:
    """A progress bar, shown only on a terminal."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._shown = -1
        self._written = False

    def show(self, done: int) -> None:
        """Show the number of steps taken."""
        filled = done * _WIDTH // self._steps
        if not sys.stderr.isatty() or (filled == self._shown and done % 100):
            return
        self._shown = filled
        self._write(f'[{"#" * filled:{_WIDTH}}] {done}/{self._steps}')

    def tell(self, left: int) -> None:
        """Show the number of remaining steps of a failing run."""
        if sys.stderr.isatty():
            self._write(f'shortened from {counted(self._steps, "step")} to {left} ')

    def end(self) -> None:
        """End the line of the progress bar."""
        if self._written:
            sys.stderr.write('\n')

    def _write(self, text: str) -> None:
        self._written = True
        sys.stderr.write(f'\r{text}')
        sys.stderr.flush()


def _positive(text: str) -> int:
    if not re.fullmatch('0*[1-9][0-9]{0,8}', text, re.ASCII):
        raise argparse.ArgumentTypeError(f'expected a number from 1, got {text!r}')
    return int(text)


def _read(path: str) -> Script:
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable('--replay', path, error, expected='the script of a run',
                         remedy='name a file with the output of a failing run') from error
    return Script.parse(text)
