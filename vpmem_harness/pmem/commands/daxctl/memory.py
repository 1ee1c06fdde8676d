"""Onlining and offlining the memory of a dax device (daxctl 76: daxctl/device.c)."""

from __future__ import annotations

import errno

from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.kernel.namespaces import MemoryBlocks, NamespaceDevice

_RACE = """\
{}:
  WARNING: detected a race while onlining memory
  Some memory may not be in the expected zone. It is
  recommended to disable any other onlining mechanisms,
  and retry. If onlining is to be left to other agents,
  use the --no-online option to suppress this warning"""


class Memory:
    """The memory blocks of a device in system-ram mode, as one command sees them.

    The methods return 0, 1 when there was nothing to do, or a negative errno.
    """

    def __init__(self, context: Context, device: NamespaceDevice, *, verbose: bool) -> None:
        self._transcript = context.transcript
        self._as_root = context.as_root
        self._name = device.char_device or ''
        self._device = device
        self._verbose = verbose

    @property
    def _blocks(self) -> MemoryBlocks:
        return self._device.memory or MemoryBlocks(0)

    def online(self, *, movable: bool) -> int:
        """Onlines all blocks, in the movable zone or in the normal one."""
        blocks = self._blocks
        if not self._as_root:
            return self._cannot_count()
        if blocks.online:
            self._transcript.say(_RACE.format(self._name))
        if blocks.online == blocks.total:
            self._say(f'all memory sections ({blocks.online}) already online')
            return 1
        if blocks.online:
            self._say(f'{_sections(blocks.online)} already online')
        count = blocks.total - blocks.online
        blocks.online, blocks.movable = blocks.total, movable
        if self._verbose:
            self._say(f'{_sections(count)} onlined')
        return 0

    def offline(self) -> int:
        """Offlines all blocks."""
        blocks = self._blocks
        if not self._as_root:
            return self._cannot_count()
        if not blocks.online:
            self._say(f'all memory sections ({blocks.total}) already offline')
            return 1
        if blocks.online < blocks.total:
            self._say(f'{_sections(blocks.total - blocks.online)} already offline')
        count, blocks.online = blocks.online, 0
        if self._verbose:
            self._say(f'{_sections(count)} offlined')
        return 0

    def refuse(self) -> None:
        """Says why a device stays in system-ram mode."""
        self._say(f'found {self._blocks.online} memory sections online')
        self._say('refusing to change modes')

    def _cannot_count(self) -> int:
        # The physical address of the device is root's to know.
        self._transcript.library('memblock_in_dev', f'{self._name}: Unable to determine resource',
                                 'libdaxctl')
        self._say('failed to get number of memory sections')
        return -errno.EACCES

    def _say(self, message: str) -> None:
        self._transcript.say(f'{self._name}: {message}')


def _sections(count: int) -> str:
    return f'{count} memory section{"" if count == 1 else "s"}'
