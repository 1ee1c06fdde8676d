"""``vpmem-harness up``: start a fleet that outlives the command."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import cast

from vpmem_harness import conf
from vpmem_harness.cli import signals
from vpmem_harness.cli.app import App
from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import fleet_options
from vpmem_harness.cli.fleet.show import summary
from vpmem_harness.fleet.client import connect
from vpmem_harness.fleet.places import DEFAULT_NAME, VARIABLE, check_free
from vpmem_harness.host import processes

#: Seconds that a fleet has to end when its start is interrupted.
GRACE = 30.0


class Up(Command):
    """Start a fleet of simulated hosts that runs until "vpmem-harness down".

    The command returns when all hosts run. "eval $(vpmem-harness env HOST)" lets a shell use a
    host, "vpmem-harness show" prints the fleet. Several fleets can run at the same time if they
    have different names.

    Use --dimm for raw DIMMs and --pmem for ready namespaces. Without them, the hosts have random
    namespaces, and the seed is printed on standard error.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--name', '--fleet', action='append', default=[], dest='names_given',
                            metavar='NAME',
                            help=f'the name of the fleet (default: {DEFAULT_NAME}); a value with '
                                 "{}, such as 'rack2-{}', is the pattern of the hosts' names; "
                                 'can be given twice, once for each')
        fleet_options.add_fleet_options(parser)
        add_background_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        name, pattern = fleet_options.split_names(parsed_args.names_given)
        if parsed_args.foreground:
            # Imported when needed: this is slow.
            from vpmem_harness.cli.fleet import description, serve

            spec = description.fleet_spec(parsed_args, name, pattern)
            description.tell_seed(spec)
            return serve.serve(spec, parsed_args)
        if name is not None or parsed_args.fleet_file is None:
            check_free(name or DEFAULT_NAME, conf.load().runtime_dir)
        return start(argv_of(self))


def argv_of(command: Command) -> list[str]:
    """Return the whole command line of a command."""
    return list(cast(App, command.app).argv)


def add_background_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that starts a fleet."""
    parser.add_argument('--foreground', action='store_true',
                        help='run in the foreground until "down" or a signal ends the fleet')
    parser.add_argument('--ready-fd', type=int, help=argparse.SUPPRESS)


def start(argv: list[str]) -> int:
    """Start a process for a fleet, and return when the fleet runs.

    :param argv: the command line that starts the fleet in the foreground with ``--foreground``.
    """
    with signals.deferred():
        ours, theirs = os.pipe()
        left_out = {processes.MARK, VARIABLE, *conf.unknown()}  # this process warns of these
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        with open(ours, encoding='utf-8') as ready:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, '-m', 'vpmem_harness.cli', *argv, '--foreground',
                 f'--ready-fd={theirs}'],
                # The process leaves standard input when the fleet runs: a file can be "-".
                pass_fds=[theirs], stdin=None if sys.stdin else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True, env=environment)
            try:
                os.close(theirs)
                with signals.allowed():
                    directory = ready.readline().rstrip('\n')
                if not directory:
                    return process.wait() or 1
                with connect(directory) as client:
                    print(summary(client.state()), flush=True)
                signals.check()
            except BaseException:
                _end(process)
                raise
    # The fleet goes on.
    process.returncode = 0
    return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
