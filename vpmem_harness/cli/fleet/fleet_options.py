"""Options that describe a fleet; this module loads quickly."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.host_options import HOST_OPTIONS


class _Value(argparse.Action):
    """Collects the options of :data:`HOST_OPTIONS` in ``host_values``."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: str | Sequence[Any] | None, option_string: str | None = None) -> None:
        collected = dict(getattr(namespace, 'host_values', None) or {})
        name = (option_string or '').removeprefix('--')
        option = next(one for one in HOST_OPTIONS if one.option == name)
        given = collected.setdefault(option.key, [])
        given.append(values if isinstance(values, str) else None)
        namespace.host_values = collected


def add_host_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe one host."""
    parser.set_defaults(host_values={})
    for one in HOST_OPTIONS:
        flag = one.kind == 'boolean'
        parser.add_argument(f'--{one.option}', action=_Value, metavar=one.metavar or None,
                            nargs=0 if flag else '?' if one.default else None,
                            const=one.default, dest='host_values', help=one.help)


def add_fleet_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe a fleet."""
    parser.add_argument('--hosts', metavar='N',
                        help='number of equal hosts (default: 1, or none with --host, '
                             '--fleet-file or --names)')
    parser.add_argument('--host', action='append', default=[], dest='single_hosts',
                        metavar="'KEY=VALUE ...'",
                        help="another host: its name, and options of this command without "
                             "dashes, as in --host 'name=big pmem=LARGE:4x16GiB'; count=N for "
                             'several; can be repeated')
    parser.add_argument('--fleet-file', metavar='FILE',
                        help='a description of the hosts in YAML (- is standard input)')
    parser.add_argument('--first', metavar='N', help='number of the first host (default: 1)')
    parser.add_argument('--names', metavar='FILE',
                        help='a file with the names of the hosts, one per line (- is standard '
                             'input)')
    add_host_options(parser)
    parser.add_argument('--seed', metavar='N', help='seed of all random values')
    parser.add_argument('--cloud', action='store_true',
                        help='run the compute-service stub on the hosts: see "server"')
    add_place_options(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a fleet runs."""
    parser.add_argument('--dir', metavar='DIR',
                        help='directory for the directories of the hosts (default: a temporary '
                             'one); the path must be short, because it is part of socket paths')
    parser.add_argument('--beside-real-nvdimms', action='store_true',
                        help='run on a machine with real NVDIMMs, although a command that resets '
                             'PATH would find the real ndctl')


def split_names(names: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the fleet's name and the pattern of the hosts' names among the values of ``--name``.

    :raises InvalidInputError: when there are two of a kind.
    """
    fleets = [name for name in names if '{' not in name]
    patterns = [name for name in names if '{' in name]
    for what, found in (('name of the fleet', fleets), ('pattern of hosts\' names', patterns)):
        if len(found) > 1:
            raise InvalidInputError(what, expected='one', got=', '.join(map(repr, found)),
                                    remedy='leave out the others')
    return next(iter(fleets), None), next(iter(patterns), None)
