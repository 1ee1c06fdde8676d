"""The command of ``./dev fleet``: start, test and end the deployment."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tools.deployment import (
    computes,
    lifecycle,
    measure,
    report,
    settings,
    smoke,
    tempest,
    whitebox,
)
from tools.deployment.processes import DeploymentError
from vpmem_harness.releases import DEFAULT, RELEASES

_PROG = './dev fleet'


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog=_PROG, allow_abbrev=False,
        description='A cloud of MariaDB, RabbitMQ, Keystone, Placement, Glance, Neutron and Nova '
                    'on simulated hosts, in .cache/fleet. Without a command: up.')
    commands = top.add_subparsers(dest='command', required=True, metavar='COMMAND')
    up = commands.add_parser('up', help='start the cloud; end what a killed one has left')
    up.add_argument('--computes', type=_count, default=2, metavar='N',
                    help='number of simulated hosts and computes (default: 2)')
    up.add_argument('--pmem', default=settings.PMEM, metavar='SPEC',
                    help='namespaces of each host (default: %(default)s)')
    up.add_argument('--forked', action='store_true',
                    help='fork the computes from one parent, so that they share memory')
    up.add_argument('--second-machine', type=_count, default=0, metavar='N',
                    help='also start N hosts and computes in a network namespace; needs root')
    up.add_argument('--release', default=DEFAULT.name, choices=sorted(RELEASES),
                    help='release of the hosts (default: %(default)s)')
    up.add_argument('--compute-driver', default='', metavar='NAME',
                    help='a driver of Nova to compare with, for example fake.FakeDriver')
    test = commands.add_parser('test', help='run the smoke test and the compute tests of tempest')
    test.add_argument('--smoke', action='store_true', help='without tempest')
    test.add_argument('--whitebox', action='store_true', help='only the tests of '
                      'whitebox-tempest-plugin, which log in to the hosts; needs root')
    test.add_argument('regex', nargs='?', help='the tests of tempest to run (default: '
                      f'{tempest.COMPUTE_TESTS}, with --whitebox {whitebox.TESTS})')
    for verb in ('stop', 'start'):
        one = commands.add_parser(verb, help=f'{verb} the nova-compute of a host')
        one.add_argument('host', metavar='HOST')
    commands.add_parser('show', help='print processes, memory and processor time')
    measuring = commands.add_parser(
        'measure', help='measure memory, idle computes, and boots per minute')
    measuring.add_argument('--servers', type=_count, default=100, metavar='N',
                           help='number of servers to boot (default: %(default)s)')
    measuring.add_argument('--idle', type=_count, default=60, metavar='SECONDS',
                           help='how long to look at the idle cloud (default: %(default)s)')
    commands.add_parser('down', help='end the cloud and remove its files')
    return top


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; options without a command belong to ``up``."""
    if not words or (words[0].startswith('-') and words[0] not in ('-h', '--help')):
        words = ['up', *words]
    return parser().parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run a command and return its exit status."""
    wanted = arguments(words)
    try:
        match wanted.command:
            case 'up':
                return _up(wanted)
            case 'test':
                return _test(wanted)
            case 'show':
                for line in report.table(settings.Settings.load()):
                    print(line)
            case 'stop' | 'start':
                _stop_or_start(wanted)
            case 'measure':
                for line in measure.run(settings.Settings.load(), wanted.servers, wanted.idle):
                    print(line, flush=True)
            case 'down':
                ended = lifecycle.down(settings.DIRECTORY)
                print(f'{ended} processes ended')
    except DeploymentError as error:
        print(f'{_PROG}: {error}', file=sys.stderr)
        return 1
    return 0


def _up(wanted: argparse.Namespace) -> int:
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f'{time.monotonic() - begun:6.1f} s  {line}', flush=True)

    made = lifecycle.up(settings.Settings.new(
        wanted.computes, wanted.pmem, forked=wanted.forked, second=wanted.second_machine,
        driver=wanted.compute_driver, release=wanted.release), say)
    say('the cloud runs')
    print(f'clients: . {made.directory / "openrc"}; logs: {made.directory / "log"}; '
          f'{_PROG} test; {_PROG} down')
    return 0


def _test(wanted: argparse.Namespace) -> int:
    made = settings.Settings.load()
    if wanted.whitebox:
        return min(whitebox.run(made, wanted.regex or whitebox.TESTS), 1)
    failed = smoke.run(made)
    if not wanted.smoke:
        failed += tempest.run(made, wanted.regex or tempest.COMPUTE_TESTS)
    return min(failed, 1)


def _stop_or_start(wanted: argparse.Namespace) -> None:
    made = settings.Settings.load()
    names = computes.names(made)
    if wanted.host not in names:
        raise DeploymentError(f'no host {wanted.host}: the hosts are {", ".join(names)}')
    ended = computes.stop_one(made, wanted.host)
    if wanted.command == 'start':
        computes.start_one(made, wanted.host)
    else:
        print(f'{ended} processes ended')


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError('must be at least 1')
    return number


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
