"""Records the documents of a real libvirtd that a release needs.

    python -m tools.recording.libvirt_release RELEASE

It writes capabilities, domain capabilities, and the verdicts and dumps of the definitions of
``tests/golden/libvirt/nvdimm-definitions.json`` to ``build/recording/RELEASE``. The libvirtd is
that of this machine, or that of the Debian in the directory LIBVIRT_ROOT. It creates the backing
files of the definitions there: see :data:`FILES`.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any

import libvirt

from tests.conformance import libvirtd

ROOT = pathlib.Path(__file__).parents[2]
DEFINITIONS = ROOT / 'tests' / 'golden' / 'libvirt' / 'nvdimm-definitions.json'

#: The files of the definitions, with their sizes in MiB; ``dir`` is a directory.
FILES = {'/srv/pmem/ns_0': 128, '/srv/pmem/ns_1': 126, '/srv/pmem/ns_2': 128,
         '/srv/pmem/small': 8}
_DUMPS = {'inactive_xml': libvirt.VIR_DOMAIN_XML_INACTIVE, 'live_xml': 0,
          'migratable_xml': libvirt.VIR_DOMAIN_XML_MIGRATABLE}
#: The time before a message of QEMU.
_TIME = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z ')
_MEMORY = re.compile(r'^  <(?:maxMemory|memory|currentMemory)\b.*$'
                     r'|^    <memory model(?:.|\n)*?^    </memory>$', re.MULTILINE)


def make_files() -> None:
    """Create the backing files of the definitions; they take no space."""
    for path, size in FILES.items():
        file = pathlib.Path(libvirtd.ROOT + path)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open('ab') as stream:
            stream.truncate(size << 20)
        file.chmod(0o666)
    pathlib.Path(f'{libvirtd.ROOT}/srv/pmem/dir').mkdir(exist_ok=True)


def _verdict(call: Any) -> Any:
    try:
        call()
    except libvirt.libvirtError as error:
        return {'code': error.get_error_code(), 'domain': error.get_error_domain(),
                'message': _TIME.sub('', error.get_error_message())}
    return 'ok'


def _memory(xml: str) -> list[str]:
    return [match.group(0).strip() for match in _MEMORY.finditer(xml)]


def definition(connection: Any, row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Define and start a domain, and return the verdicts and its complete dumps."""
    found: dict[str, Any] = {'name': row['name'], 'note': row['note'], 'xml': row['xml'],
                             'start': None, 'inactive_xml_memory': None, 'live_xml_memory': None}
    dumps: dict[str, str] = {}
    found['define'] = _verdict(lambda: connection.defineXML(row['xml']))
    for domain in connection.listAllDomains():
        dumps['inactive_xml'] = domain.XMLDesc(_DUMPS['inactive_xml'])
        found['inactive_xml_memory'] = _memory(domain.XMLDesc())
        found['start'] = _verdict(domain.create)
        if domain.isActive():
            dumps.update({name: domain.XMLDesc(flags) for name, flags in _DUMPS.items()})
            found['live_xml_memory'] = _memory(dumps['live_xml'])
            domain.destroy()
        domain.undefine()
    return found, dumps


def record(release: str) -> None:
    """Write the documents of a release."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    directory = ROOT / 'build' / 'recording' / release
    directory.mkdir(parents=True, exist_ok=True)
    make_files()
    with libvirtd.RealLibvirtd() as real:
        connection = libvirt.open(f'qemu+unix:///session?socket={real.path}')
        (directory / 'capabilities.xml').write_text(connection.getCapabilities())
        for kind in ('kvm', 'qemu'):
            for machine in ('pc', 'q35'):
                try:
                    document = connection.getDomainCapabilities(None, 'x86_64', machine, kind)
                except libvirt.libvirtError as error:       # no KVM here
                    print(error, file=sys.stderr)
                    continue
                (directory / f'domcapabilities-{kind}-{machine}.xml').write_text(document)
        rows = [definition(connection, row) for row in json.loads(DEFINITIONS.read_text())]
        connection.close()
    (directory / 'nvdimm-definitions.json').write_text(
        json.dumps([found for found, _ in rows], indent=1) + '\n')
    (directory / 'nvdimm-definitions-dumps.json').write_text(
        json.dumps({found['name']: dumps for found, dumps in rows if dumps}, indent=1) + '\n')


if __name__ == '__main__':
    record(sys.argv[1])
