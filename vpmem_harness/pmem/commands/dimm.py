"""``ndctl init-labels``, ``zero-labels``, ``read-labels``, ``check-labels`` (ndctl/dimm.c)."""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections.abc import Callable

from vpmem_harness.pmem.commands import filters, jsontext
from vpmem_harness.pmem.commands.context import NOT_SIMULATED, Context
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.json_objects import Object
from vpmem_harness.pmem.commands.jsontext import Json
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.results import USAGE, Transcript, UsageExit, strerror
from vpmem_harness.pmem.kernel import kernfs
from vpmem_harness.pmem.kernel.dimms import Dimm
from vpmem_harness.pmem.kernel.labels import Index, Label, LabelArea
from vpmem_harness.pmem.kernel.namespaces import NO_UUID

_BASE = (text('b', 'bus', 'bus-id', '<nmem> must be on a bus with an id/provider of <bus-id>'),
         Option('v', 'verbose', 'turn on debug'))
_PART = (Option('s', 'size', 'number of label bytes to operate', 'number'),
         Option('O', 'offset', 'offset into the label area to start operation', 'number'))
INIT = Options(
    'ndctl init-labels <nmem0> [<nmem1>..<nmemN>] [<options>]', *_BASE,
    Option('f', 'force', 'force initialization even if existing index-block present'),
    text('V', 'label-version', 'version-number',
         'namespace label specification version (default: 1.1)'))
ZERO = Options('ndctl zero-labels <nmem0> [<nmem1>..<nmemN>] [<options>]', *_BASE, *_PART)
CHECK = Options('ndctl check-labels <nmem0> [<nmem1>..<nmemN>] [<options>]', *_BASE)
READ = Options(
    'ndctl read-labels <nmem0> [<nmem1>..<nmemN>] [-o <filename>]', *_BASE, *_PART,
    text('o', 'output', 'output-file', 'filename to write label area contents'),
    Option('j', 'json', 'parse label data into json'),
    Option('u', 'human', 'use human friendly number formats (implies --json)'),
    Option('I', 'index', 'limit read to the index block area'))

#: What stands in version 1.2 labels for the kind of memory and of claim, from the UEFI
#: specification 2.7, "Namespace label" (kernel: nvdimm/label.h).
_PMEM_TYPE = (0x66F0D379, 0xB4F3, 0x4074, 0xAC, 0x43, 0x0D3318B78CDB)
_CLAIM_TYPES = {
    'btt': (0x8AED63A2, 0x29A2, 0x4C66, 0x8B, 0x12, 0xF05D15D3922A),
    'btt2': (0x18633BFC, 0x1735, 0x4217, 0x8A, 0xC9, 0x17239282D3F8),
    'pfn': (0x266400BA, 0xFB9F, 0x4677, 0xBC, 0xB0, 0x968F11D0D225),
    'dax': (0x97A86D9C, 0x3CDD, 0x4EDA, 0x98, 0x6F, 0x5068B4F80088)}

#: Does something to a DIMM with a label area and returns 0 or a negative errno.
Action = Callable[[Dimm, LabelArea], int]


def init_labels(context: Context) -> int:
    """``ndctl init-labels``"""
    parsed, dimms = _parse(context, INIT)
    version = parsed.texts.get('label-version', '1.1') or '1.1'
    if version.removeprefix('v') not in ('1.1', '1.2'):
        context.transcript.say(f"'{version}' is not a valid label version")
        return _close(context, 'initialized {} nmem', 0, -errno.EINVAL)

    def action(dimm: Dimm, area: LabelArea) -> int:
        if _is_active(context, dimm):
            context.transcript.say(f'{dimm.dev}: regions active, abort label write')
            return -errno.EBUSY
        if area.current and not parsed.flag('force'):
            context.transcript.say(f'{dimm.dev}: error: labels already initialized')
            return -errno.EBUSY
        area.initialize(version.removeprefix('v'))
        dimm.probe()
        return 0

    return _each(context, dimms, action, 'initialized {} nmem')


def zero_labels(context: Context) -> int:
    """``ndctl zero-labels``"""
    parsed, dimms = _parse(context, ZERO)

    def action(dimm: Dimm, area: LabelArea) -> int:
        area.zero(parsed.number('offset'), parsed.number('size'))
        dimm.probe()
        return 0

    def refuse(dimm: Dimm) -> bool:
        if _is_active(context, dimm):
            context.transcript.say(f'{dimm.dev}: regions active, abort label write')
            return True
        return False

    return _each(context, dimms, action, 'zeroed {} nmem', refuse)


def check_labels(context: Context) -> int:
    """``ndctl check-labels``"""
    _, dimms = _parse(context, CHECK)
    return _each(context, dimms,
                 lambda dimm, area: 0 if area.current else -errno.EINVAL,
                 'successfully verified {} nmem label', changes=False)


def read_labels(context: Context) -> int:
    """``ndctl read-labels``"""
    parsed, dimms = _parse(context, READ)
    human = parsed.flag('human')
    as_json = human or parsed.flag('json')
    transcript = context.transcript
    if as_json and (parsed.number('size') or parsed.number('offset')):
        transcript.say('--size and --offset are incompatible with --json')
        raise READ.fail(transcript)
    if parsed.flag('index') and parsed.number('size'):
        transcript.say('pick either --size, or --index, not both')
        raise READ.fail(transcript)
    if dimms and not as_json:
        transcript.say('ndctl: reading labels other than as JSON is not simulated')
        return NOT_SIMULATED
    output = parsed.text('output')
    path = output and os.path.join(context.directory, output)
    if path:
        try:
            context.files.create(path, 0o666)
        except OSError as error:
            transcript.say(f'failed to open: {output}: ({error.strerror})')
            return _close(context, 'read {} nmem', 0, -(error.errno or errno.EIO))
    found: list[Json] = []

    def action(dimm: Dimm, area: LabelArea) -> int:
        shown: Object = {'dev': dimm.dev, 'index': [_index(index) for index in area.indexes]}
        if not parsed.flag('index'):
            shown['label'] = _labels(area, human)
        found.append(shown)
        return 0

    status = _each(context, dimms, action, 'read {} nmem', changes=False)
    if path:
        shown = Transcript()
        show(shown, found, context.terminal)
        context.files.create(path, 0o666, shown.stdout.encode())
    else:
        show(transcript, found, context.terminal)
    return status


def _index(index: Index | None) -> Json:
    if index is None:
        return {'signature': '', 'major': 0, 'minor': 0, 'labelsize': 128, 'seq': 0, 'nslot': 0}
    major, minor = map(int, index.version.split('.'))
    return {'signature': 'NAMESPACE_INDEX', 'major': major, 'minor': minor,
            'labelsize': 128 if minor < 2 else 256, 'seq': index.sequence, 'nslot': index.slots}


def _labels(area: LabelArea, human: bool) -> list[Json]:
    # A slot that was never written reads as a label for slot 0, so the first one always shows.
    empty = Label(NO_UUID, '', 0, 0, 0, 0, 0, 0)
    shown = {0: empty, **area.slots}
    return [_label(slot, label, area, human) for slot, label in sorted(shown.items())]


def _label(slot: int, label: Label, area: LabelArea, human: bool) -> Json:
    found: Object = {
        'uuid': label.uuid, 'name': label.name, 'slot': slot, 'position': label.position,
        'nlabel': label.ways, 'flags': jsontext.number(label.flags, human),
        'isetcookie': jsontext.number(label.cookie, human), 'lbasize': label.sector_size,
        'dpa': jsontext.number(label.dpa, human), 'rawsize': jsontext.size(label.size, human)}
    if area.label_size == 256:
        found['type_guid'] = _guid(_PMEM_TYPE if slot in area.slots else None)
        found['abstraction_guid'] = _guid(_CLAIM_TYPES.get(label.claim))
    return found


def _guid(fields: tuple[int, int, int, int, int, int] | None) -> str:
    # ndctl prints the bytes as they stand on the media, where the first fields are reversed.
    return str(uuid.UUID(bytes=uuid.UUID(fields=fields).bytes_le)) if fields else NO_UUID


def _is_active(context: Context, dimm: Dimm) -> bool:
    return dimm.area is not None and any(
        region.enabled and dimm in region.dimms for region in context.memory.regions)


def _parse(context: Context, options: Options) -> tuple[Parsed, list[Dimm]]:
    transcript = context.transcript
    parsed = options.parse(context.arguments, transcript)
    if not parsed.arguments:
        raise options.fail(transcript)
    words: list[str] = []
    for word in parsed.arguments:
        if word == 'all':
            words = ['all']
            break
        if re.match(r'nmem\s*[+-]?\d', word):
            words.append(word)
        else:
            transcript.say(f"'{word}' is not a valid dimm name")
    if not words:
        options.show_usage(transcript)
        raise UsageExit(USAGE)
    if not filters.is_bus(context.memory, parsed.text('bus')):
        return parsed, []
    return parsed, [
        dimm for word in words
        for dimm in kernfs.listing_order(context.memory.dimms, lambda each: each.dev)
        if filters.is_dimm(dimm, word)]


def _each(context: Context, dimms: list[Dimm], action: Action, done: str,
          refuse: Callable[[Dimm], bool] = lambda dimm: False, changes: bool = True) -> int:
    count, first_error = 0, 0
    with context.memory.changing() if changes else context.memory.lock:
        for dimm in dimms:
            if refuse(dimm):
                status = -errno.EBUSY
            elif dimm.area is None:
                status = -errno.ENXIO
            elif not context.as_root:
                context.transcript.library(
                    'ndctl_cmd_submit',
                    f'failed to open /dev/{dimm.dev}: {strerror(errno.EACCES)}')
                status = -errno.ENXIO
            else:
                status = action(dimm, dimm.area)
            count += not status
            first_error = first_error or status
    return _close(context, done, count, first_error)


def _close(context: Context, done: str, count: int, error: int) -> int:
    context.transcript.say(done.format(count) + ('s' if count > 1 else ''))
    return 1 if not count and error else 0
