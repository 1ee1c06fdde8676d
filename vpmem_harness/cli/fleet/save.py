"""``vpmem-harness save``: write the state of a fleet to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options


class Save(Command):
    """Write the state of a fleet to a file, which "load" reads.

    The file has the hosts, their namespaces with labels and writers, the domains, the servers and
    the seed. It does not have faults, recorded calls, or networks, storage pools and secrets that
    clients have defined. The command waits until no server has a task.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('file', metavar='FILE', help='the file to write')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        # Imported when needed: this is slow.
        from vpmem_harness.fleet import saved

        with options.connected(parsed_args) as client:
            values = client.call('save')
        saved.write(values, Path(parsed_args.file))
        return 0
