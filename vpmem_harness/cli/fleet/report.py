"""``vpmem-harness report``: write an HTML page about a fleet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.exceptions import unwritable


class Report(Command):
    """Write an HTML page about a fleet: a timeline of requests, calls, faults, reboots and changes
    of state, the memory of each host before and after, servers and allocations.

    The page is redacted like logs, and loads nothing. It needs the extra "report".
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('file', nargs='?', metavar='FILE', default='report.html',
                            help='the file to write, or - for standard output (default: '
                                 'report.html)')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            page = client.call('report')
        if parsed_args.file == '-':
            sys.stdout.write(page)
        else:
            write(page, Path(parsed_args.file))
            print(parsed_args.file)
        return 0


def write(page: str, path: Path) -> None:
    """Write a page in place of an earlier one.

    :raises InvalidInputError: when the file cannot be written.
    """
    try:
        path.write_text(page, encoding='utf-8')
    except OSError as error:
        raise unwritable('FILE', path, error) from error
