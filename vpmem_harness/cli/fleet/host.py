"""``vpmem-harness host``: add hosts to a running fleet, and remove them."""

from __future__ import annotations

import argparse
import os

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import description, fleet_options, options
from vpmem_harness.cli.inventory import read_listing
from vpmem_harness.fleet.text_files import STANDARD_INPUT, read_text
from vpmem_harness.hardware import document


class Add(Command):
    """Start one more host in a fleet.

    Guests of the other hosts can migrate to it, and a cloud starts a compute service on it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('host', nargs='?', metavar='HOST',
                            help="its name; by default the next one of the fleet's pattern")
        fleet_options.add_host_options(parser)
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            values = description.host_values(parsed_args)
            text = None
            # The standard input of this process, not that of the fleet.
            if values.get('listing') == STANDARD_INPUT:
                text = read_listing(STANDARD_INPUT)
            elif values.get('hardware') == STANDARD_INPUT:
                text = document.read_argument(STANDARD_INPUT, lambda: read_text(STANDARD_INPUT))
            added = client.call('add_host', name=parsed_args.host, directory=os.getcwd(),
                                values=values, standard_input=text)
        print(f'{added["name"]}: {added["uri"]}')
        return 0


class Remove(Command):
    """Stop a host, and remove it from its fleet.

    The command refuses to remove a host with servers.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('host', metavar='HOST', help='the host')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            client.call('remove_host', host=parsed_args.host)
        return 0
