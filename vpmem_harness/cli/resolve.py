"""``vpmem-harness resolve``: show a log with original values."""

from __future__ import annotations

import argparse
import sys

from vpmem_harness.cli.commands import Command
from vpmem_harness.safelog import pseudonyms


class Resolve(Command):
    """Replace the pseudonyms in a log with the original values.

    `vpmem-harness --save-pseudonyms FILE COMMAND` writes FILE. Do not publish the output.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('pseudonyms', metavar='FILE', help='the pseudonyms of the run')
        parser.add_argument('log', nargs='?', metavar='LOG', default='-',
                            type=argparse.FileType(errors='replace'),
                            help='the log; by default standard input')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        values = pseudonyms.load(parsed_args.pseudonyms)
        with parsed_args.log as log:
            for line in log:
                sys.stdout.write(pseudonyms.resolve(line, values))
        return 0
