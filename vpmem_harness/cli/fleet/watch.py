"""``vpmem-harness watch``: show a fleet on the terminal."""

from __future__ import annotations

import argparse
import collections
import datetime
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.cli.fleet.show import Rows, head, only, tables
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.client import FleetClient
from vpmem_harness.fleet.places import NoFleetError
from vpmem_harness.fleet.snapshot import CallState, FleetState

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Polling interval in seconds.
INTERVAL = 0.5

#: How many calls are kept for the screen, and how many of a host are taken at a time.
_CALLS = 500


class Watch(Command):
    """Show the tables of "show" and the latest calls on the terminal, and update them.

    Ctrl-C ends it. If standard output is not a terminal, it prints only the calls, one per line.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('host', nargs='?', metavar='HOST', help='one host only')
        parser.add_argument('--interval', type=float, default=INTERVAL, metavar='SECONDS',
                            help=f'time between two updates (default: {INTERVAL})')
        parser.add_argument('--calls', action='store_true',
                            help='print only the calls, also on a terminal')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if not 0.05 <= parsed_args.interval <= 3600:
            raise InvalidInputError('--interval', expected='seconds from 0.05 to 3600',
                                    got=str(parsed_args.interval), remedy='leave it out')
        wait = threading.Event().wait       # a signal interrupts it
        with options.connected(parsed_args) as client:
            view = View(client, parsed_args.host)
            view.state()        # the host exists
            if parsed_args.calls or not sys.stdout.isatty():
                follow(view, lambda: wait(parsed_args.interval))
            else:
                screen(view, lambda: wait(parsed_args.interval))
        return 0


class View:
    """The part of a fleet to show.

    :param host: the only host that is shown; None for all.
    """

    def __init__(self, client: FleetClient, host: str | None) -> None:
        self._client = client
        self._host = host
        self._seen: dict[str, int] = {}

    def state(self) -> FleetState:
        """The current state."""
        state = self._client.state()
        return state if self._host is None else only(state, self._host)

    def new_calls(self) -> Iterator[CallState]:
        """Yield the calls since the last time."""
        for call in self._client.calls_after(self._seen, _CALLS):
            self._seen[call.host] = max(call.number, self._seen.get(call.host, 0))
            if self._host in (None, call.host):
                yield call


def follow(view: View, wait: Callable[[], object]) -> None:
    """Print calls as they arrive, until the fleet ends."""
    try:
        while True:
            for call in view.new_calls():
                print(line(call), flush=True)
            wait()
    except NoFleetError as error:
        print(error, file=sys.stderr)


def line(call: CallState) -> str:
    """Describe a call in one line: the time, the host, the call and its result."""
    at = datetime.datetime.fromtimestamp(call.time).astimezone()
    told = call.fault is not None or call.outcome == 'ok'
    return (f'{at:%H:%M:%S}.{at.microsecond // 1000:03} {call.host} {call.text}'
            f'{"" if told else ": " + call.outcome}')


def screen(view: View, wait: Callable[[], object]) -> None:
    """Show the fleet on the terminal until it ends.

    :raises InvalidInputError: if rich is not installed.
    """
    try:
        from rich.live import Live
    except ImportError:
        raise InvalidInputError(
            'watch', expected='rich to be installed', got='none',
            remedy="install vpmem-harness[watch], or use --calls") from None
    calls: collections.deque[CallState] = collections.deque(maxlen=_CALLS)
    calls.extend(view.new_calls())
    try:
        with Live(render(view.state(), calls), screen=True, auto_refresh=False) as live:
            while True:
                wait()
                calls.extend(view.new_calls())
                live.update(render(view.state(), calls), refresh=True)
    except NoFleetError as error:
        print(error, file=sys.stderr)


def render(state: FleetState, calls: Sequence[CallState]) -> RenderableType:
    """Return the screen: the tables of "show" above, the latest calls below."""
    from rich.console import Group
    from rich.layout import Layout
    from rich.panel import Panel
    from rich.text import Text

    layout = Layout()
    layout.split_column(Layout(name='fleet', ratio=3), Layout(name='calls', ratio=1,
                                                              minimum_size=5))
    shown = [_table(rows) for rows in tables(state) if rows.rows]
    layout['fleet'].update(Group(Text(head(state).partition('\n')[0], style='bold'), *shown))
    latest = [line(call) for call in list(calls)[-_CALLS:]]
    text = Text('\n'.join(reversed(latest)), no_wrap=True, overflow='ellipsis')
    layout['calls'].update(Panel(text, title='calls, newest first', title_align='left'))
    return layout


def _table(rows: Rows) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # The URI is long, and "show" prints it.
    kept = [number for number, name in enumerate(rows.columns) if name != 'URI']
    made = Table(title=rows.title, title_justify='left', box=box.SIMPLE_HEAD, pad_edge=False)
    for number in kept:
        made.add_column(rows.columns[number], overflow='ellipsis', no_wrap=True)
    for row in rows.rows:
        made.add_row(*(Text(str(row[number])) for number in kept))
    return made
