"""``vpmem-harness inventory collect``: the script that collects the data of a real host."""

from __future__ import annotations

import argparse
import sys
from importlib import resources

from vpmem_harness.cli.commands import Command


class Collect(Command):
    """Print a script that collects the data for a copy of a real host.

    The script needs a POSIX shell, awk and ndctl, but not this package. It changes nothing on the
    host, and hides the serial numbers of DIMMs. Pass its output to --listing:

    vpmem-harness inventory collect | ssh root@HOST sh > host.txt
    """

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Print the script."""
        package = resources.files('vpmem_harness.pmem.inventory.listing')
        sys.stdout.write((package / 'collect.sh').read_text('utf-8'))
        return 0
