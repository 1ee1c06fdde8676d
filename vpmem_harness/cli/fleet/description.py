"""The fleet that a command line describes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpmem_harness import conf
from vpmem_harness.fleet.host_options import HOST_OPTIONS
from vpmem_harness.fleet.places import DEFAULT_NAME
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


def host_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that describe one host, in the form of a fleet file."""
    values: dict[str, Any] = {}
    for one in HOST_OPTIONS:
        for value in arguments.host_values.get(one.key, ()):
            add_value(values, one, value, 'the command line')
    return values


def fleet_spec(arguments: argparse.Namespace, name: str | None, pattern: str | None, *,
               default_name: str | None = DEFAULT_NAME) -> FleetSpec:
    """Return the fleet that a command line describes.

    :param name: the fleet's name; None for that of the file, or the default.
    :param pattern: the pattern of the hosts' names, or the name of the only one; None for the
        pattern of the file, or the default.
    :param default_name: None for a fleet that ends with its command, which has no name.
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
        groups.insert(0, HostGroup(count, single, defaults, 'the options', Path()))
    first = file.get('first', 1) if arguments.first is None else parse_number(
        arguments.first, '--first')
    names = HostNames(pattern or file.get('host_names', PATTERN), first, listed)
    hosts = make_specs(groups, names)
    seed = arguments.seed if arguments.seed is not None else file.get('seed', settings.seed)
    return FleetSpec(
        name=None if default_name is None else check_fleet_name(
            name or file.get('name', default_name)),
        seed=Randomness(None if seed is None else int(conf.load(seed=seed).seed or 0)).seed,
        hosts=hosts, cloud=arguments.cloud or file.get('cloud', False),
        pattern=pattern or file.get('host_names', PATTERN), next_number=names.next_number)


def _count(arguments: argparse.Namespace, listed: Sequence[str] | None, others: bool) -> int:
    if arguments.hosts is None:
        return len(listed) if listed is not None else int(not others)
    return parse_number(arguments.hosts, '--hosts', least=1, most=HOSTS_LIMIT)


def tell_seed(spec: FleetSpec) -> None:
    """Print the seed if it determines the namespaces."""
    if spec.random:
        print(f'vpmem-harness: the namespaces are random; --seed {spec.seed} repeats them',
              file=sys.stderr)
