"""Commands that act on a bus: scrubs, and the activation of firmware.

Follows ndctl 76's ndctl/bus.c.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.commands.ndctl import filters
from vpmem_harness.pmem.commands.options import Option, Options
from vpmem_harness.pmem.commands.results import strerror
from vpmem_harness.pmem.kernel.buses import Bus

_VERBOSE = Option('v', 'verbose', 'turn on debug')
_BUSES = '[<bus-id> <bus-id2> ... <bus-idN>] [<options>]'
START = Options(f'ndctl start-scrub {_BUSES}', _VERBOSE)
WAIT = Options(f'ndctl wait-scrub {_BUSES}', _VERBOSE,
               Option('p', 'poll', 'poll interval (seconds)', 'number'))
ACTIVATE = Options(
    f'ndctl activate-firmware{_BUSES}', _VERBOSE,
    Option('I', 'idle', 'allow platform-injected idle over activate (default)'),
    Option('f', 'force', 'try to force live activation'),
    Option('n', 'dry-run', 'perform all setup/validation steps, skip the activate'))


def start_scrub(context: Context) -> int:
    """``ndctl start-scrub``: a scrub of the simulated media is over at once."""
    def action(bus: Bus) -> int:
        if not bus.has_firmware_commands:
            return -errno.ENOENT
        if not context.as_root:
            return -errno.EACCES
        context.memory.scrub(bus)
        return 0

    return _each(context, START, action, 'error starting scrub')


def wait_scrub(context: Context) -> int:
    """``ndctl wait-scrub``"""
    return _each(context, WAIT, lambda bus: 0 if bus.has_firmware_commands
                 else -errno.ENOENT, 'error waiting for scrub completion')


def activate_firmware(context: Context) -> int:
    """``ndctl activate-firmware``: no simulated DIMM takes firmware."""
    def action(bus: Bus) -> int:
        context.transcript.say(f'{bus.provider}: {bus.dev}: has no devices that support firmware '
                               'update.')
        return -errno.EOPNOTSUPP

    return _each(context, ACTIVATE, action, 'error activating firmware')


def _each(context: Context, options: Options, action: Callable[[Bus], int], failure: str) -> int:
    transcript = context.transcript
    parsed = options.parse(context.arguments, transcript)
    words = parsed.arguments or ['all']
    done: list[Json] = []
    error = 0
    with context.memory.changing(listings=True):
        for word in ['all'] if 'all' in words else words:
            named = filters.buses(context.memory, word)
            if not named and parsed.flag('verbose'):
                transcript.say(f'no bus matches id: {word}')
            for bus in named:
                status = action(bus)
                done += [] if status else [json_objects.bus_object(bus)]
                error = error or status
    if done:
        show(transcript, done, False)
        return 0
    transcript.say(f'{failure}: {strerror(-error or errno.ENXIO)}')
    return error or -errno.ENXIO
