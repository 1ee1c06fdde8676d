"""``vpmem-harness down``: end a fleet."""

from __future__ import annotations

import argparse
import contextlib
import os
import select

from vpmem_harness import conf
from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.exceptions import WaitTimeoutError
from vpmem_harness.fleet.client import FleetClient
from vpmem_harness.fleet.places import running

#: Seconds that a fleet has to end.
TIMEOUT = 120.0


class Down(Command):
    """End a fleet, and remove its servers, domains, hosts and files."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        options.add_client_options(parser)
        parser.add_argument('--all', action='store_true', help='end all your fleets')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.all:
            for location in running(conf.load().runtime_dir):
                with FleetClient(location) as client:
                    end(client)
            return 0
        with options.connected(parsed_args) as client:
            end(client)
        return 0


def end(client: FleetClient) -> None:
    """End a fleet, wait until its process has gone, and print which one it was.

    :raises WaitTimeoutError: when it does not end in time.
    """
    with contextlib.ExitStack() as stack:
        pid = client.call('down')
        with contextlib.suppress(OSError):     # it has ended, or this process cannot see it
            descriptor = os.pidfd_open(pid)
            stack.callback(os.close, descriptor)
            if not select.select([descriptor], [], [], TIMEOUT)[0]:
                raise WaitTimeoutError(f'the {client.location} to end', TIMEOUT, [])
    print(f'{client.location} has ended')
