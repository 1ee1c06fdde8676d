#!/usr/bin/env python3
"""Generate the tables of a release from recordings of its libvirt.

``tools/release_tables.py`` writes ``vpmem_harness/releases/data/NAME.json`` for each release in
:data:`RECORDINGS`: machine types, CPU models and the devices of domain capabilities. A test checks
that the files equal what this tool generates.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

from lxml import etree

ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = ROOT / 'tests' / 'golden' / 'libvirt'
DATA = ROOT / 'vpmem_harness' / 'releases' / 'data'

#: The recordings of each release: capabilities, and domain capabilities without and with KVM.
RECORDINGS = {
    'debian12': ('capabilities.xml', 'domcapabilities.xml', 'domcapabilities-kvm.xml'),
    'debian13': ('debian13/libvirt-11.3-capabilities.xml',
                 'debian13/libvirt-11.3-domcapabilities-qemu-pc.xml',
                 'debian13/libvirt-11.3-domcapabilities-kvm-pc.xml'),
}


def read(name: str) -> etree._Element:
    """Return the document of a recording, which may begin with the recorded command."""
    lines = (GOLDEN / name).read_text().splitlines()
    text = '\n'.join(line for line in lines if line[:1] not in ('$', '#'))
    return etree.fromstring(text)


def machines(capabilities: etree._Element) -> dict[str, list[list[Any]]]:
    """Return the machine types of each architecture: name, canonical name, vCPUs, deprecated."""
    found = {}
    for arch in capabilities.iter('arch'):
        if arch.get('name'):
            found[arch.get('name', '')] = [
                [each.text, each.get('canonical'), int(each.get('maxCpus', '1')),
                 each.get('deprecated') == 'yes'] for each in arch.iter('machine')]
    return found


def cpu_models(emulated: etree._Element, accelerated: etree._Element) -> list[list[Any]]:
    """Return the CPU models: name, vendor, canonical name, deprecated, features.

    Features are two lists: those that emulation lacks, and the others that some host lacks.
    """
    blockers = []
    for document in (emulated, accelerated):
        blockers.append({each.get('model'): [feature.get('name', '') for feature in each]
                         for each in document.iter('blockers')})
    rows = []
    for model in emulated.iterfind("cpu/mode[@name='custom']/model"):
        lacked, others = (blocked.get(model.text, []) for blocked in blockers)
        # Before libvirt 11.0 nothing says why a model is not usable.
        usable = model.get('usable') == 'yes'
        rows.append([model.text, model.get('vendor'), model.get('canonical'),
                     model.get('deprecated') == 'yes', usable,
                     ' '.join(lacked), ' '.join(sorted(set(others) - set(lacked)))])
    return rows


def devices(capabilities: etree._Element) -> list[list[Any]]:
    """Return the devices: name, and the values of each property."""
    found = []
    for device in capabilities.iterfind('devices/*'):
        properties = [[each.get('name'), [value.text for value in each]] for each in device]
        found.append([device.tag, properties])
    return found


def features(capabilities: etree._Element) -> list[list[str]]:
    """Return the features of domains, and whether each is supported."""
    return [[each.tag, each.get('supported', '')]
            for each in capabilities.iterfind('features/*')]


def table(recordings: tuple[str, str, str]) -> dict[str, Any]:
    """Return the tables of a release."""
    host, emulated, accelerated = map(read, recordings)
    model = emulated.find("cpu/mode[@name='host-model']")
    assert model is not None        # every libvirt has one  # noqa: S101
    return {
        'machines': machines(host),
        'cpu_models': cpu_models(emulated, accelerated),
        'emulated_model': [[each.tag, each.get('policy', ''), each.get('name') or each.text]
                           for each in model],
        'devices': devices(emulated),
        'features': features(emulated),
    }


def text(tables: dict[str, Any]) -> str:
    """Return tables as JSON, with one row on each line."""
    lines = []
    for key, rows in tables.items():
        if isinstance(rows, dict):
            inner = ',\n'.join(f'  {json.dumps(name)}: [\n   ' + ',\n   '.join(
                json.dumps(row) for row in part) + ']' for name, part in rows.items())
            lines.append(f' {json.dumps(key)}: {{\n{inner}}}')
        else:
            inner = ',\n  '.join(json.dumps(row) for row in rows)
            lines.append(f' {json.dumps(key)}: [\n  {inner}]')
    return '{\n' + ',\n'.join(lines) + '\n}\n'


def main() -> None:
    """Write the tables of every release."""
    for name, recordings in RECORDINGS.items():
        (DATA / f'{name}.json').write_text(text(table(recordings)))


if __name__ == '__main__':
    main()
