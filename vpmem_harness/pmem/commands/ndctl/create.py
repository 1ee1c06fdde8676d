"""``ndctl create-namespace`` (ndctl: ndctl/namespace.c)."""

from __future__ import annotations

import errno
import uuid

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import NAMESPACE_OPTIONS, Context
from vpmem_harness.pmem.commands.dax_nodes import LISTED, check_node
from vpmem_harness.pmem.commands.jsontext import pretty
from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.ndctl import filters
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.provision import (
    COMMAND,
    Provisioner,
    RegionSkipped,
    Request,
    mode_of,
)
from vpmem_harness.pmem.commands.results import Transcript, strerror
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

OPTIONS = Options(
    'ndctl create-namespace [<options>]',
    *NAMESPACE_OPTIONS,
    text('e', 'reconfig', 'reconfig namespace', 'reconfigure existing namespace'),
    text('u', 'uuid', 'uuid', 'specify the uuid for the namespace (default: autogenerate)'),
    text('n', 'name', 'name', 'specify an optional free form name for the namespace'),
    text('s', 'size', 'size',
         'specify the namespace size in bytes (default: available capacity)'),
    text('m', 'mode', 'operation-mode',
         "specify a mode for the namespace, 'sector', 'fsdax', 'devdax' or 'raw'"),
    text('M', 'map', 'memmap-location', "specify 'mem' or 'dev' for the location of the memmap"),
    text('l', 'sector-size', 'lba-size', 'specify the logical sector size in bytes'),
    text('t', 'type', 'type', "specify the type of namespace to create 'pmem' or 'blk'"),
    text('a', 'align', 'align', 'specify the namespace alignment in bytes (default: 2M)'),
    Option('f', 'force', 'reconfigure namespace even if currently active'),
    Option('L', 'autolabel', 'automatically initialize labels'),
    Option('c', 'continue',
           'continue creating namespaces as long as the filter criteria are met'),
    Option('R', 'autorecover', 'automatically cleanup on failure'))


def create_namespace(context: Context) -> int:
    """``ndctl create-namespace``"""
    transcript = context.transcript
    parsed = OPTIONS.parse(context.arguments, transcript,
                           defaults={'autolabel': True, 'autorecover': True})
    request, kind = _checked(parsed, transcript)
    with context.memory.changing():
        return _Creation(context, parsed, request, kind).run()


def _checked(parsed: Parsed, transcript: Transcript) -> tuple[Request, str | None]:
    """The request, completed with ndctl's defaults, and the region type."""
    said, before = parsed.text, transcript.stderr
    reconfigure = said('reconfig') is not None
    kind, mode, memmap = said('type'), said('mode'), said('map')
    if kind is None and not reconfigure:
        kind = 'pmem'
    elif kind not in (None, 'pmem', 'blk'):
        transcript.error(f"invalid type '{kind}', must be either 'pmem' or 'blk'\n")
    if mode is not None and mode_of(mode) is None:
        transcript.error(f"invalid mode '{mode}'\n")
    elif mode is None and not reconfigure:
        mode = 'fsdax' if kind == 'pmem' else 'sector'
    if memmap not in (None, 'mem', 'dev'):
        transcript.error(f"invalid map location '{memmap}'\n")
    if memmap is not None and not reconfigure and mode not in ('fsdax', 'devdax'):
        transcript.error('--map only valid for an devdax mode pmem namespace\n')
    if kind == 'blk' and mode in ('fsdax', 'devdax'):
        transcript.error("only 'pmem' namespaces support dax operation\n")
    _check_numbers(parsed, transcript)
    sector_size, identifier = said('sector-size'), said('uuid')
    if sector_size is not None and sizes.parse_size(sector_size) is None:
        transcript.error(f'invalid sector size: {sector_size}\n')
    elif sector_size is None and (kind == 'blk' or mode_of(mode) == 'sector'):
        sector_size = str(sizes.DEFAULT_SECTOR_SIZE)
    for word in parsed.arguments:
        transcript.error(f'unknown extra parameter "{word}"\n')
    if transcript.stderr != before:
        raise OPTIONS.fail(transcript)
    return Request(mode=mode, map=memmap, size=said('size'), align=said('align'),
                   sector_size=sector_size, name=said('name'),
                   uuid=identifier.lower() if identifier is not None else None,
                   force=parsed.flag('force'), autolabel=parsed.flag('autolabel'),
                   autorecover=parsed.flag('autorecover')), kind


def _check_numbers(parsed: Parsed, transcript: Transcript) -> None:
    size, align, identifier = parsed.text('size'), parsed.text('align'), parsed.text('uuid')
    wrong_size = size is not None and sizes.parse_size(size) is None
    if wrong_size:
        transcript.error(f"failed to parse namespace size '{size}'\n")
    if align is not None:
        if sizes.parse_size(align) is None:
            transcript.error(f"failed to parse namespace alignment '{align}'\n")
        elif not is_alignment(align):
            transcript.error(f'align must be a power-of-2 greater than {sizes.PAGE}\n')
    if wrong_size:
        transcript.error(f"failed to parse namespace size '{size}'\n")
    if identifier is not None and not is_uuid(identifier):
        transcript.error(f"failed to parse uuid: '{identifier}'\n")


def is_alignment(word: str) -> bool:
    """Whether ``word`` is a size that ndctl takes for an alignment."""
    value, _ = sizes.parse_size(word) or (0, 1)
    return value >= sizes.PAGE and not value & (value - 1)


def is_uuid(word: str) -> bool:
    """Whether ``word`` is a UUID as uuid_parse of libuuid reads it."""
    try:
        return str(uuid.UUID(word)) == word.lower()
    except ValueError:
        return False


class _Creation:
    """One run: it tries the regions in turn and prints the closing lines."""

    def __init__(self, context: Context, parsed: Parsed, request: Request,
                 kind: str | None) -> None:
        self._context = context
        self._parsed = parsed
        self._kind = kind
        self._greedy = parsed.flag('continue')
        self._force = parsed.flag('force')
        self._target = parsed.text('reconfig')
        self._provisioner = Provisioner(context.memory, request, context.transcript,
                                        context.as_root)
        self.created = 0

    def run(self) -> int:
        """Creates or reconfigures, and returns the status."""
        transcript = self._context.transcript
        status = self._reconfigure() if self._target is not None else self._create()
        if status < 0 and not self.created and not self._context.arguments:
            # Without options ndctl tries the obsolete type of namespaces last.
            status = -errno.ENXIO
        if self._greedy:
            transcript.say(f'created {self.created} namespace{"" if self.created == 1 else "s"}')
        if (status < 0 or (self._target is None and not self.created)) and not transcript.counted:
            verb = 'create' if self._target is None else 'reconfigure'
            transcript.say(f'failed to {verb} namespace: {strerror(-status)}')
            if self._target is None:
                status = -errno.ENODEV
        return status

    def _regions(self) -> list[Region]:
        return [] if self._kind == 'blk' else filters.regions(
            self._context.memory, self._parsed.text('bus'), self._parsed.text('region'))

    def _create(self) -> int:
        status, saved = -errno.ENXIO, 0
        for region in self._regions():
            try:
                device = self._provisioner.create(region)
            except RegionSkipped:
                status = -errno.EAGAIN
                continue
            except CommandFailed as refusal:
                status = -refusal.errno
                if self._greedy and self._force:
                    saved = status
                    continue
                return status
            self._print(region, device)
            status = 0
            self.created += 1
            if not self._greedy:
                return status
        if status == -errno.EAGAIN:
            status = 0 if self._greedy and self.created else -errno.ENOSPC
        return saved or status

    def _reconfigure(self) -> int:
        memory = self._context.memory
        status = 0 if self._target == 'all' else -errno.ENXIO
        for region in self._regions():
            for device in memory.listed_devices(region):
                if self._target not in (device.dev, 'all') or (
                        self._target == 'all' and not device.size and device.uuid is None):
                    continue
                try:
                    made = self._provisioner.reconfigure(region, device, Lifecycle(
                        memory, self._context.transcript, COMMAND, as_root=self._context.as_root,
                        force=self._force, in_use=self._context.in_use))
                except RegionSkipped:
                    return -errno.EAGAIN
                except CommandFailed as refusal:
                    return -refusal.errno
                self._print(region, made)
                self.created = 1
                return 0
        return status

    def _print(self, region: Region, device: NamespaceDevice) -> None:
        check_node(self._context.memory, self._context.transcript, device, LISTED)
        made = json_objects.namespace_object(
            self._context.memory, region, device,
            json_objects.Detail(dax=True, human=self._context.terminal,
                                as_root=self._context.as_root,
                                release=self._context.memory.release))
        typed = self._parsed.text('name')
        if typed and device.labelled:
            # The name as it was typed; listings show it as the kernel has stored it.
            made['name'] = typed
        self._context.transcript.write(pretty(made))
