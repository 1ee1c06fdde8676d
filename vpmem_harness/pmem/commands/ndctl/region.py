"""``ndctl enable-region`` and ``disable-region`` (ndctl: ndctl/region.c)."""

from __future__ import annotations

from collections.abc import Callable

from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.ndctl import filters
from vpmem_harness.pmem.commands.options import Option, Options, text
from vpmem_harness.pmem.kernel.regions import Region

_OPTIONS: tuple[Option, ...] = (
    text('b', 'bus', 'bus-id', '<region> must be on a bus with an id/provider of <bus-id>'),
    text('t', 'type', 'region-type', '<region> must be of the specified type'))
ENABLE = Options('ndctl enable-region <region> [<options>]', *_OPTIONS)
DISABLE = Options('ndctl disable-region <region> [<options>]', *_OPTIONS)


def enable(context: Context) -> int:
    """``ndctl enable-region``"""
    return _each(context, ENABLE, _lifecycle(context).enable_region, 'enabled')


def disable(context: Context) -> int:
    """``ndctl disable-region``"""
    return _each(context, DISABLE, _lifecycle(context).disable_region, 'disabled')


def _lifecycle(context: Context) -> Lifecycle:
    return Lifecycle(context.memory, context.transcript, 'region', as_root=context.as_root,
                         in_use=context.in_use)


def _each(context: Context, options: Options, action: Callable[[Region], None],
          done: str) -> int:
    transcript = context.transcript
    parsed = options.parse(context.arguments, transcript)
    if not parsed.arguments:
        transcript.error('specify a specific region id to act on, or "all"\n')
    for word in parsed.arguments[1:]:
        transcript.error(f'unknown extra parameter "{word}"\n')
    if len(parsed.arguments) != 1:
        raise options.fail(transcript)
    kind = parsed.text('type')
    if kind not in (None, 'pmem', 'blk'):
        transcript.error(f"unknown region type '{kind}', should be 'pmem' or 'blk'\n")
        raise options.fail(transcript)
    count = 0
    with context.memory.changing():
        for region in filters.regions(context.memory, parsed.text('bus'), parsed.arguments[0]):
            if kind == 'blk':
                continue
            try:
                action(region)
                count += 1
            except CommandFailed:
                continue
    transcript.say(f'{done} {count} region{"" if count == 1 else "s"}')
    return 0
