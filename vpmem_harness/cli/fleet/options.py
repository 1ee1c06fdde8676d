"""Options that select a running fleet and one of its hosts.

This module and those that it imports load quickly, because most commands need nothing else.
"""

from __future__ import annotations

import argparse
import os

from vpmem_harness import conf
from vpmem_harness.fleet.client import FleetClient, connect

#: The variables that name the host of a shell, and what stands first on its PATH for the host.
HOST_VARIABLE = 'VPMEM_HARNESS_HOST'
PATH_VARIABLE = 'VPMEM_HARNESS_PATH'


def add_client_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that selects a running fleet."""
    parser.add_argument('--name', '--fleet', metavar='NAME', dest='fleet',
                        help='the fleet (default: that of the shell, or the only one)')


def connected(arguments: argparse.Namespace) -> FleetClient:
    """Connect to the fleet that the command line selects."""
    return connect(arguments.fleet, conf.load().runtime_dir)


def chosen_host(arguments: argparse.Namespace) -> str | None:
    """Return the host that the command line or the shell selects; None for the first one."""
    host: str | None = arguments.host
    # The host of the shell, unless the command line is about another fleet.
    return host or (os.environ.get(HOST_VARIABLE) if arguments.fleet is None else None)
