"""daxctl's device commands: modes of dax devices, and the memory that they become.

Follows daxctl 76's daxctl/device.c and daxctl/lib/libdaxctl.c.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from typing import TypeAlias

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.dax_nodes import LISTED, check_node
from vpmem_harness.pmem.commands.daxctl import filters
from vpmem_harness.pmem.commands.daxctl.memory import Memory
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.commands.lifecycle import CommandFailed
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.results import Transcript, strerror
from vpmem_harness.pmem.kernel import dax_devices, sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

_BASE = (text('r', 'region', 'region-id', 'filter by region'),
         Option('u', 'human', 'use human friendly number formats'),
         Option('v', 'verbose', 'emit more debug messages'))
_CREATE = (text('s', 'size', 'size', 'size to switch the device to'),
           text('a', 'align', 'align', 'alignment to switch the device to'),
           text('', 'input', 'input', 'input device JSON file'))
_RECONFIGURE = (
    text('m', 'mode', 'mode', 'mode to switch the device to'),
    Option('N', 'no-online', "don't auto-online memory sections"),
    Option('f', 'force', 'attempt to offline memory sections before reconfiguration'),
    Option('C', 'check-config', 'use config files to determine parameters for the operation'))
_ZONE = Option('', 'no-movable', 'online memory in ZONE_NORMAL')
RECONFIGURE = Options('daxctl reconfigure-device <device> [<options>]', *_BASE, *_CREATE,
                      *_RECONFIGURE, _ZONE)
ONLINE = Options('daxctl online-memory <device> [<options>]', *_BASE, _ZONE)
OFFLINE = Options('daxctl offline-memory <device> [<options>]', *_BASE)
DISABLE = Options('daxctl disable-device <device>', *_BASE)
ENABLE = Options('daxctl enable-device <device>', *_BASE)
DESTROY = Options('daxctl destroy-device <device> [<options>]', *_BASE,
                  Option('f', 'force', 'attempt to disable before destroying device'))

#: Bytes of a device file that are read at most.
_FILE_LIMIT = 1 << 20

_Claimed: TypeAlias = tuple[Region, NamespaceDevice]
#: Acts on a device and returns 0, a positive number for what was done already, or a negative errno.
_Action: TypeAlias = Callable[[Region, NamespaceDevice], int]


def claimed_devices(context: Context) -> list[_Claimed]:
    """The regions and namespaces of all dax devices, in daxctl's order."""
    return context.memory.sorted(
        ((region, device) for region in context.memory.regions
         for device in region.namespaces if device.char_device),
        lambda pair: pair[1].char_device or '')


def reconfigure(context: Context) -> int:
    """``daxctl reconfigure-device``"""
    parsed = _parse(context, RECONFIGURE, 'reconfigure')
    return _Reconfiguration(context, parsed).run()


def online_memory(context: Context) -> int:
    """``daxctl online-memory``"""
    parsed = _parse(context, ONLINE, 'online memory for')

    def action(region: Region, device: NamespaceDevice) -> int:
        memory = Memory(context, device, verbose=parsed.flag('verbose'))
        return memory.online(movable=not parsed.flag('no-movable')) \
            if _is_memory(context, device) else -errno.ENXIO

    return _each(context, parsed, action, 'onlining memory', 'onlined memory for')


def offline_memory(context: Context) -> int:
    """``daxctl offline-memory``"""
    parsed = _parse(context, OFFLINE, 'offline memory for')

    def action(region: Region, device: NamespaceDevice) -> int:
        memory = Memory(context, device, verbose=parsed.flag('verbose'))
        return memory.offline() if _is_memory(context, device) else -errno.ENXIO

    return _each(context, parsed, action, 'offlining memory', 'offlined memory for')


def _is_memory(context: Context, device: NamespaceDevice) -> bool:
    check_node(context.memory, context.transcript, device, 1)
    if device.memory is None:
        context.transcript.say(
            f'{device.char_device}: memory operations are not applicable in devdax mode')
    return device.memory is not None


def disable(context: Context) -> int:
    """``daxctl disable-device``"""
    parsed = _parse(context, DISABLE, 'disable')

    def action(region: Region, device: NamespaceDevice) -> int:
        return unbind(context, region, device) if _is_devdax(context, device) else -errno.ENXIO

    return _each(context, parsed, action, 'disabling device', 'disabled')


def enable(context: Context) -> int:
    """``daxctl enable-device``"""
    parsed = _parse(context, ENABLE, 'disable')

    def action(region: Region, device: NamespaceDevice) -> int:
        if not _is_devdax(context, device):
            return -errno.ENXIO
        status = _bind_device_dax(context, device)
        if status:
            context.transcript.say(f'{device.char_device}: enable failed: {strerror(-status)}')
        return status

    return _each(context, parsed, action, 'enabling device', 'enabled')


def _is_devdax(context: Context, device: NamespaceDevice) -> bool:
    check_node(context.memory, context.transcript, device, 1)
    if device.memory is not None:
        context.transcript.say(f'{device.char_device}: status operations are only applicable in '
                               'devdax mode')
    return device.memory is None


def destroy(context: Context) -> int:
    """``daxctl destroy-device``: the dax device of a namespace cannot be destroyed."""
    parsed = _parse(context, DESTROY, 'destroy')

    def action(region: Region, device: NamespaceDevice) -> int:
        if device.dax_bound and not parsed.flag('force'):
            context.transcript.say(
                f'{device.char_device} is active, specify --force for deletion')
            return -errno.ENXIO
        return unbind(context, region, device) or _refuse_change(context, device, 'size')

    return _each(context, parsed, action, 'destroying devices', 'destroyed')


def create(context: Context) -> int:
    """``daxctl create-device``: the dax region of a namespace has no room for another device."""
    transcript, release = context.transcript, context.memory.release
    options = Options('daxctl create-device [<options>]', *_BASE, *_CREATE, *(
        (*_RECONFIGURE, _ZONE) if release.create_device_ignores_argument else ()))
    parsed = options.parse(context.arguments, transcript)
    extra = parsed.arguments[1 if release.create_device_ignores_argument else 0:]
    for word in extra:
        transcript.say(f'unknown extra parameter "{word}"')
    if extra:
        raise options.fail(transcript)
    if parsed.flag('check-config') and parsed.arguments:
        return _check_configuration(transcript, options, parsed, None)
    name = parsed.text('input')
    if name is not None and not _is_device_file(context, name):
        transcript.say('error: failed to parse device file: Invalid argument')
        raise options.fail(transcript)
    with context.memory.lock:
        found = any(filters.is_region(region.number, parsed.text('region'))
                    for region, _ in claimed_devices(context))
    status = -errno.ENOSPC if found else -errno.ENXIO
    transcript.say(f'error creating devices: {strerror(-status)}')
    transcript.say('created 0 devices')
    return status


def _check_configuration(transcript: Transcript, options: Options, parsed: Parsed,
                         devices: list[str | None] | None) -> int:
    """Reports that no configuration file of the simulated host has a section for the device.

    :param devices: the devices whose sections are found by UUID; None for a new device
    """
    name = parsed.arguments[0].rpartition('/')[2]
    if parsed.text('mode') or parsed.flag('no-online') or parsed.flag('no-movable'):
        transcript.say(f'{name}: -C cannot be used with --mode, --(no-)movable, or --(no-)online')
        raise options.fail(transcript)
    if devices is not None and name not in ('all', *devices):
        transcript.say(f'no UUID match for {name} found in config files')
    transcript.say(f'{name}: missing or malformed config section')
    return 0


def _is_device_file(context: Context, name: str) -> bool:
    try:
        found = json.loads(context.files.read(context.path(name), _FILE_LIMIT))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {'align', 'size', 'chardev', 'mappings'} <= found.keys()


def _parse(context: Context, options: Options, verb: str) -> Parsed:
    transcript = context.transcript
    parsed = options.parse(context.arguments, transcript)
    if not parsed.arguments:
        transcript.say(f'specify a device to {verb}, or "all"')
    for word in parsed.arguments[1:]:
        transcript.say(f'unknown extra parameter "{word}"')
    if len(parsed.arguments) != 1:
        raise options.fail(transcript)
    return parsed


def _each(context: Context, parsed: Parsed, action: _Action, doing: str, done: str,
          finish: Callable[[], None] = lambda: None) -> int:
    """Acts on the devices that are named, prints the closing lines and returns the status."""
    release = context.memory.release
    status, failed, count = -errno.ENXIO, 0, 0
    with context.memory.changing():
        for region, device in _named(context, parsed):
            status = action(region, device)
            count += status == 0
            failed = status or failed
    if not release.missing_dax_device_fails:
        status = failed
    finish()
    if status < 0:
        context.transcript.say(f'error {doing}: {strerror(-status)}')
    context.transcript.say(f'{done} {count} device{"" if count == 1 else "s"}')
    return status


def _named(context: Context, parsed: Parsed) -> Iterator[_Claimed]:
    name = parsed.arguments[0].rpartition('/')[2]
    for region, device in claimed_devices(context):
        # A device of size 0 has no node, so that libdaxctl does not see it.
        if device.data[1] and filters.is_region(region.number, parsed.text('region')) \
                and filters.is_device(device.char_device, name):
            yield region, device


def unbind(context: Context, region: Region, device: NamespaceDevice) -> int:
    """Unbinds a device's driver and returns 0 or a negative errno (``daxctl_dev_disable``)."""
    name, transcript = device.char_device, context.transcript
    if not check_node(context.memory, transcript, device, 1):
        status = _wrong_model(context, device)
    elif not device.dax_bound or context.as_root:
        region.unbind_dax(device)
        return 0
    else:
        transcript.library('daxctl_dev_disable', f'{name}: failed to disable', 'libdaxctl')
        status = -errno.EBUSY
    transcript.say(f'{name}: disable failed: {strerror(-status)}')
    return status


def _bind_device_dax(context: Context, device: NamespaceDevice) -> int:
    return _bind(context, device,
                 lambda: dax_devices.bind_device_dax(context.memory.regions, device))


def _bind(context: Context, device: NamespaceDevice, bind: Callable[[], None]) -> int:
    if not check_node(context.memory, context.transcript, device, 1):
        return _wrong_model(context, device)
    if device.dax_bound:
        return 0
    try:
        if not context.as_root:
            raise KernelError(errno.EACCES)
        bind()
    except KernelError as error:
        context.transcript.library('daxctl_dev_enable', f'{device.char_device}: failed to enable',
                                   'libdaxctl')
        return -error.errno
    return 0


def _wrong_model(context: Context, device: NamespaceDevice) -> int:
    for line in ('error: device model is dax-class', 'see man daxctl-migrate-device-model'):
        context.transcript.library('daxctl_dev_disable', f'{device.char_device}: {line}',
                                   'libdaxctl')
    return -errno.EOPNOTSUPP


def _refuse_change(context: Context, device: NamespaceDevice, what: str) -> int:
    # The kernel has no writable size or alignment for the device of a namespace.
    context.transcript.library(f'daxctl_dev_set_{what}',
                               f'{device.char_device}: failed to set {what}', 'libdaxctl')
    return -errno.ENXIO


class _Reconfiguration:
    """One run of ``daxctl reconfigure-device``."""

    def __init__(self, context: Context, parsed: Parsed) -> None:
        self._context = context
        self._parsed = parsed
        self._transcript = context.transcript
        self._shown: list[Json] = []

    def run(self) -> int:
        """Reconfigures, and returns the status."""
        parsed, human = self._parsed, self._parsed.flag('human')
        if parsed.flag('check-config'):
            devices = [device.char_device for _, device in claimed_devices(self._context)]
            return _check_configuration(self._transcript, RECONFIGURE, parsed, devices)
        if not any(parsed.text(name) for name in ('size', 'align', 'mode')):
            self._transcript.say("error: a 'align', 'mode' or 'size' option is required")
            raise RECONFIGURE.fail(self._transcript)
        resized = parsed.text('size') or parsed.text('align')
        if not resized and parsed.text('mode') == 'devdax' and parsed.flag('no-online'):
            self._transcript.say('--no-online is incompatible with --mode=devdax')
            raise RECONFIGURE.fail(self._transcript)
        return _each(self._context, parsed, self._reconfigure, 'reconfiguring devices',
                     'reconfigured', lambda: show(self._transcript, self._shown[-1:], human))

    def _reconfigure(self, region: Region, device: NamespaceDevice) -> int:
        align, size = self._parsed.text('align'), self._parsed.text('size')
        if align and (sizes.parse_size(align) or (0, 1))[0] > 0:
            return _refuse_change(self._context, device, 'align')
        if size and sizes.parse_size(size) is not None:
            return _refuse_change(self._context, device, 'size')
        mode = None if align or size else self._parsed.text('mode')
        try:
            if mode == 'system-ram':
                self._to_system_ram(region, device)
            elif mode == 'devdax':
                self._to_devdax(region, device)
            else:
                self._transcript.say(f'{device.char_device}: unknown mode requested: 0')
                return -errno.EINVAL
        except CommandFailed as refusal:
            return -refusal.errno
        self._show(region, device)
        return 0

    def _show(self, region: Region, device: NamespaceDevice) -> None:
        check_node(self._context.memory, self._transcript, device, LISTED)
        if device.claim:
            self._shown.append(json_objects.dax_device_object(
                region, device, device.claim.block, json_objects.Detail(
                    human=self._parsed.flag('human'), as_root=self._context.as_root,
                    release=self._context.memory.release)))

    def _to_system_ram(self, region: Region, device: NamespaceDevice) -> None:
        parsed, machine, name = self._parsed, self._context.memory, device.char_device
        policy = machine.release.onlines_memory and not parsed.flag('force')
        if policy and (parsed.flag('no-online') or not parsed.flag('no-movable')):
            self._transcript.say(
                f'{name}: error: kernel policy will auto-online memory, aborting')
            raise CommandFailed(errno.EBUSY)
        if device.memory is not None:
            self._transcript.say(f'{name} was already in system-ram mode')
        else:
            self._require(unbind(self._context, region, device))
            self._require(_bind(self._context, device, lambda: dax_devices.bind_kmem(
                region, device, block_size=machine.memory_block,
                online=machine.release.onlines_memory)))
        if not parsed.flag('no-online'):
            self._require(Memory(self._context, device, verbose=parsed.flag('verbose')).online(
                movable=not parsed.flag('no-movable')))

    def _to_devdax(self, region: Region, device: NamespaceDevice) -> None:
        if device.dax_bound and device.memory is None:
            check_node(self._context.memory, self._transcript, device, 2)
            self._transcript.say(f'{device.char_device} was already in devdax mode')
            return
        if device.memory is not None:
            memory = Memory(self._context, device, verbose=self._parsed.flag('verbose'))
            if self._parsed.flag('force'):
                self._require(memory.offline())
            if device.memory.online:
                if self._parsed.flag('verbose'):
                    memory.refuse()
                raise CommandFailed(errno.EBUSY)
            self._require(unbind(self._context, region, device))
        self._require(_bind_device_dax(self._context, device))

    def _require(self, status: int) -> None:
        if status < 0:
            raise CommandFailed(-status)
