"""``ndctl destroy-namespace``, ``enable-namespace``, ``disable-namespace``."""

from __future__ import annotations

import errno
from collections.abc import Callable

from vpmem_harness.pmem.commands.context import NAMESPACE_OPTIONS, Context
from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.ndctl import filters
from vpmem_harness.pmem.commands.options import Option, Options, Parsed
from vpmem_harness.pmem.commands.results import strerror
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

ENABLE = Options('ndctl enable-namespace <namespace> [<options>]', *NAMESPACE_OPTIONS)
DISABLE = Options('ndctl disable-namespace <namespace> [<options>]', *NAMESPACE_OPTIONS)
DESTROY = Options('ndctl destroy-namespace <namespace> [<options>]', *NAMESPACE_OPTIONS,
                  Option('f', 'force', 'destroy namespace even if currently active'))

#: Acts on a namespace and returns whether it counts as a success.
Action = Callable[[Region, NamespaceDevice], bool]


def destroy(context: Context) -> int:
    """``ndctl destroy-namespace``"""
    parsed = parse(context, DESTROY, 'destroy')
    lifecycle = _lifecycle(context, 'destroy namespace', parsed.flag('force'))
    return each(context, parsed, lifecycle.destroy, 'error destroying namespaces',
                'destroyed {} namespace{}')


def disable(context: Context) -> int:
    """``ndctl disable-namespace``"""
    parsed = parse(context, DISABLE, 'disable')
    lifecycle = _lifecycle(context, 'disable namespace')

    def action(region: Region, device: NamespaceDevice) -> bool:
        lifecycle.disable(region, device)
        return True

    return each(context, parsed, action, 'error disabling namespaces', 'disabled {} namespace{}')


def enable(context: Context) -> int:
    """``ndctl enable-namespace``"""
    parsed = parse(context, ENABLE, 'enable')
    lifecycle = _lifecycle(context, 'enable namespace')

    def action(region: Region, device: NamespaceDevice) -> bool:
        lifecycle.enable(region, device)
        return True

    return each(context, parsed, action, 'error enabling namespaces', 'enabled {} namespace{}')


def _lifecycle(context: Context, command: str, force: bool = False) -> Lifecycle:
    return Lifecycle(context.memory, context.transcript, command, as_root=context.as_root,
                         force=force, in_use=context.in_use)


def parse(context: Context, options: Options, verb: str) -> Parsed:
    """The command line of a command that takes one namespace or ``all``."""
    parsed = options.parse(context.arguments, context.transcript)
    if not parsed.arguments:
        context.transcript.error(f'specify a namespace to {verb}, or "all"\n')
    for word in parsed.arguments[1:]:
        context.transcript.error(f'unknown extra parameter "{word}"\n')
    if len(parsed.arguments) != 1:
        raise options.fail(context.transcript)
    return parsed


def each(context: Context, parsed: Parsed, action: Action, failure: str, done: str) -> int:
    """Acts on the namespaces that are named, prints the closing lines and returns the status.

    :param failure: the line for a failure, which is left out after an error that counts
    :param done: the last line, with places for the number of successes and for the plural
    """
    status, count = run(context, parsed, action)
    if status < 0 and not context.transcript.counted:
        context.transcript.say(f'{failure}: {strerror(-status)}')
    context.transcript.say(done.format(count, '' if count == 1 else 's'))
    return status


def run(context: Context, parsed: Parsed, action: Action) -> tuple[int, int]:
    """Acts on the namespaces that are named; the last status and the number of successes."""
    name = parsed.arguments[0]
    status, count = 0 if name == 'all' else -errno.ENXIO, 0
    with context.memory.changing():
        for region, device in _meant(context, parsed):
            # 'all' skips idle namespaces, and one may have become idle by now.
            if name == 'all' and not device.size and device.uuid is None:
                continue
            try:
                count += action(region, device)
                status = 0
            except CommandFailed as refusal:
                status = -refusal.errno
    return status, count


def _meant(context: Context, parsed: Parsed) -> list[tuple[Region, NamespaceDevice]]:
    return [(region, device) for region in filters.regions(
                context.memory, parsed.text('bus'), parsed.text('region'))
            for device in context.memory.listed_devices(region)
            if parsed.arguments[0] in ('all', device.dev)]
