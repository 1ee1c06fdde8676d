"""``vpmem-harness reboot``: restart a simulated host."""

from __future__ import annotations

import argparse
import sys

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options


class Reboot(Command):
    """Restart a simulated machine.

    Afterwards only domains with autostart run, and transient domains are gone. The namespaces of a
    region get new numbers but keep their names and contents. Clients of libvirt lose their
    connections.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('host', nargs='?', metavar='HOST',
                            help='the host (default: that of the shell, or the first one)')
        parser.add_argument('--release', metavar='RELEASE',
                            help='upgrade the machine: restart it with this release, and keep its '
                                 'domains and namespaces')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            name = client.call('reboot', name=options.chosen_host(parsed_args),
                               release=parsed_args.release)
        # Not on standard output, which may be that of a script.
        print(f'{name} has restarted', file=sys.stderr)
        return 0
