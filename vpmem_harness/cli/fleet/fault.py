"""``vpmem-harness fault``: begin and end faults of a host."""

from __future__ import annotations

import argparse

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.cli.fleet.show import fault_rows, only
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.client import FleetClient

#: Options of the command itself; the others belong to the fault. True if it has a value.
_OWN = {'clear': False, 'list': False, 'kinds': False, 'remove': True, 'name': True,
        'fleet': True}


class Fault(Command):
    """Start a fault on a host: calls fail or hang, a namespace vanishes, libvirtd is down.

    KIND is the name of a method of host.faults in Python, with dashes, and has its arguments:
    "fault host1 failing domainCreateWithFlags --error VIR_ERR_OPERATION_FAILED --times 1",
    "fault host1 tool-slow ndctl list --seconds 5", "fault host1 vanishing ns_0". A fault is in
    force until it has affected --times calls, or until you remove it. --kinds prints the kinds.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--clear', action='store_true',
                            help='remove all faults, or those of HOST')
        parser.add_argument('--remove', metavar='N', help='remove the fault with this number')
        parser.add_argument('--list', action='store_true', help='print the faults in force')
        parser.add_argument('--kinds', action='store_true',
                            help='print the kinds and their arguments')
        options.add_client_options(parser)
        parser.add_argument('host', nargs='?', metavar='HOST', help='the host')
        parser.add_argument('kind', nargs='?', metavar='KIND', help='the kind of fault')
        parser.add_argument('rest', nargs=argparse.REMAINDER, metavar='ARGUMENT...',
                            help='arguments of the kind: words, and --OPTION VALUE')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        words, values = split(parsed_args.rest)
        own = {name: values.pop(name) for name in _OWN if name in values}
        if parsed_args.kinds or 'kinds' in own:
            print(_kinds())
            return 0
        parsed_args.fleet = own.get('name', own.get('fleet', parsed_args.fleet))
        with options.connected(parsed_args) as client:
            return _act(client, parsed_args, own, words, values)


def _act(client: FleetClient, arguments: argparse.Namespace, own: dict[str, str],
         words: list[str], values: dict[str, str]) -> int:
    host, kind = arguments.host, arguments.kind
    number = own.get('remove', arguments.remove)
    if arguments.clear or 'clear' in own or number is not None:
        if number is not None and not number.isdigit():
            raise InvalidInputError('--remove', expected='the number of a fault', got=repr(number),
                                    remedy='see "vpmem-harness fault --list"')
        count = client.call('clear_faults', host=host,
                            number=None if number is None else int(number))
        print(f'faults removed: {count}')
    elif arguments.list or 'list' in own or host is None:
        state = client.state()
        print(fault_rows(state.hosts if host is None else only(state, host).hosts).text())
    elif kind is None:
        raise InvalidInputError('fault', expected='a kind of fault after the host', got='none',
                                remedy='see "vpmem-harness fault --kinds"')
    else:
        fault = client.call('fault', host=host, kind=kind, words=words, options=values)
        print(f'fault {fault["number"]} on {host}: {fault["what"]}')
    return 0


def split(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words, and the options with their values: ``--key value`` or ``--key=value``.

    :raises InvalidInputError: for an option without its value.
    """
    rest, values = [], {}
    remaining = iter(words)
    for word in remaining:
        if not word.startswith('--'):
            rest.append(word)
            continue
        key, equals, value = word[2:].partition('=')
        if _OWN.get(key) is False:
            values[key] = ''
            continue
        following = value if equals else next(remaining, None)
        if following is None:
            raise InvalidInputError(f'--{key}', expected='a value', got='none', remedy='add it')
        values[key] = following
    return rest, values


def _kinds() -> str:
    # Imported when needed: this is slow.
    from vpmem_harness.fleet.fault_kinds import fault_kinds

    return '\n'.join(f'{kind.usage}\n    {kind.summary}' for kind in fault_kinds().values())
