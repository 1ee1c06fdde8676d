"""``vpmem-harness load``: start a fleet with the state that "save" has written."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import fleet_options, up
from vpmem_harness.fleet.places import DEFAULT_NAME


class Load(Command):
    """Start a fleet with the state that "save" has written.

    Running guests run again, and servers are on the same hosts. The compute services start as after
    a restart. The fleet has its saved name, unless another one is given.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('file', metavar='FILE', help='the file that "save" has written')
        parser.add_argument('--name', '--fleet', dest='fleet', metavar='NAME',
                            help='another name for the fleet')
        fleet_options.add_place_options(parser)
        up.add_background_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if not parsed_args.foreground:
            return up.start(up.argv_of(self))
        # Imported when needed: this is slow.
        from vpmem_harness.cli.fleet import serve
        from vpmem_harness.fleet import saved
        from vpmem_harness.fleet.spec import check_fleet_name

        fleet = saved.read(Path(parsed_args.file))
        name = check_fleet_name(parsed_args.fleet or fleet.spec.name or DEFAULT_NAME)
        return serve.serve(dataclasses.replace(fleet.spec, name=name), parsed_args, fleet)
