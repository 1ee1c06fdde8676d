"""Changes to Nova are confined to three modules, and spare the code under test."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import testtools

ROOT = pathlib.Path(__file__).parents[4]
WORKAROUNDS = pathlib.Path('vpmem_harness', 'cloud', 'nova', 'workarounds.py')
DATABASES = pathlib.Path('vpmem_harness', 'cloud', 'nova', 'file_databases.py')
OF_TESTS = pathlib.Path('vpmem_harness', 'novatests', 'workarounds.py')

#: Ways to replace a name: fixtures, mock, Nova's test case, Python.
PATCHES = {'MonkeyPatch', 'MockPatch', 'MockPatchObject', 'MockPatchMultiple', 'stub_out', 'patch',
           'object', 'multiple', 'setattr', 'delattr'}

#: The code under test: modules of a compute service.
UNTOUCHED = ('nova.virt', 'nova.compute', 'nova.privsep')

#: Module state that is reset to its value after an import or a service's first start.
RESETS = {'nova.virt.node.LOCAL_NODE_UUID = uuid'}

#: Constants that a later release of Nova changes in the same way.
NEXT_RELEASE = {
    'nova.virt.libvirt.driver.MIN_LIBVIRT_VERSION = driver.NEXT_MIN_LIBVIRT_VERSION',
    'nova.virt.libvirt.driver.MIN_QEMU_VERSION = driver.NEXT_MIN_QEMU_VERSION'}


class Reaches(ast.NodeVisitor):
    """Names of Nova that a module assigns to, replaces or deletes, in dotted form."""

    def __init__(self, source: str) -> None:
        self._names: dict[str, str] = {}
        self.found: list[str] = []
        self.visit(ast.parse(source))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition('.')[0]
            self._names[alias.asname or name] = name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._names[alias.asname or alias.name] = f'{node.module}.{alias.name}'

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Attribute):
            before = self._dotted(node.value)
            return f'{before}.{node.attr}' if before else ''
        return self._names.get(node.id, '') if isinstance(node, ast.Name) else ''

    def _note(self, name: str, value: str = '') -> None:
        if name.partition('.')[0] in ('nova', 'placement') and '.' in name:
            self.found.append(f'{name} = {value}' if value else name)

    def _assigned(self, target: ast.expr, value: str) -> None:
        for each in ast.walk(target):
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, (ast.Store, ast.Del)):
                self._note(self._dotted(each), value)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(target, ast.unparse(node.value))
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._assigned(node.target, ast.unparse(node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assigned(node.target, ast.unparse(node.value) if node.value else '')

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._assigned(target, '')

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else (
            called.id if isinstance(called, ast.Name) else '')
        if name in PATCHES:
            for argument in node.args[:1]:
                self._note(self._dotted(argument))
                if isinstance(argument, ast.JoinedStr):
                    argument = argument.values[0]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    self._note(argument.value)
        self.generic_visit(node)


def sources(*directories: str) -> Iterator[tuple[pathlib.Path, str]]:
    """Yield the modules that mention Nova, with their source."""
    for directory in directories:
        for path in sorted((ROOT / directory).rglob('*.py')):
            text = path.read_text()
            if re.search(r'\bnova\.|\bfrom nova\b', text):
                yield path.relative_to(ROOT), text


class SeamsTest(testtools.TestCase):

    def test_only_the_workarounds_change_nova(self) -> None:
        """No other module of the backend assigns to or replaces a name of Nova."""
        allowed = (WORKAROUNDS, DATABASES, OF_TESTS)
        others = {str(path): found for path, text in sources('vpmem_harness', 'examples')
                  if path not in allowed and (found := Reaches(text).found)}
        self.assertEqual({}, others)

    def test_the_workarounds_change_nova(self) -> None:
        """The workarounds module changes services and settings of Nova."""
        found = Reaches((ROOT / WORKAROUNDS).read_text()).found
        self.assertIn('nova.rpc.create_transport', found)
        self.assertIn('nova.db.main.api.DISABLE_DB_ACCESS = True', found)

    def test_the_databases_of_fixtures_are_all_that_nova_33_needs(self) -> None:
        """For Nova 33 only fixtures and the options of databases are replaced."""
        found = Reaches((ROOT / DATABASES).read_text()).found
        self.assertTrue(found)
        for each in found:
            self.assertRegex(each, r'^(nova|placement)\.(tests|db)\.')

    def test_the_code_under_test_is_not_replaced(self) -> None:
        """Driver, compute manager, resource tracker and privsep are unchanged."""
        touched = {
            f'{path}: {each}'
            for path, text in sources('vpmem_harness', 'examples', 'tests', 'bench', 'tools')
            for each in Reaches(text).found
            if each.startswith(UNTOUCHED) and each not in RESETS | NEXT_RELEASE}
        self.assertEqual(set(), touched)

    def test_no_string_patches_the_code_under_test(self) -> None:
        """No string names the code under test for a patch made elsewhere."""
        name = re.compile(r'''['"]nova\.(virt|compute|privsep)\.''')
        named = [str(path) for path, text in sources('vpmem_harness', 'examples', 'bench', 'tools')
                 if name.search(text)]
        self.assertEqual([], named)

    def test_each_kind_of_change_is_found(self) -> None:
        """Changes through any kind of import, assignment or patch are found."""
        for source in (
            'import nova.virt.node\nnova.virt.node.X = 1',
            'from nova.virt import node\nnode.X: int = 1',
            'from nova.virt.libvirt.driver import LibvirtDriver as D\nD.spawn = None',
            'import nova.virt.node as n\ndel n.X',
            'from nova.compute import manager\nmanager.A, other = 1, 2',
            'from nova.compute import manager\nsetattr(manager.A, "x", 1)',
            'use(fixtures.MonkeyPatch("nova.privsep.libvirt.get_pmem_namespaces", None))',
            'from nova.virt.libvirt import driver\nmock.patch.object(driver.LibvirtDriver, "x")',
            'self.stub_out("nova.compute.manager.x", None)',
            'import nova.virt.node\nnova.virt.node.X += 1',
        ):
            self.assertTrue(any(
                each.startswith(UNTOUCHED) for each in Reaches(source).found), source)
