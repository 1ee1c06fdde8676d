"""Commands that act on DIMMs: their common frame, and ``enable-dimm`` and ``disable-dimm``.

Follows ndctl 76's ndctl/dimm.c (``dimm_action``).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable

from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.ndctl import filters
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.results import USAGE, UsageExit, strerror
from vpmem_harness.pmem.kernel.dimms import Dimm

BASE_OPTIONS = (
    text('b', 'bus', 'bus-id', '<nmem> must be on a bus with an id/provider of <bus-id>'),
    Option('v', 'verbose', 'turn on debug'))
ENABLE = Options('ndctl enable-dimm <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS)
DISABLE = Options('ndctl disable-dimm <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS)

#: Acts on a DIMM and returns 0 or a negative errno.
Action = Callable[[Dimm], int]


def enable(context: Context) -> int:
    """``ndctl enable-dimm``"""
    _, dimms = parse(context, ENABLE)

    def action(dimm: Dimm) -> int:
        if not context.as_root and not dimm.enabled:
            context.transcript.library('ndctl_dimm_enable', f'{dimm.dev}: failed to enable')
            return -errno.ENXIO
        dimm.enable()
        return 0

    return each(context, dimms, action, 'enabled {} nmem{}')


def disable(context: Context) -> int:
    """``ndctl disable-dimm``"""
    _, dimms = parse(context, DISABLE)

    def action(dimm: Dimm) -> int:
        if is_active(context, dimm):
            context.transcript.say(f'{dimm.dev} is active, skipping...')
            return -errno.EBUSY
        if not context.as_root and dimm.enabled:
            context.transcript.library('ndctl_dimm_disable', f'{dimm.dev}: failed to disable')
            return -errno.EBUSY
        dimm.disable()
        return 0

    return each(context, dimms, action, 'disabled {} nmem{}')


def is_active(context: Context, dimm: Dimm) -> bool:
    """Whether an enabled region uses the DIMM's labels."""
    return dimm.area is not None and any(
        region.enabled and dimm in region.dimms for region in context.memory.regions)


def parse(context: Context, options: Options,
          check: Callable[[Parsed], None] = lambda parsed: None) -> tuple[Parsed, list[Dimm]]:
    """The command line, and the DIMMs that it names in the order in which it names them.

    :param check: what the command checks of its options; it may raise UsageExit
    """
    transcript = context.transcript
    parsed = options.parse(context.arguments, transcript)
    if not parsed.arguments:
        raise options.fail(transcript)
    words, given, invalid = list[str](), len(parsed.arguments), 0
    for word in parsed.arguments:
        if word == 'all':
            words, given = ['all'], 1
            break
        if re.match(r'nmem\s*[+-]?\d', word):
            words.append(word)
        else:
            transcript.say(f"'{word}' is not a valid dimm name")
            invalid += 1
    # The word "all" counts as the only word, so that one invalid word before it is too many.
    if invalid == given:
        options.show_usage(transcript)
        raise UsageExit(USAGE)
    check(parsed)
    return parsed, chosen(context, parsed, words)


def chosen(context: Context, parsed: Parsed, words: list[str]) -> list[Dimm]:
    """The DIMMs that ``words`` name, on the bus that the options name."""
    return [dimm for word in words for bus in filters.buses(context.memory, parsed.text('bus'))
            for dimm in context.memory.sorted(bus.dimms, lambda each: each.dev)
            if filters.is_dimm(dimm, word)]


def each(context: Context, dimms: list[Dimm], action: Action, done: str,
         changes: bool = True) -> int:
    """Runs ``action`` on each DIMM, prints ``done`` and returns the exit status."""
    return close(context, done, *run(context, dimms, action, changes))


def run(context: Context, dimms: list[Dimm], action: Action,
        changes: bool = True) -> tuple[int, int]:
    """Runs ``action`` on each DIMM; the number of successes and the first error."""
    count, first_error = 0, 0
    with context.memory.changing() if changes else context.memory.lock:
        for dimm in dimms:
            status = action(dimm)
            count += not status
            first_error = first_error or status
    return count, first_error


def close(context: Context, done: str, count: int, error: int) -> int:
    """Prints the closing line and returns the exit status.

    :param done: the line, with a place for the number and one for the plural
    """
    context.transcript.say(done.format(count, 's' if count > 1 else ''))
    return 1 if not count and error else 0


def may_send_commands(context: Context, dimm: Dimm) -> bool:
    """Whether the user may open the DIMM's device; says so when not."""
    if context.as_root:
        return True
    context.transcript.library(
        'ndctl_cmd_submit', f'failed to open /dev/{dimm.dev}: {strerror(errno.EACCES)}')
    return False
