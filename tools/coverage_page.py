"""Writes the reference page that says which functions of libvirt are simulated.

    python tools/coverage_page.py            writes doc/source/reference/coverage.rst
    python tools/coverage_page.py --check    fails when that page is not up to date

What there is comes from the installed ``libvirt-api.xml`` and libvirt-python; what is simulated
from the procedures that a procedure group of the simulated daemon answers.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import inspect
import pathlib
import re
import sys
from collections import Counter
from collections.abc import Iterator

import libvirt
from lxml import etree

from vpmem_harness.libvirtd.hypervisor.connection import PROCEDURES
from vpmem_harness.libvirtd.wire.procedures import BY_NAME

API = pathlib.Path('/usr/share/libvirt/api')
PAGE = pathlib.Path(__file__).parents[1] / 'doc/source/reference/coverage.rst'

SIMULATED, CLIENT, NOT = 'simulated', 'answered by the client alone', 'not simulated'

#: The classes of libvirt-python that concern a host with persistent memory.
CLASSES = ('virConnect', 'virDomain', 'virNodeDevice', 'virSecret', 'virNetwork',
           'virStoragePool', 'virStorageVol')

#: What dispatch answers for every connection.
_DISPATCH = {'connect_open', 'connect_close', 'connect_set_identity', 'auth_list',
             'connect_register_close_callback', 'connect_unregister_close_callback'}

#: Functions that the client makes of other procedures: by pattern, what all have to be there.
_COMPOSED = {
    r'virConnectOpen\w*': ['connect_open'],
    r'virDomainLookupByUUIDString': ['domain_lookup_by_uuid'],
    r'virNetworkLookupByUUIDString': ['network_lookup_by_uuid'],
    r'virNetworkPortLookupByUUIDString': ['network_port_lookup_by_uuid'],
    r'virNWFilterLookupByUUIDString': ['nwfilter_lookup_by_uuid'],
    r'virSecretLookupByUUIDString': ['secret_lookup_by_uuid'],
    r'virStoragePoolLookupByUUIDString': ['storage_pool_lookup_by_uuid'],
    r'virDomainCreateLinux': ['domain_create_xml'],
    r'virDomainListGetStats': ['connect_get_all_domain_stats'],
    r'virDomainMigrateToURI\d?': ['domain_migrate_perform3_params'],
    r'virDomainMigrate\d?': ['domain_migrate_begin3_params', 'domain_migrate_prepare3_params',
                             'domain_migrate_perform3_params', 'domain_migrate_finish3_params',
                             'domain_migrate_confirm3_params'],
}

#: Functions without a procedure that are of no use here, because what they move is not simulated.
_STREAMS = re.compile(r'virStream(?!New|Ref|Free)|virNWFilter|virInterface|virNetworkPort'
                      r'|virDomainCheckpoint')

_HEAD = '''\
========
Coverage
========

..
   Written by tools/coverage_page.py: run it after a procedure has come or gone.

Which functions of libvirt's public API (``libvirt-api.xml`` of libvirt {version}) a simulated host
answers. *Simulated*: the function reads or changes the host's state. *Answered by the client
alone*: the client library needs no daemon for it. *Not simulated*: the daemon answers at once with
``VIR_ERR_NO_SUPPORT`` and the function's name, or the function serves only what is not simulated.
Network filters, checkpoints and host interfaces can only be listed and looked up, and streams are
left out on purpose: a test of vPMEM needs no more.

'''


def functions() -> dict[str, str]:
    """The public functions of libvirt and the file of libvirt that each belongs to."""
    found = {}
    for name in ('libvirt-api.xml', 'libvirt-qemu-api.xml'):
        for element in etree.parse(API / name).iter('function'):
            found[element.get('name', '')] = element.get('file', '')
    return found


def api_version() -> str:
    """The newest version that a function of the API came with."""
    versions = (element.get('version', '0') for element in
                etree.parse(API / 'libvirt-api.xml').iter('function'))
    return '.'.join(map(str, max([int(part) for part in v.split('.')] for v in versions)))


def _has(method: str) -> bool:
    return method in _DISPATCH or method in PROCEDURES


def verdict(function: str) -> str:
    """What a client gets that calls a public function."""
    methods = [procedure.method for procedure in BY_NAME.values()
               if procedure.function == function]
    if methods:
        return SIMULATED if all(map(_has, methods)) else NOT
    for pattern, needed in _COMPOSED.items():
        if re.fullmatch(pattern, function):
            return SIMULATED if all(map(_has, needed)) else NOT
    return NOT if _STREAMS.match(function) else CLIENT


def methods(name: str) -> Iterator[tuple[str, str]]:
    """The methods of a class of libvirt-python, with the function of libvirt behind each."""
    for method, body in inspect.getmembers(getattr(libvirt, name), inspect.isfunction):
        if not method.startswith('_'):
            called = re.search(r'libvirtmod\.(vir\w+)', inspect.getsource(body))
            yield method, called.group(1) if called else ''


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield '.. list-table::\n   :header-rows: 1\n'
    for row in (head, *rows):
        for mark, cell in zip(('   * -', *['     -'] * len(row)), row, strict=False):
            yield f'{mark} {cell}'.rstrip()
    yield ''


def _counts(counted: Counter[str]) -> tuple[str, ...]:
    return (*(str(counted[kind]) for kind in (SIMULATED, CLIENT, NOT)), str(counted.total()))


def page() -> str:
    """The whole page."""
    found = {function: (file, verdict(function)) for function, file in functions().items()}
    lines = [_HEAD.format(version=api_version())]
    head = ('', SIMULATED, CLIENT, NOT, 'all')
    files: dict[str, Counter[str]] = {}
    for file, kind in found.values():
        files.setdefault(file, Counter())[kind] += 1
    rows = [(file, *_counts(files[file])) for file in sorted(files)]
    total = sum(files.values(), Counter())
    lines += ['Functions\n=========\n', *_table(head, [*rows, ('**all**', *_counts(total))])]

    lines += ["libvirt-python's methods\n========================\n",
              f'Each method of these classes (of libvirt-python {binding_version()}) is called '
              'once by the tests: it returns\nor raises ``libvirtError``, does not hang, and '
              'leaves the session as it was.\n']
    rows = []
    for name in CLASSES:
        kinds = Counter(verdict(function) if function else CLIENT
                        for _, function in methods(name))
        rows.append((name, *_counts(kinds)))
    lines += _table(head, rows)

    lines.append('Each function\n=============\n')
    for file in sorted(files):
        lines += [file, '-' * len(file), '']
        lines += _table(('function', ''), [
            (f'``{function}``', kind) for function, (where, kind) in sorted(found.items())
            if where == file])
    return '\n'.join(lines)


def binding_version() -> str:
    """The version of libvirt-python."""
    return importlib.metadata.version('libvirt-python')


def main() -> int:
    parser = argparse.ArgumentParser(description='Writes the coverage page.')
    parser.add_argument('--check', action='store_true', help='only say whether it is up to date')
    text = page()
    if parser.parse_args().check:
        return 0 if PAGE.read_text() == text else 1
    PAGE.write_text(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
