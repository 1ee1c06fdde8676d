"""The label commands: ``init-``, ``zero-``, ``check-``, ``read-`` and ``write-labels``.

Follows ndctl 76's ndctl/dimm.c and ndctl/lib/dimm.c.
"""

from __future__ import annotations

import errno

from vpmem_harness.pmem.commands.context import NOT_SIMULATED, Context
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.commands.ndctl import dimm as frame
from vpmem_harness.pmem.commands.ndctl.dimm import BASE_OPTIONS
from vpmem_harness.pmem.commands.ndctl.label_objects import area_object
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.results import Transcript, UsageExit
from vpmem_harness.pmem.kernel.dimms import Dimm
from vpmem_harness.pmem.kernel.media import Contents, Segment

_PART = (Option('s', 'size', 'number of label bytes to operate', 'number'),
         Option('O', 'offset', 'offset into the label area to start operation', 'number'))
INIT = Options(
    'ndctl init-labels <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS,
    Option('f', 'force', 'force initialization even if existing index-block present'),
    text('V', 'label-version', 'version-number',
         'namespace label specification version (default: 1.1)'))
ZERO = Options('ndctl zero-labels <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS, *_PART)
CHECK = Options('ndctl check-labels <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS)
READ = Options(
    'ndctl read-labels <nmem0> [<nmem1>..<nmemN>] [-o <filename>]', *BASE_OPTIONS, *_PART,
    text('o', 'output', 'output-file', 'filename to write label area contents'),
    Option('j', 'json', 'parse label data into json'),
    Option('u', 'human', 'use human friendly number formats (implies --json)'),
    Option('I', 'index', 'limit read to the index block area'))
WRITE = Options(
    'ndctl write-labels <nmem> [-i <filename>]', *BASE_OPTIONS, *_PART,
    text('i', 'input', 'input-file', 'filename to read label area data'))

#: Bytes that are read of an input file at most, more than a label area has.
_LIMIT = 1 << 28
#: Who wrote the bytes of a label area, for those who care about writers only.
_LABELS = 'label area'


def init_labels(context: Context) -> int:
    """``ndctl init-labels``"""
    parsed, dimms = frame.parse(context, INIT)
    version = parsed.texts.get('label-version', '1.1') or ''
    number = version.removeprefix('v')
    if number not in ('1.1', '1.2'):
        context.transcript.say(f"'{version}' is not a valid label version")
        return frame.close(context, 'initialized {} nmem{}', 0, -errno.EINVAL)

    def action(dimm: Dimm) -> int:
        if dimm.area is None or not frame.may_send_commands(context, dimm):
            return -errno.ENXIO
        if _is_busy(context, dimm):
            return -errno.EBUSY
        if dimm.area.current and not parsed.flag('force'):
            context.transcript.say(f'{dimm.dev}: error: labels already initialized')
            return -errno.EBUSY
        dimm.area.initialize(number)
        dimm.probe()
        return 0

    return frame.each(context, dimms, action, 'initialized {} nmem{}')


def zero_labels(context: Context) -> int:
    """``ndctl zero-labels``"""
    parsed, dimms = frame.parse(context, ZERO)

    def action(dimm: Dimm) -> int:
        if _is_busy(context, dimm):
            return -errno.EBUSY
        extent = _extent(parsed, dimm)
        if dimm.area is None or extent is None or not frame.may_send_commands(context, dimm):
            return -errno.EINVAL
        dimm.area.zero(*extent)
        dimm.probe()
        return 0

    return frame.each(context, dimms, action, 'zeroed {} nmem{}')


def check_labels(context: Context) -> int:
    """``ndctl check-labels``"""
    _, dimms = frame.parse(context, CHECK)

    def action(dimm: Dimm) -> int:
        if dimm.area is None or not frame.may_send_commands(context, dimm):
            return -errno.ENXIO
        return 0 if dimm.area.current else -errno.EINVAL

    return frame.each(context, dimms, action, 'successfully verified {} nmem label{}',
                      changes=False)


def _check_read_options(context: Context, parsed: Parsed) -> None:
    if (parsed.flag('json') or parsed.flag('human')) and (
            parsed.number('size') or parsed.number('offset')):
        context.transcript.say('--size and --offset are incompatible with --json')
        raise READ.fail(context.transcript)
    if parsed.flag('index') and parsed.number('size'):
        context.transcript.say('pick either --size, or --index, not both')
        raise READ.fail(context.transcript)


def read_labels(context: Context) -> int:
    """``ndctl read-labels``: as JSON, or the bytes."""
    transcript = context.transcript
    parsed, dimms = frame.parse(context, READ, lambda parsed: _check_read_options(context, parsed))
    human, output = parsed.flag('human'), parsed.text('output')
    as_json = human or parsed.flag('json')
    path = output and context.path(output)
    if path:
        try:
            context.files.create(path, 0o666)
        except OSError as error:
            transcript.say(f'failed to open: {output}: ({error.strerror})')
            return frame.close(context, 'read {} nmem{}', 0, -(error.errno or errno.EIO))
    found: list[Json] = []
    binary: list[bytes] = []

    def action(dimm: Dimm) -> int:
        extent = _extent(parsed, dimm)
        if dimm.area is None or extent is None or not frame.may_send_commands(context, dimm):
            return -errno.EINVAL
        if not as_json:
            if parsed.flag('index'):
                # The size of an index block beside the smallest labels, whatever is there.
                extent = (parsed.number('offset'), 2 * dimm.area.index_size(128))
            return _read_bytes(dimm, *extent, binary)
        shown = area_object(dimm.dev, dimm.area, index_only=parsed.flag('index'), human=human)
        if shown is None:
            return -errno.ENOMEM
        found.append(shown)
        return 0

    count, failed = frame.run(context, dimms, action, changes=False)
    printed = Transcript()
    show(printed, found, context.terminal and not path)
    data = printed.stdout.encode('utf-8', 'surrogateescape') + b''.join(binary)
    if path:
        context.files.create(path, 0o666, data)
    elif as_json:
        transcript.print(printed.stdout)
    elif data:
        transcript.payload = Contents((Segment(len(data), _LABELS, data),))
    return frame.close(context, 'read {} nmem{}', count, failed)


def _read_bytes(dimm: Dimm, offset: int, length: int, chunks: list[bytes]) -> int:
    # ndctl takes the offset off the length a second time (ndctl/dimm.c: ``rw_bin``).
    assert dimm.area is not None  # noqa: S101
    left = length - offset
    if left < 0:
        return -errno.EINVAL
    chunks.append(dimm.area.read(offset, left))
    return 0


def write_labels(context: Context) -> int:
    """``ndctl write-labels``"""
    transcript = context.transcript
    parsed, dimms = frame.parse(context, WRITE)
    name = parsed.text('input')
    data = b''
    if name:
        try:
            data = context.files.read(context.path(name), _LIMIT)
        except OSError as error:
            transcript.say(f'failed to open: {name}: ({error.strerror})')
            return frame.close(context, 'wrote {} nmem{}', 0, -(error.errno or errno.EIO))
    if len(dimms) > 1:
        transcript.error('write-labels only supports writing a single dimm\n')
        raise WRITE.fail(transcript)
    with context.memory.changing():
        for dimm in dimms:
            if name is None and not _is_idle(context, dimm):
                break
            if name is None:
                data = _standard_input(context)
            _write_bytes(context, dimm, parsed, data)
    # The DIMM counts even when nothing was written.
    return frame.close(context, 'wrote {} nmem{}', len(dimms), 0)


def _is_idle(context: Context, dimm: Dimm) -> bool:
    if frame.is_active(context, dimm):
        context.transcript.say('dimm is active, abort label write')
        return False
    return True


def _standard_input(context: Context) -> bytes:
    segments = context.stdin.segments if context.stdin else ()
    if any(segment.data is None for segment in segments if segment.length):
        context.transcript.say(
            'ndctl: write-labels from standard input is not simulated: name a file with --input')
        raise UsageExit(NOT_SIMULATED)
    return b''.join(segment.data or b'' for segment in segments)


def _write_bytes(context: Context, dimm: Dimm, parsed: Parsed, data: bytes) -> None:
    extent = _extent(parsed, dimm)
    if not _is_idle(context, dimm) or dimm.area is None or extent is None \
            or not frame.may_send_commands(context, dimm):
        return
    offset, length = extent
    left = max(length - offset, 0)
    if data[:left]:
        dimm.area.write(offset, data[:left])
        dimm.probe()


def _extent(parsed: Parsed, dimm: Dimm) -> tuple[int, int] | None:
    """Offset and length of the part that is meant; None when it is not within the area.

    Without a length it is that of the area, which fits at offset 0 alone.
    """
    if dimm.area is None:
        return None
    offset = parsed.number('offset')
    length = parsed.number('size') or dimm.area.size
    return (offset, length) if (offset + length) % 2**32 <= dimm.area.size else None


def _is_busy(context: Context, dimm: Dimm) -> bool:
    if frame.is_active(context, dimm):
        context.transcript.say(f'{dimm.dev}: regions active, abort label write')
        return True
    return False
