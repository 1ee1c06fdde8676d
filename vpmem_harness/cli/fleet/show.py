"""``vpmem-harness show``: print the state of a fleet."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.cli.tables import table
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.places import DEFAULT_NAME
from vpmem_harness.fleet.snapshot import FleetState, HostState, NamespaceState, to_json
from vpmem_harness.plurals import counted
from vpmem_harness.pmem.inventory.spec import format_size


class Show(Command):
    """Print the hosts, regions, namespaces, domains, servers and active faults of a fleet.

    For a namespace, "open in" is the domain that uses it, "claimed by" the server that has
    claimed it, and "data of" the server or domain that wrote to it last.
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
        raise InvalidInputError('host', expected=f'one of {names}' if names else
                                'a host of the fleet, which has none',
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
    return (f'fleet{named} runs: {counted(len(state.hosts), "host")} in {state.directory}\n'
            f'{reach(state)}')


def reach(state: FleetState) -> str:
    """Say how to reach each host."""
    lines = [f'  {host.name}: {uri}' for host in state.hosts[:_SUMMARY]
             for uri in (host.uri, host.tcp_uri, host.tls_uri) if uri is not None]
    if len(state.hosts) > _SUMMARY:
        lines.append(f'  and {len(state.hosts) - _SUMMARY} more: see "vpmem-harness show"')
    option = '' if state.name in (None, DEFAULT_NAME) else f' --name {state.name}'
    lines.append(f'to use one in a shell: eval "$(vpmem-harness env{option} '
                 f'{state.hosts[-1].name})"')
    return '\n'.join(lines)


#: How many hosts are listed at the start.
_SUMMARY = 20


@dataclass(frozen=True)
class Rows:
    """A table with a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def text(self) -> str:
        """Return the table as text."""
        if not self.rows:
            return f'{self.title}: none'
        return f'{self.title}:\n{table(self.columns, self.rows)}'


def text(state: FleetState) -> str:
    """Describe a fleet in tables."""
    return '\n\n'.join([head(state), *(rows.text() for rows in tables(state))])


def head(state: FleetState) -> str:
    """Describe a fleet in two lines."""
    return (f'fleet {state.name or "of this shell"}: {counted(len(state.hosts), "host")}, '
            f'seed {state.seed}, process {state.pid}\ndirectory {state.directory}')


def tables(state: FleetState) -> list[Rows]:
    """Return the tables that describe a fleet."""
    return [host_rows(state.hosts), region_rows(state.hosts), namespace_rows(state.hosts),
            domain_rows(state.hosts), *([] if state.servers is None else [server_rows(state)]),
            fault_rows(state.hosts)]


def host_rows(hosts: Sequence[HostState]) -> Rows:
    """A table of hosts."""
    return Rows('hosts', ['host', 'release', 'libvirtd', 'compute', 'calls', 'URI',
                          'pmem_namespaces'], [
        [host.name, host.release, host.libvirtd, host.compute or '-', host.calls, host.uri,
         host.pmem_namespaces or '-'] for host in hosts])


def region_rows(hosts: Sequence[HostState]) -> Rows:
    """A table of regions."""
    return Rows('regions', ['host', 'region', 'NUMA node', 'DIMMs', 'size', 'free'], [
        [host.name, region.dev, region.numa_node, ' '.join(region.dimms),
         format_size(region.size), format_size(region.available_size)]
        for host in hosts for region in host.regions])


def namespace_rows(hosts: Sequence[HostState]) -> Rows:
    """A table of namespaces."""
    return Rows(
        'namespaces',
        ['host', 'namespace', 'name', 'mode', 'device', 'size', 'label', 'open in', 'claimed by',
         'data of'],
        [[host.name, *_namespace(one)] for host in hosts for one in host.namespaces])


def _namespace(one: NamespaceState) -> list[object]:
    return [one.dev, one.name or '-', one.mode, one.device or one.state, format_size(one.size),
            one.label or '-', _list(one.holders), _list(one.claimed_by), _list(one.writers)]


def domain_rows(hosts: Sequence[HostState]) -> Rows:
    """A table of domains."""
    return Rows('domains', ['host', 'domain', 'state', 'server', 'devices'], [
        [host.name, domain.name, domain.state, domain.server or '-', _list(domain.devices)]
        for host in hosts for domain in host.domains])


def server_rows(state: FleetState) -> Rows:
    """A table of servers."""
    return Rows('servers', ['server', 'status', 'task', 'host', 'labels', 'namespaces', 'fault'],
                [[one.name, one.status, one.task_state or '-', one.host or '-', _list(one.pmem),
                  _list(one.namespaces) + (
                      f' (before: {_list(one.old_namespaces)})' if one.old_namespaces else ''),
                  one.fault or '-'] for one in state.servers or ()])


def fault_rows(hosts: Sequence[HostState]) -> Rows:
    """A table of faults."""
    return Rows('faults', ['host', 'number', 'fault', 'struck', 'holds'], [
        [host.name, fault.number, fault.what, counted(fault.struck, 'call'),
         counted(fault.holding, 'call')]
        for host in hosts for fault in host.faults])


def _list(names: Iterable[str]) -> str:
    return ' '.join(names) or '-'
