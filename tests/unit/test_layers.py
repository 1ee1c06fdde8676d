"""Imports point only to lower layers."""

from __future__ import annotations

import ast
import pathlib

import testtools

PACKAGE = pathlib.Path(__file__).parents[2] / 'vpmem_harness'

#: The layers, from the top; the members of one layer do not import each other.
LAYERS = (
    ('__main__',),
    ('cli',),
    ('findings', 'chaos', 'novatests', 'pytest_plugin'),
    ('testcase',),
    ('fixtures',),
    ('fleet',),
    ('report',),
    ('cloud',),
    ('host',),
    ('libvirtd', 'pmem'),
    ('safelog',),
    ('serving',),
    ('uuids', 'conf', 'hardware'),
    ('releases',),
    ('randomness',),
    ('exceptions', 'plurals'),
)

#: Inside libvirtd: only the daemon combines the wire, the documents and the state.
DAEMON = (
    ('server',),
    ('dispatch',),
    ('access', 'argument_checks', 'peers'),
    ('hypervisor', 'wire'),
    ('xml',),
    ('argument_table', 'drivers', 'errors', 'remote_access', 'stream', 'values'),
)

#: Exceptions: imports that point to a higher layer, each with its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def imports(folder: pathlib.Path, package: str) -> list[tuple[str, str, str]]:
    """Return each import between members of ``package``: the file, its member, the other member."""
    found = []
    for path in sorted(folder.rglob('*.py')):
        own = path.relative_to(folder).parts[0].removesuffix('.py')
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f'{node.module}.{alias.name}' for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if name.startswith(f'{package}.'):
                    other = name[len(package) + 1:].partition('.')[0]
                    if other != own and own != '__init__':
                        found.append((path.relative_to(folder).as_posix(), own, other))
    return found


def wrong(found: list[tuple[str, str, str]], layers: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the imports that do not point to a lower layer, one line each."""
    level = {name: number for number, names in enumerate(layers) for name in names}
    return sorted({f'{path} imports {other}' for path, own, other in found
                   if (own, other) not in EXCEPTIONS and level[own] >= level[other]})


class LayersTest(testtools.TestCase):

    def test_no_import_points_to_a_higher_layer(self) -> None:
        """A module of the package imports from the layers below its own."""
        self.assertEqual([], wrong(imports(PACKAGE, 'vpmem_harness'), LAYERS))

    def test_state_and_wire_are_independent(self) -> None:
        """Inside the daemon, the hypervisor and the wire do not import each other."""
        self.assertEqual(
            [], wrong(imports(PACKAGE / 'libvirtd', 'vpmem_harness.libvirtd'), DAEMON))
