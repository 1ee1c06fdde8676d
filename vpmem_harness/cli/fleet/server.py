"""``vpmem-harness server``: the servers of a fleet with a compute service."""

from __future__ import annotations

import argparse
import json
from typing import Any

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.cli.fleet.show import server_rows
from vpmem_harness.fleet.protocol import no_cloud
from vpmem_harness.fleet.snapshot import to_json


class _ServerCommand(Command):
    """A command about one server, which it names."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('server', metavar='SERVER', help='its name or id')
        self.add_options(parser)
        options.add_client_options(parser)
        return parser

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the command."""


class _Request(_ServerCommand):
    """A request to a server."""

    #: The name of the request.
    action = ''

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        _add_no_wait(parser)

    def arguments(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """Return the arguments of the request."""
        return {}

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            state = client.call(
                'server_request', server=parsed_args.server, action=self.action,
                wait=not parsed_args.no_wait, **self.arguments(parsed_args))
        print(f'{parsed_args.server} is deleted' if state is None else _line(state))
        return 0


class _Move(_Request):
    """A request that moves a server to another host."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument('--host', metavar='HOST',
                            help='the destination (default: the scheduler chooses)')

    def arguments(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return {'host': parsed_args.host}


class Boot(Command):
    """Boot a server, and wait until it is ACTIVE.

    If it goes to ERROR, the command prints the reason and exits with status 1.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('server', nargs='?', metavar='SERVER',
                            help='its name (default: server1, server2, ...)')
        parser.add_argument('--pmem', default='', metavar='LABELS',
                            help='labels of persistent memory, separated by commas')
        parser.add_argument('--host', metavar='HOST',
                            help='the host (default: the scheduler chooses)')
        for name, default, unit in (('vcpus', 1, 'virtual CPUs'), ('ram', 512, 'memory in MiB'),
                                    ('disk', 1, 'disk in GiB')):
            parser.add_argument(f'--{name}', type=int, default=default, metavar='N',
                                help=f'{unit} (default: {default})')
        _add_no_wait(parser)
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            state = client.call(
                'boot', name=parsed_args.server, pmem=parsed_args.pmem, host=parsed_args.host,
                vcpus=parsed_args.vcpus, ram=parsed_args.ram, disk=parsed_args.disk,
                wait=not parsed_args.no_wait)
        print(_line(state))
        return 0


class List(Command):
    """Print the servers."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--json', action='store_true', help='print JSON, for programs')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            state = client.state()
        if state.servers is None:
            raise no_cloud(state.name)
        print(json.dumps(to_json(state.servers), indent=1) if parsed_args.json
              else server_rows(state).text())
        return 0


class Show(_ServerCommand):
    """Print one server, as JSON."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            print(json.dumps(client.call('server', server=parsed_args.server), indent=1))
        return 0


class Resize(_Request):
    """Resize a server to other labels, on a host that the scheduler chooses."""

    action = 'resize'

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument('--pmem', required=True, metavar='LABELS',
                            help='the new labels, separated by commas')

    def arguments(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return {'pmem': parsed_args.pmem}


class Migrate(_Move):
    """Move a server to another host: powered off, or while it runs with --live.

    Without --live, confirm or revert the move, like a resize.
    """

    action = 'migrate'

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument('--live', action='store_true', help='live-migrate the server')

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        self.action = 'live-migrate' if parsed_args.live else 'migrate'
        return super().take_action(parsed_args)


class Evacuate(_Move):
    """Rebuild a server on another host while the compute service of its own host is down.

    "vpmem-harness compute kill HOST" ends a compute service.
    """

    action = 'evacuate'


class Confirm(_Request):
    """Confirm a resize or a migration."""

    action = 'confirm'


class Revert(_Request):
    """Revert a resize or a migration."""

    action = 'revert'


class Delete(_Request):
    """Delete a server."""

    action = 'delete'


class Start(_Request):
    """Turn a server on."""

    action = 'start'


class Stop(_Request):
    """Shut a server down."""

    action = 'stop'


class Compute(Command):
    """Start, stop or kill the compute service of a host; its guests keep running."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('action', choices=['start', 'stop', 'kill'],
                            help='start, stop or kill; stop lets the service finish its work, '
                                 'kill does not')
        parser.add_argument('host', metavar='HOST', help='the host')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            client.call('compute', host=parsed_args.host, action=parsed_args.action)
        return 0


def _add_no_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--no-wait', action='store_true',
                        help='return without waiting until the request is complete')


def _line(state: dict[str, Any]) -> str:
    namespaces = ', '.join(state['namespaces'])
    return (f'{state["name"]} is {state["status"]}'
            f'{" (" + state["task_state"] + ")" if state["task_state"] else ""}'
            f'{" on " + state["host"] if state["host"] else ""}'
            f'{" with " + namespaces if namespaces else ""}')
