"""``vpmem-harness run``: run a command with simulated hosts."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig

from vpmem_harness.cli import foreground, signals
from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import description, fleet_options, options
from vpmem_harness.cli.fleet.running import fleet_of_process
from vpmem_harness.cli.fleet.show import reach
from vpmem_harness.cli.system_socket import in_namespace
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.methods import host_path
from vpmem_harness.fleet.places import VARIABLE
from vpmem_harness.host import processes


class Run(Command):
    """Run a command with simulated hosts.

    The first host's ndctl, daxctl and daxio are first on the command's PATH, and
    LIBVIRT_DEFAULT_URI names its libvirt. Each host has DIR/HOST/libvirt-sock and DIR/HOST/bin;
    VPMEM_HARNESS_RUN is DIR. Within the command, "vpmem-harness env HOST" and the other commands
    for fleets work on these hosts. When the command ends, the hosts and all processes that use
    them end as well. The exit status is that of the command. SIGTERM, SIGHUP, and SIGINT from
    another process are relayed to the command; if it still runs ten seconds later, it is killed.

    Use --dimm for raw DIMMs and --pmem for ready namespaces. Without them, the hosts have random
    namespaces, and the seed is printed on standard error.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--name', metavar='NAME', dest='pattern',
                            help="the name of the host, or a pattern for several, 'rack2-{}' "
                                 "(default: 'host{}')")
        fleet_options.add_fleet_options(parser)
        parser.add_argument('--system-socket', action='store_true',
                            help='let the command reach the first host as qemu:///system; it '
                                 'runs in its own mount namespace, where setuid programs do not '
                                 'work')
        parser.add_argument('-q', '--quiet', action='store_true',
                            help='do not print the URIs of the hosts at the start')
        parser.add_argument('command', nargs=argparse.REMAINDER, metavar='-- COMMAND [ARGUMENT...]',
                            help='the command and its arguments')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        words = parsed_args.command[parsed_args.command[:1] == ['--']:]
        if not words:
            raise InvalidInputError('command', expected='a command to run', got='none',
                                    remedy='add it after --, as in: run --hosts 2 -- virsh list')
        spec = description.fleet_spec(
            parsed_args, None, parsed_args.pattern, default_name=None)
        description.tell_seed(spec)
        # No signal interrupts the registration of a host or its removal.
        with signals.deferred(), fleet_of_process(spec, parsed_args) as (fleet, places):
            first = fleet.host(None)
            if not parsed_args.quiet:
                print(reach(fleet.state()), file=sys.stderr, flush=True)
            environment = {**first.env, processes.MARK: str(places.hosts),
                           VARIABLE: str(places.control), options.HOST_VARIABLE: first.name,
                           options.PATH_VARIABLE: host_path(first)}
            environment['PATH'] = with_harness(environment['PATH'])
            if parsed_args.system_socket:
                words = in_namespace(words, first)
            return foreground.run(words, environment)


def with_harness(path: str) -> str:
    """Add the directory of ``vpmem-harness`` to PATH if it is missing."""
    scripts = sysconfig.get_path('scripts')
    if shutil.which('vpmem-harness', path=path) or not shutil.which('vpmem-harness', path=scripts):
        return path
    return f'{path}{os.pathsep}{scripts}'
