"""Converts the ``out`` directory of a session into one JSON object per line."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

LABEL_AREA = '2MiB'
UNITS = {'KiB': 1 << 10, 'MiB': 1 << 20, 'GiB': 1 << 30}
DIMM = re.compile(r'^# dimm: *([^,\n]*)((?:, *\w+=\w+)*)$', re.MULTILINE)
NOTE = re.compile(r'^# note: *(.*)$', re.MULTILINE)


def in_bytes(size: str) -> int:
    """Return the bytes of a size such as ``4GiB``."""
    return int(size[:-3]) * UNITS[size[-3:]]


def dimms(source: str) -> list[dict[str, Any]]:
    """Return the DIMMs that the header of a session requests."""
    found = []
    for index, (size, rest) in enumerate(DIMM.findall(source)):
        options = dict(option.strip().split('=') for option in rest.split(',')[1:])
        without = options.get('labels') == 'no'
        found.append({
            'dimm': f'nmem{index}', 'size': in_bytes(size), 'numa_node': int(options['numa']),
            'label_area': 0 if without else in_bytes(options.get('area', LABEL_AREA)),
            'labels': 'none' if without else 'blank'})
    return found


def region_order(out: pathlib.Path) -> list[int]:
    """Return the DIMM of each region."""
    lines = map(str.split, (out / 'regions').read_text().splitlines())
    return [int(dimm.removeprefix('nmem')) for _, dimm in sorted(
        (int(region), dimm) for region, dimm in lines)]


def header(script: pathlib.Path, out: pathlib.Path, emulated_by: str) -> dict[str, Any]:
    """Return what was recorded on which system, and the DIMM of each region."""
    source = script.read_text()
    versions = dict(line.split('=', 1) for line in (out / 'versions').read_text().splitlines())
    note, order = NOTE.search(source), region_order(out)
    return {
        'recording': script.stem,
        'note': note[1] if note else '',
        **versions,
        'emulated_by': emulated_by,
        'dimms': dimms(source),
        'persistence_domain': 'memory_controller',
        **({'region_order': order} if order != sorted(order) else {}),
    }


def rows(out: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yield the commands in the order of execution."""
    for line in (out / 'sequence').read_text().splitlines():
        kind, _, rest = line.partition(' ')
        if kind == 'reboot':
            yield {'reboot': True}
            continue
        if kind == 'setup':
            yield {'setup': rest}
            continue
        kept = {part: (out / f'{rest}.{part}').read_bytes().decode('utf-8', 'backslashreplace')
                for part in ('cmd', 'rc', 'out', 'err')}
        yield {'step': rest, 'cmd': kept['cmd'].rstrip('\n'), 'rc': int(kept['rc']),
               'out': kept['out'], 'err': kept['err']}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('script', type=pathlib.Path)
    parser.add_argument('out', type=pathlib.Path, nargs='?')
    parser.add_argument('--emulated-by', default='')
    parser.add_argument('--dimms', action='store_true',
                        help='only print the size, NUMA node and label area of each DIMM')
    arguments = parser.parse_args()
    if arguments.dimms:
        for dimm in dimms(arguments.script.read_text()):
            print(dimm['size'], dimm['numa_node'], dimm['label_area'])
        return
    print(json.dumps(header(arguments.script, arguments.out, arguments.emulated_by)))
    for row in rows(arguments.out):
        print(json.dumps(row))


if __name__ == '__main__':
    main()
