"""Commands that act on a bus: scrubs, and the activation of firmware.

Follows ndctl 76's ndctl/bus.c.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.ndctl import filters
from vpmem_harness.pmem.commands.options import Option, Options
from vpmem_harness.pmem.commands.results import strerror

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
    def action() -> int:
        if not context.memory.has_firmware_commands:
            return -errno.ENOENT
        if not context.as_root:
            return -errno.EACCES
        context.memory.scrub()
        return 0

    return _each(context, START, action, 'error starting scrub')


def wait_scrub(context: Context) -> int:
    """``ndctl wait-scrub``"""
    return _each(context, WAIT, lambda: 0 if context.memory.has_firmware_commands
                 else -errno.ENOENT, 'error waiting for scrub completion')


def activate_firmware(context: Context) -> int:
    """``ndctl activate-firmware``: no simulated DIMM takes firmware."""
    def action() -> int:
        context.transcript.say(f'{json_objects.PROVIDER}: {json_objects.BUS}: has no devices that '
                               'support firmware update.')
        return -errno.EOPNOTSUPP

    return _each(context, ACTIVATE, action, 'error activating firmware')


def _each(context: Context, options: Options, action: Callable[[], int], failure: str) -> int:
    transcript = context.transcript
    parsed = options.parse(context.arguments, transcript)
    words = parsed.arguments or ['all']
    successes, error = 0, 0
    with context.memory.changing(listings=True):
        for word in ['all'] if 'all' in words else words:
            if not filters.is_bus(context.memory, word):
                if parsed.flag('verbose'):
                    transcript.say(f'no bus matches id: {word}')
                continue
            status = action()
            successes += not status
            error = error or status
    if successes:
        show(transcript, [json_objects.bus_object(context.memory)] * successes, False)
        return 0
    transcript.say(f'{failure}: {strerror(-error or errno.ENXIO)}')
    return error or -errno.ENXIO
