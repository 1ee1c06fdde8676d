"""Turns what a session left in its ``out`` directory into one JSON object a line."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

LABEL_AREA = 2 << 20
UNITS = {'MiB': 1 << 20, 'GiB': 1 << 30}
DIMM = re.compile(r'^# dimm: *(\d+)([MG]iB), *numa=(\d+)$', re.MULTILINE)
NOTE = re.compile(r'^# note: *(.*)$', re.MULTILINE)


def header(script: pathlib.Path, out: pathlib.Path, emulated_by: str) -> dict[str, Any]:
    """What was recorded, on what."""
    source = script.read_text()
    versions = dict(line.split('=', 1) for line in (out / 'versions').read_text().splitlines())
    note = NOTE.search(source)
    return {
        'recording': script.stem,
        'note': note[1] if note else '',
        **versions,
        'emulated_by': emulated_by,
        'dimms': [
            {'dimm': f'nmem{index}', 'size': int(size) * UNITS[unit], 'numa_node': int(node),
             'label_area': LABEL_AREA, 'labels': 'blank'}
            for index, (size, unit, node) in enumerate(DIMM.findall(source))
        ],
        'persistence_domain': 'memory_controller',
    }


def rows(out: pathlib.Path) -> Iterator[dict[str, Any]]:
    """The commands, in the order in which they ran."""
    for line in (out / 'sequence').read_text().splitlines():
        kind, rest = line.split(' ', 1)
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
    parser.add_argument('out', type=pathlib.Path)
    parser.add_argument('--emulated-by', default='')
    arguments = parser.parse_args()
    print(json.dumps(header(arguments.script, arguments.out, arguments.emulated_by)))
    for row in rows(arguments.out):
        print(json.dumps(row))


if __name__ == '__main__':
    main()
