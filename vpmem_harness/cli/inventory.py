"""``vpmem-harness inventory``: persistent memory of a host."""

from __future__ import annotations

import argparse
import sys

from vpmem_harness import conf
from vpmem_harness.cli.commands import Command
from vpmem_harness.exceptions import unreadable
from vpmem_harness.fleet.text_files import read_text
from vpmem_harness.pmem.inventory import nova_labels
from vpmem_harness.pmem.inventory.selection import choose
from vpmem_harness.randomness import Randomness


class Inventory(Command):
    """Print the persistent memory of a host as ``ndctl list -X`` does.

    The inventory is random unless you give --pmem, --dimm or --listing. The listing goes to
    standard output. The matching lines for nova.conf and the seed go to standard error. With
    --format nova the lines for nova.conf go to standard output. With --explain, standard error
    also has a line for each value that --listing does not contain and the copy fills in.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the options."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--seed', metavar='N',
                            help='seed; by default a new one')
        parser.add_argument('--profile', metavar='PROFILE',
                            help='profile of a random inventory: plain, mixed (the default), '
                                 'hostile, optane-2s or optane-4s')
        parser.add_argument('--pmem', metavar='SPEC',
                            help='ready namespaces: SMALL:2x4GiB,LARGE:1x16GiB')
        parser.add_argument('--dimm', action='append', metavar='[Nx]SIZE[,OPTION=VALUE]...',
                            help='a DIMM, which is empty unless --pmem adds namespaces, such as '
                                 '32GiB,numa=1,labels=no or 6x252GiB,interleave=a,target=2; can '
                                 'be repeated')
        parser.add_argument('--listing', metavar='FILE',
                            help='a file with the output of `ndctl list` or `daxctl list` on a '
                                 'host, with any options, or of the script from `inventory '
                                 'collect` (- is standard input)')
        parser.add_argument('--explain', action='store_true',
                            help='also print which values --listing does not contain, and which '
                                 'values the copy has')
        parser.add_argument('-f', '--format', choices=['ndctl', 'nova'], default='ndctl',
                            help='what goes to standard output: the listing (the default) or '
                                 'the lines for nova.conf')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Print the inventory."""
        settings = conf.load(seed=parsed_args.seed, profile=parsed_args.profile)
        randomness = Randomness(settings.seed)
        listing = None if parsed_args.listing is None else read_listing(parsed_args.listing)
        inventory = choose(randomness, profile=settings.profile, pmem=parsed_args.pmem,
                           dimms=parsed_args.dimm, listing=listing)
        memory = inventory.build(randomness.derive('uuids'))
        labels = inventory.labels or nova_labels.labels_by_size(memory.namespaces)
        value = nova_labels.pmem_namespaces(labels, memory.namespaces)
        lines = f'[libvirt]\npmem_namespaces = {value}'.rstrip()
        if parsed_args.format == 'nova':
            print(lines)
        else:
            sys.stdout.write(memory.run(['ndctl', 'list', '-X']).stdout)
            sys.stdout.flush()
            print(f'# seed {randomness.seed}\n{lines}', file=sys.stderr)
        if parsed_args.explain:
            for note in inventory.notes or ['nothing is left open']:
                print(f'# {note}', file=sys.stderr)
        return 0


def read_listing(path: str) -> str:
    """Return the text of a file, or of standard input for ``-``; raises InvalidInputError."""
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable('--listing', path, error,
                         remedy='name a file with the output of `ndctl list`') from error
