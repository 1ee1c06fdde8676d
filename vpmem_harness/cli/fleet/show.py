"""``vpmem-harness show``: print the state of a fleet."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.cli.tables import table
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.places import DEFAULT_NAME
from vpmem_harness.fleet.snapshot import FleetState, HostState, NamespaceState, to_json
from vpmem_harness.pmem.inventory.spec import format_size


class Show(Command):
    """Print the hosts of a fleet, their regions and namespaces with their holders, the domains, the
    servers and the faults in force.

    A namespace is "open in" a domain, "claimed by" a server, and contains "data of" whoever wrote
    to it last.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('host', nargs='?', metavar='HOST', help='one host only')
        options.add_client_options(parser)
        parser.add_argument('--json', action='store_true', help='print JSON, for programs')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            state = client.state()
        if parsed_args.host is not None:
            state = only(state, parsed_args.host)
        print(json.dumps(to_json(state), indent=1) if parsed_args.json else text(state))
        return 0


def only(state: FleetState, name: str) -> FleetState:
    """Return the part of a fleet's state that concerns one host.

    :raises InvalidInputError: when there is no such host.
    """
    host = state.host(name)
    if host is None:
        names = ', '.join(one.name for one in state.hosts)
        raise InvalidInputError('host', expected=f'one of {names or "none: there are none"}',
                                got=repr(name), remedy='name a running host')
    servers = None if state.servers is None else tuple(
        server for server in state.servers
        if server.host == name or name in (server.allocations or {}))
    return FleetState(
        version=state.version, name=state.name, seed=state.seed, time=state.time,
        directory=state.directory, pid=state.pid, hosts=(host,), servers=servers)


def summary(state: FleetState) -> str:
    """Describe a fleet that has just started: how to reach each host."""
    named = f' {state.name!r}' if state.name else ''
    return (f'fleet{named} runs: {_count(len(state.hosts), "host")} in {state.directory}\n'
            f'{reach(state)}')


def reach(state: FleetState) -> str:
    """Say how to reach each host."""
    lines = [f'  {host.name}: {host.uri}' for host in state.hosts[:_SUMMARY]]
    if len(state.hosts) > _SUMMARY:
        lines.append(f'  and {len(state.hosts) - _SUMMARY} more: see "vpmem-harness show"')
    option = '' if state.name in (None, DEFAULT_NAME) else f' --name {state.name}'
    lines.append(f'to use one in a shell: eval "$(vpmem-harness env{option} '
                 f'{state.hosts[-1].name})"')
    return '\n'.join(lines)


#: How many hosts are listed at the start.
_SUMMARY = 20


def text(state: FleetState) -> str:
    """Describe a fleet in tables."""
    return '\n\n'.join(_parts(state))


def _parts(state: FleetState) -> Iterator[str]:
    yield (f'fleet {state.name or "of this shell"}: {_count(len(state.hosts), "host")}, '
           f'seed {state.seed}, process {state.pid}\ndirectory {state.directory}')
    yield host_table(state.hosts)
    yield region_table(state.hosts)
    yield namespace_table(state.hosts)
    yield domain_table(state.hosts)
    if state.servers is not None:
        yield server_table(state)
    yield fault_table(state.hosts)


def host_table(hosts: Sequence[HostState]) -> str:
    """A table of hosts."""
    return _table('hosts', ['host', 'libvirtd', 'compute', 'calls', 'URI', 'pmem_namespaces'], [
        [host.name, host.libvirtd, host.compute or '-', host.calls, host.uri,
         host.pmem_namespaces or '-'] for host in hosts])


def region_table(hosts: Sequence[HostState]) -> str:
    """A table of regions."""
    return _table('regions', ['host', 'region', 'NUMA node', 'DIMMs', 'size', 'free'], [
        [host.name, region.dev, region.numa_node, ' '.join(region.dimms),
         format_size(region.size), format_size(region.available_size)]
        for host in hosts for region in host.regions])


def namespace_table(hosts: Sequence[HostState]) -> str:
    """A table of namespaces."""
    return _table(
        'namespaces',
        ['host', 'namespace', 'name', 'mode', 'device', 'size', 'label', 'open in', 'claimed by',
         'data of'],
        [[host.name, *_namespace(one)] for host in hosts for one in host.namespaces])


def _namespace(one: NamespaceState) -> list[object]:
    return [one.dev, one.name or '-', one.mode, one.device or one.state, format_size(one.size),
            one.label or '-', _list(one.holders), _list(one.claimed_by), _list(one.writers)]


def domain_table(hosts: Sequence[HostState]) -> str:
    """A table of domains."""
    return _table('domains', ['host', 'domain', 'state', 'server', 'devices'], [
        [host.name, domain.name, domain.state, domain.server or '-', _list(domain.devices)]
        for host in hosts for domain in host.domains])


def server_table(state: FleetState) -> str:
    """A table of servers."""
    return _table('servers', ['server', 'status', 'task', 'host', 'labels', 'namespaces', 'fault'],
                  [[one.name, one.status, one.task_state or '-', one.host or '-',
                    _list(one.pmem),
                    _list(one.namespaces) + (
                        f' (before: {_list(one.old_namespaces)})' if one.old_namespaces else ''),
                    one.fault or '-'] for one in state.servers or ()])


def fault_table(hosts: Sequence[HostState]) -> str:
    """A table of faults."""
    return _table('faults', ['host', 'number', 'fault', 'struck', 'holds'], [
        [host.name, fault.number, fault.what, f'{fault.struck} calls', f'{fault.holding} calls']
        for host in hosts for fault in host.faults])


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return f'{title}:\n{table(columns, rows)}' if rows else f'{title}: none'


def _list(names: Iterable[str]) -> str:
    return ' '.join(names) or '-'


def _count(number: int, what: str) -> str:
    return f'{number} {what}{"" if number == 1 else "s"}'
