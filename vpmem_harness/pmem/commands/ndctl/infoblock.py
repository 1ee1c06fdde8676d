"""``ndctl read-infoblock`` and ``write-infoblock`` (ndctl: ndctl/namespace.c)."""

from __future__ import annotations

import errno
import os

from vpmem_harness.pmem.commands.context import NAMESPACE_OPTIONS, NOT_SIMULATED, Context
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.json_objects import Object
from vpmem_harness.pmem.commands.jsontext import Json, number
from vpmem_harness.pmem.commands.lifecycle import CommandFailed
from vpmem_harness.pmem.commands.ndctl import namespace
from vpmem_harness.pmem.commands.ndctl.create import is_alignment, is_uuid
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.provision import mode_of
from vpmem_harness.pmem.commands.results import Transcript, UsageExit, strerror
from vpmem_harness.pmem.kernel import info_block_format as format
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.media import Contents, InfoBlock, Segment
from vpmem_harness.pmem.kernel.namespaces import NO_UUID, NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

READ = Options(
    'ndctl read-infoblock <namespace> [<options>]', *NAMESPACE_OPTIONS,
    text('o', 'output', 'output-file', 'filename to write infoblock contents'),
    text('i', 'input', 'input-file', 'filename to read infoblock instead of a namespace'),
    Option('V', 'verify', 'validate parent uuid, and infoblock checksum'),
    Option('j', 'json', 'parse label data into json'),
    Option('u', 'human', 'use human friendly number formats (implies --json)'))
WRITE = Options(
    'ndctl write-infoblock <namespace> [<options>]', *NAMESPACE_OPTIONS,
    text('o', 'output', 'output-file', 'filename to write infoblock contents'),
    Option('c', 'stdout', 'write the infoblock data to stdout'),
    text('m', 'mode', 'operation-mode',
         "specify the infoblock mode, 'fsdax' or 'devdax' (default 'fsdax')"),
    text('s', 'size', 'size', 'override the image size to instantiate the infoblock'),
    text('a', 'align', 'align', 'specify the expected physical alignment'),
    text('u', 'uuid', 'uuid', 'specify the uuid for the infoblock (default: autogenerate)'),
    text('M', 'map', 'memmap-location', "specify 'mem' or 'dev' for the location of the memmap"),
    text('p', 'parent-uuid', 'parent-uuid',
         'specify the parent namespace uuid for the infoblock (default: 0)'),
    text('O', 'offset', 'offset', 'EXPERT/DEBUG only: enable namespace inner alignment padding'))

_WRITER = 'info block'
#: Fields that are numbers even with --human.
_DECIMAL = ('mode', 'external_lbasize', 'external_nlba', 'internal_lbasize', 'internal_nlba',
            'nfree', 'infosize')


def _raw(context: Context, region: Region, device: NamespaceDevice) -> None:
    """Raises CommandFailed unless the namespace can be enabled as raw."""
    if device.enabled:
        raise CommandFailed(errno.EBUSY)
    try:
        if not context.as_root:
            raise KernelError(errno.ENXIO)
        region.enable_namespace(device, raw=True)
    except KernelError as error:
        context.transcript.library('ndctl_namespace_enable', f'{device.dev}: failed to enable')
        raise CommandFailed(error.errno) from error
    region.release(device)


# Reading

def read_infoblock(context: Context) -> int:
    """``ndctl read-infoblock``"""
    transcript = context.transcript
    parsed = READ.parse(context.arguments, transcript)
    for word in parsed.arguments[1:]:
        transcript.error(f'unknown extra parameter "{word}"\n')
    if parsed.text('input') and parsed.arguments:
        transcript.error('specify a namespace, or --input, not both\n')
    if transcript.stderr:
        raise READ.fail(transcript)
    return _Reading(context, parsed).run()


class _Reading:

    def __init__(self, context: Context, parsed: Parsed) -> None:
        self._context = context
        self._parsed = parsed
        self._human = parsed.flag('human')
        self._as_json = self._human or parsed.flag('json')
        self._shown: list[Json] = []
        self._data = b''
        self._has_read = False

    def run(self) -> int:
        """Reads, prints and returns the status."""
        context, output = self._context, self._parsed.text('output')
        if output:
            try:
                context.files.create(context.path(output), 0o666)
            except OSError as error:
                context.transcript.say(f'failed to open: {output}: ({error.strerror})')
                return self._close(-(error.errno or errno.EIO), 0)
        if self._parsed.arguments:
            status, count = namespace.run(context, self._parsed, self._read_namespace)
        else:
            status = self._read_file(self._parsed.text('input'))
            count = int(status == 0)
        self._print(output)
        return self._close(status, count)

    def _close(self, status: int, count: int) -> int:
        if status < 0:
            self._context.transcript.say(f'error reading infoblock data: {strerror(-status)}')
        self._context.transcript.say(f'read {count} infoblock{"" if count == 1 else "s"}')
        return status

    def _print(self, output: str | None) -> None:
        printed = Transcript()
        if self._has_read and self._as_json and not self._shown:
            self._context.transcript.say('  Warning: no matching devices found\n')
            printed.write('[\n]')
        show(printed, self._shown, False)
        data = printed.stdout.encode() + self._data
        if output:
            self._context.files.create(self._context.path(output), 0o666, data)
        elif self._as_json:
            self._context.transcript.print(printed.stdout)
        elif data:
            self._context.transcript.payload = Contents((Segment(len(data), _WRITER, data),))

    def _read_namespace(self, region: Region, device: NamespaceDevice) -> bool:
        _raw(self._context, region, device)
        block = region.media.info_block(device.offset)
        data = format.pack(block, region.start + device.offset, device.size) \
            if block else bytes(format.LENGTH)
        self._take(data, {'dev': device.dev}, device.uuid)
        return True

    def _read_file(self, name: str | None) -> int:
        if name is None:
            self._context.transcript.say('ndctl: read-infoblock from standard input is not '
                                         'simulated: name a file with --input')
            raise UsageExit(NOT_SIMULATED)
        try:
            data = self._context.files.read(self._context.path(name), format.LENGTH)
        except OSError as error:
            return -(error.errno or errno.EIO)
        if len(data) < format.LENGTH:
            return -errno.EIO
        self._take(data, {'file': name}, None)
        return 0

    def _take(self, data: bytes, origin: Object, owner: str | None) -> None:
        self._has_read = True
        if not self._as_json:
            self._data += data
            return
        for offset, kinds in ((4096, ('btt',)), (0, ('btt',)), (4096, ('pfn', 'dax'))):
            block = data[offset:offset + 4096]
            head = format.unpack_head(block)
            for kind in kinds:
                if head.signature == format.SIGNATURES[kind] and self._is_wanted(
                        block, head, owner):
                    self._shown.append(self._object(block, head, kind, origin))

    def _is_wanted(self, block: bytes, head: format.Head, owner: str | None) -> bool:
        return not self._parsed.flag('verify') or (
            format.has_valid_checksum(block) and (owner is None or head.parent == owner))

    def _object(self, block: bytes, head: format.Head, kind: str, origin: Object) -> Object:
        fields = format.unpack_btt(block) if kind == 'btt' else format.unpack_pfn(block)
        return {
            **origin, 'signature': head.signature.rstrip(b'\0').decode(), 'uuid': head.uuid,
            'parent_uuid': head.parent, 'flags': number(head.flags, self._human),
            'version': f'{head.major}.{head.minor}'} | {
            name: number(value, self._human and name not in _DECIMAL)
            for name, value in fields._asdict().items()}


# Writing

def write_infoblock(context: Context) -> int:
    """``ndctl write-infoblock``"""
    transcript = context.transcript
    parsed = WRITE.parse(context.arguments, transcript)
    _check(parsed, transcript)
    status, count = 0, 0
    try:
        if parsed.arguments:
            status, count = namespace.run(
                context, parsed,
                lambda region, device: _write_namespace(context, parsed, region, device))
        else:
            _write_file(context, parsed)
            count = 1
    except CommandFailed as refusal:
        status = -refusal.errno
    if status < 0:
        transcript.say(f'error checking infoblocks: {strerror(-status)}')
    transcript.say(f'wrote {count} infoblock{"" if count == 1 else "s"}')
    return status


def _check(parsed: Parsed, transcript: Transcript) -> None:
    mode, to_file = parsed.text('mode'), parsed.text('output') or parsed.flag('stdout')
    if mode is not None and mode_of(mode) not in ('fsdax', 'devdax'):
        transcript.error(f'{"invalid" if mode_of(mode) is None else "unsupported"} mode '
                         f"'{mode}'\n")
    if (memmap := parsed.text('map')) not in (None, 'mem', 'dev'):
        transcript.error(f"invalid map location '{memmap}'\n")
    if memmap is not None and mode not in (None, 'fsdax', 'devdax'):
        transcript.error('--map only valid for an devdax mode pmem namespace\n')
    for name, message in (('size', 'failed to parse namespace size'),
                          ('offset', 'failed to parse physical offset'),
                          ('align', 'failed to parse namespace alignment'),
                          ('size', 'failed to parse namespace size')):
        value = parsed.text(name)
        if value is not None and sizes.parse_size(value) is None:
            blank = '' if name == 'offset' else ' '
            transcript.error(f"{message}{blank}'{value}'\n")
        elif value is not None and name == 'align' and not is_alignment(value):
            transcript.error(f'align must be a power-of-2 greater than {sizes.PAGE}\n')
    for name in ('uuid', 'parent-uuid'):
        value = parsed.text(name)
        if value is not None and not is_uuid(value):
            transcript.error(f"failed to parse uuid: '{value}'\n")
    if not parsed.arguments and not to_file:
        transcript.error('specify a namespace to write-infoblock, or "all"\n')
    for word in parsed.arguments[1:]:
        transcript.error(f'unknown extra parameter "{word}"\n')
    if parsed.arguments and to_file:
        transcript.error('specify only one of a namespace filter, --output, or --stdout\n')
    if parsed.flag('stdout') and not parsed.text('size'):
        transcript.error('--size required with --stdout\n')
    if transcript.stderr:
        raise WRITE.fail(transcript)


def _block(context: Context, parsed: Parsed, size: int, start: int, align: int,
           parent: str | None) -> InfoBlock:
    kind = 'dax' if mode_of(parsed.text('mode') or 'fsdax') == 'devdax' else 'pfn'
    memmap = parsed.text('map') or 'dev'
    extent = sizes.dax_extent(start, size, memmap, align)
    if extent is None or size < sizes.INFO_BLOCK:
        context.transcript.error('unable to satisfy requested alignment\n')
        raise CommandFailed(errno.ENXIO)
    return InfoBlock(kind, parsed.text('uuid') or context.memory.randomness.uuid(), parent,
                     extent[1], data_offset=extent[0] - start, memmap=memmap, align=align)


def _size(parsed: Parsed, name: str, default: int) -> int:
    value = parsed.text(name)
    found = sizes.parse_size(value) if value is not None else None
    return found[0] if found else default


def _write_namespace(context: Context, parsed: Parsed, region: Region,
                     device: NamespaceDevice) -> bool:
    _raw(context, region, device)
    align = _size(parsed, 'align', sizes.PAGE)
    size = _size(parsed, 'size', device.size)
    if size % align:
        context.transcript.error(
            f'--size={parsed.text("size")} not aligned to {parsed.text("align")}\n')
        raise CommandFailed(errno.EINVAL)
    parent = parsed.text('parent-uuid') or device.uuid
    region.media.put_info_block(device.offset, _block(
        context, parsed, size, _size(parsed, 'offset', 0), align, parent))
    return True


def _write_file(context: Context, parsed: Parsed) -> None:
    name, size = parsed.text('output'), _size(parsed, 'size', 0)
    if name and not parsed.flag('stdout'):
        existing = _existing(context, name)
        size = size or existing
    start = _size(parsed, 'offset', 0)
    parent = parsed.text('parent-uuid') or NO_UUID
    block = _block(context, parsed, size, start, _size(parsed, 'align', sizes.DEFAULT_ALIGN),
                   parent)
    data = format.pack(block, start, size)
    contents = Contents((Segment(len(data), _WRITER, data),))
    if not name or parsed.flag('stdout'):
        context.transcript.payload = contents
    else:
        context.files.write(context.path(name), contents, 0)


def _existing(context: Context, name: str) -> int:
    """The size of the file to write to, which is made when it is missing."""
    path = context.path(name)
    try:
        found = context.files.open(path)
    except FileNotFoundError:
        context.files.create(path, 0o644)
        return 0
    except OSError as error:
        context.transcript.error(f'failed to open: {os.path.normpath(name)}\n')
        raise CommandFailed(error.errno or errno.EIO) from error
    if found.kind != 'regular':
        context.transcript.error(f'unsupported file type: {name}\n')
        raise CommandFailed(errno.EINVAL)
    return found.size
