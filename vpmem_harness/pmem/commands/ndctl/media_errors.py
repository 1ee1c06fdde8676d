"""Bad blocks: ``inject-error`` and ``clear-errors``.

Follows ndctl 76's ndctl/inject-error.c and ndctl/namespace.c (``namespace_clear_bb``). QEMU's
firmware, like that of many hosts, cannot do either.
"""

from __future__ import annotations

import errno
import os

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import NAMESPACE_OPTIONS, Context
from vpmem_harness.pmem.commands.jsontext import number, pretty
from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.ndctl import filters, namespace
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.kernel import media_errors, sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.media_errors import BLOCK
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

INJECT = Options(
    'ndctl inject-error <namespace> [<options>]',
    *NAMESPACE_OPTIONS,
    text('B', 'block', 'namespace block offset (512B)',
         'specify the block at which to (un)inject the error'),
    text('n', 'count', 'count', 'specify the number of blocks of errors to (un)inject'),
    Option('d', 'uninject', 'un-inject a previously injected error'),
    Option('t', 'status', 'get error injection status'),
    Option('N', 'no-notify', 'firmware should not notify OS'),
    Option('S', 'saturate', "inject full sector, not just 'ars_unit' bytes"),
    Option('u', 'human', 'use human friendly number formats '))
CLEAR = Options('ndctl clear_errors <namespace> [<options>]', *NAMESPACE_OPTIONS,
                Option('s', 'scrub', 'run a scrub to find latent errors'))

_UNINJECTED = """\
Warning: Un-injecting previously injected errors here will
not cause the kernel to 'forget' its badblock entries. Those
have to be cleared through the normal process of writing
the affected blocks

"""


def inject_error(context: Context) -> int:
    """``ndctl inject-error``"""
    transcript = context.transcript
    parsed = INJECT.parse(context.arguments, transcript)
    if (message := _wrong_injection(parsed)) is not None:
        transcript.error(f'{message}\n')
        return -errno.EINVAL
    if not parsed.arguments:
        transcript.error('specify a namespace to inject error to\n')
    for word in parsed.arguments[1:]:
        transcript.error(f'unknown extra parameter "{word}"\n')
    if len(parsed.arguments) != 1:
        raise INJECT.fail(transcript)
    name = parsed.arguments[0]
    with context.memory.changing():
        for region in filters.regions(context.memory, parsed.text('bus'), parsed.text('region')):
            for device in context.memory.listed_devices(region):
                if device.dev == name:
                    return _inject(context, parsed, region, device)
    transcript.error(f'{name}: no such namespace\n')
    return -errno.ENXIO


def _wrong_injection(parsed: Parsed) -> str | None:
    block, count = parsed.text('block'), parsed.text('count')
    if parsed.flag('status') and (
            parsed.flag('uninject') or block or count or parsed.flag('saturate')):
        return 'status is invalid with inject or uninject'
    for name, value in (('block', block), ('count', count)):
        if value is not None and sizes.parse_size(value) is None:
            return f'Invalid {name}: {value}'
    if not parsed.flag('status') and (block is None or count is None):
        return 'block and count required for inject/uninject'
    return None


def _inject(context: Context, parsed: Parsed, region: Region, device: NamespaceDevice) -> int:
    transcript, human = context.transcript, parsed.flag('human')
    if not context.memory.bus(region.spec.provider).has_firmware_commands:
        transcript.say(f'{device.dev}: error injection not supported')
        return -errno.EOPNOTSUPP
    offset, size = device.data
    if parsed.flag('status'):
        found = media_errors.within(region.errors.injected, offset // BLOCK, size // BLOCK)
        if found:
            transcript.write(pretty({'badblocks': [
                {'block': number(begin, human), 'count': number(count, human)}
                for begin, count in found]}))
        return 0
    block, count = ((sizes.parse_size(parsed.text(name) or '') or (0, 1))[0]
                    for name in ('block', 'count'))
    undo = parsed.flag('uninject')
    error = 0 if (block + count) * BLOCK <= size else errno.EINVAL
    if not context.as_root:
        error = errno.EACCES
    if error:
        transcript.say(f'Unable to {"uninject" if undo else "inject"} error: '
                       f'{os.strerror(error)} (-{error})')
        return -error
    first = offset // BLOCK + block
    if undo:
        region.errors.uninject(first, count)
        transcript.print(_UNINJECTED)
    else:
        region.errors.inject(first, count, notify=not parsed.flag('no-notify'))
    _show(context, region, device, human=human)
    return 0


def clear_errors(context: Context) -> int:
    """``ndctl clear-errors``"""
    parsed = namespace.parse(context, CLEAR, 'clear errors for')
    lifecycle = Lifecycle(
        context.memory, context.transcript, 'clear errors namespace', as_root=context.as_root,
        in_use=context.in_use)
    scrub = parsed.flag('scrub')

    def action(region: Region, device: NamespaceDevice) -> bool:
        # Those of a sector mode namespace are cleared by its own driver.
        if device.claim and device.claim.kind == 'btt':
            return False
        _check_scrub(context, region, device, scrub=scrub)
        try:
            lifecycle.disable(region, device)
        except CommandFailed as refusal:
            context.transcript.error(f'{device.dev}: unable to disable namespace: '
                                     f'{os.strerror(refusal.errno)}\n')
            raise
        offset, size = region.data_range(device)
        region.errors.clear(offset // BLOCK, size // BLOCK)
        try:
            region.enable_namespace(device)
        except KernelError as error:
            raise CommandFailed(error.errno) from error
        _show(context, region, device)
        return True

    return namespace.each(context, parsed, action, 'error clearing namespaces',
                          'cleared {} namespace{}')


def _check_scrub(context: Context, region: Region, device: NamespaceDevice, *,
                 scrub: bool) -> None:
    bus = context.memory.bus(region.spec.provider)
    error, what = 0, ''
    if not bus.has_firmware_commands:
        error, what = errno.EOPNOTSUPP, 'Unable to determine scrub state'
    elif scrub and not context.as_root:
        error, what = errno.EACCES, 'Unable to start scrub'
    if error:
        context.transcript.error(f'{device.dev}: {what}: {os.strerror(error)}\n')
        raise CommandFailed(error)
    if scrub:
        context.memory.scrub(bus)


def _show(context: Context, region: Region, device: NamespaceDevice, *,
          human: bool = False) -> None:
    context.transcript.write(pretty(json_objects.namespace_object(
        context.memory, region, device, json_objects.Detail(
            human=human, media_errors=True, as_root=context.as_root,
            release=context.memory.release))))
