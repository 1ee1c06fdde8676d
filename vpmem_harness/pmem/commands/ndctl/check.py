"""``ndctl check-namespace``: the metadata of sector mode namespaces (ndctl: ndctl/check.c)."""

from __future__ import annotations

import contextlib
import errno
import os

from vpmem_harness.pmem.commands.context import NAMESPACE_OPTIONS, Context
from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.ndctl import namespace
from vpmem_harness.pmem.commands.options import Option, Options, Parsed
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

OPTIONS = Options(
    'ndctl check-namespace <namespace> [<options>]', *NAMESPACE_OPTIONS,
    Option('R', 'repair', 'perform metadata repairs'),
    Option('L', 'rewrite-log', 'regenerate the log'),
    Option('f', 'force', 'check namespace even if currently active'))


def check_namespace(context: Context) -> int:
    """``ndctl check-namespace``"""
    parsed = namespace.parse(context, OPTIONS, 'check')
    check = _Check(context, parsed)
    return namespace.each(context, parsed, check.run, 'error checking namespaces',
                          'checked {} namespace{}')


class _Check:

    def __init__(self, context: Context, parsed: Parsed) -> None:
        self._parsed = parsed
        self._transcript = context.transcript
        self._as_root = context.as_root
        self._lifecycle = Lifecycle(
            context.memory, context.transcript, 'check namespace', as_root=context.as_root,
            in_use=context.in_use)

    def run(self, region: Region, device: NamespaceDevice) -> bool:
        """Checks one namespace; what was enabled is enabled again."""
        if self._parsed.flag('rewrite-log') and not self._parsed.flag('repair'):
            self._say(device, '--rewrite-log also requires --repair')
            raise CommandFailed(errno.EINVAL)
        was_enabled = device.enabled
        if was_enabled and not self._parsed.flag('force'):
            self._say(device, f'{device.dev}: check aborted, namespace online')
            raise CommandFailed(errno.EBUSY)
        if was_enabled:
            self._lifecycle.disable(region, device)
        try:
            self._check(region, device)
        finally:
            if was_enabled and self._as_root:
                with contextlib.suppress(KernelError):
                    region.enable_namespace(device)
        return True

    def _check(self, region: Region, device: NamespaceDevice) -> None:
        try:
            if not self._as_root:
                raise KernelError(errno.ENXIO)
            region.enable_namespace(device, raw=True)
        except KernelError as error:
            self._transcript.library('ndctl_namespace_enable', f'{device.dev}: failed to enable')
            self._say(device, f'{device.dev}: failed to enable in raw mode: '
                              f'{os.strerror(error.errno)} (-{error.errno})')
            raise CommandFailed(error.errno) from error
        region.release(device)
        block = region.media.info_block(device.offset)
        if block is None or block.kind != 'btt' or block.parent not in (None, device.uuid):
            self._say(device, 'Unable to recover any BTT info blocks')
            self._say(device, 'This may not be a sector mode namespace')
            raise CommandFailed(errno.ENXIO)

    def _say(self, device: NamespaceDevice, message: str) -> None:
        self._transcript.say(f'{device.dev}: namespace_check: {message}')
