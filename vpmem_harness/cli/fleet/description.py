"""Options that describe a fleet."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpmem_harness import conf
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.host_spec import HOST_OPTIONS
from vpmem_harness.fleet.spec import (
    HOSTS_LIMIT,
    PATTERN,
    FleetSpec,
    HostGroup,
    HostNames,
    add_value,
    check_fleet_name,
    groups_of_file,
    make_specs,
    parse_host,
    parse_number,
    read_file,
    read_names,
)
from vpmem_harness.randomness import Randomness


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
                            nargs=0 if flag else None, dest='host_values', help=one.help)


def add_fleet_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe a fleet."""
    parser.add_argument('--hosts', metavar='N',
                        help='number of hosts that are alike (default: 1, or none beside --host, '
                             '--fleet-file and --names)')
    parser.add_argument('--host', action='append', default=[], dest='single_hosts',
                        metavar="'KEY=VALUE ...'",
                        help="a host that differs: its name, and the options below without "
                             "dashes, as in --host 'name=big pmem=LARGE:4x16GiB'; count=N makes "
                             'several; can be repeated')
    parser.add_argument('--fleet-file', metavar='FILE',
                        help='a description of the hosts in YAML')
    parser.add_argument('--first', metavar='N', help='number of the first host (default: 1)')
    parser.add_argument('--names', metavar='FILE',
                        help='the names of the hosts, one a line')
    add_host_options(parser)
    parser.add_argument('--seed', metavar='N', help='seed of all random values')
    parser.add_argument('--dir', metavar='DIR',
                        help='where the hosts have their directories, short enough for sockets; '
                             'a temporary directory unless given')
    parser.add_argument('--cloud', action='store_true',
                        help='run the compute-service stub on the hosts: see "server"')
    parser.add_argument('--beside-real-nvdimms', action='store_true',
                        help='run on a machine that has NVDIMMs of its own: a command that resets '
                             'PATH would find the real ndctl')


def host_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that describe one host, in the form of a fleet file."""
    values: dict[str, Any] = {}
    for one in HOST_OPTIONS:
        for value in arguments.host_values.get(one.key, ()):
            add_value(values, one, value, 'the command line')
    return values


def fleet_spec(arguments: argparse.Namespace, name: str | None,
               pattern: str | None) -> FleetSpec:
    """Return the fleet that a command line describes.

    :param name: the fleet's name, unless a file has another; None for one without a name.
    :param pattern: the pattern of the hosts' names, or the name of the only one; None for the
        pattern of the file, or the default.
    :raises InvalidInputError: when it cannot be used.
    """
    file = {} if arguments.fleet_file is None else read_file(arguments.fleet_file)
    settings = conf.load(seed=arguments.seed)
    defaults = {'default_profile': settings.profile, 'release': settings.release,
                **host_values(arguments)}
    listed = None if arguments.names is None else read_names(arguments.names)
    groups = [] if not file else groups_of_file(file, arguments.fleet_file, defaults)
    groups += [parse_host(text, defaults) for text in arguments.single_hosts]
    count = _count(arguments, listed, bool(groups))
    single = pattern if pattern is not None and '{' not in pattern else None
    if single is not None:
        pattern = None
    if count:
        groups.insert(0, HostGroup(count, single, defaults, '--hosts', Path()))
    first = file.get('first', 1) if arguments.first is None else parse_number(
        arguments.first, '--first')
    names = HostNames(pattern or file.get('host_names', PATTERN), first, listed)
    hosts = make_specs(groups, names)
    seed = arguments.seed if arguments.seed is not None else file.get('seed', settings.seed)
    return FleetSpec(
        name=name and check_fleet_name(file.get('name', name)),
        seed=Randomness(None if seed is None else int(conf.load(seed=seed).seed or 0)).seed,
        hosts=hosts, cloud=arguments.cloud or file.get('cloud', False),
        pattern=pattern or file.get('host_names', PATTERN), next_number=names.next_number)


def _count(arguments: argparse.Namespace, listed: Sequence[str] | None, others: bool) -> int:
    if arguments.hosts is None:
        return len(listed) if listed is not None else int(not others)
    return parse_number(arguments.hosts, '--hosts', least=1, most=HOSTS_LIMIT)


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


def tell_seed(spec: FleetSpec) -> None:
    """Print the seed if it determines the namespaces."""
    if spec.random:
        print(f'vpmem-harness: these hosts are drawn from --seed {spec.seed}', file=sys.stderr)
