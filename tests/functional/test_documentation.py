"""What the documentation shows works."""

from __future__ import annotations

import ast
import builtins
import configparser
import contextlib
import functools
import importlib.util
import io
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import types
import unittest

import libvirt
import testtools
import yaml
from fixtures import TempDir
from testtools.content import text_content

import vpmem_harness.fixtures
from tests import base
from tests.functional.documentation_blocks import (
    DOC,
    PAGES,
    ROOT,
    Block,
    blocks,
    commands,
    is_code,
)
from vpmem_harness import findings, fixtures, safelog, testcase
from vpmem_harness.cli.commands import COMMANDS

TUTORIAL = DOC / 'tutorial'
FIRST = TUTORIAL / 'test_first.py'
GUEST = DOC / 'howto' / 'test_guest.py'
CALLS = DOC / 'howto' / 'test_calls.py'
RELEASES = DOC / 'howto' / 'test_releases.py'


#: What examples pass to ``run --dir``.
EXAMPLE_DIRECTORY = '/tmp/fleet'  # noqa: S108 - it is replaced

#: ``subprocess.run`` as the blocks call it: what a command prints is none of the tests' output.
run_quietly = functools.partial(subprocess.run, check=True, capture_output=True)


def passes(case: testtools.TestCase, suite: unittest.TestSuite) -> int:
    """Run tests; the number of them."""
    result = testtools.TestResult()
    suite.run(result)
    case.assertTrue(result.wasSuccessful(), result.errors + result.failures)
    return result.testsRun


class Examples(base.TestCase):
    """Runs examples."""

    def check(self, path: pathlib.Path) -> None:
        """Run the tests of an example."""
        specification = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        self.assertEqual(path.read_text().count('def test_'), passes(self, suite))


class HowToTest(Examples):

    def test_a_guest_with_a_namespace(self):
        """The domain with an NVDIMM runs as the how-to shows it."""
        self.check(GUEST)

    def test_calls_to_a_host(self):
        """The assertions on calls hold as they stand in the how-to."""
        self.check(CALLS)

    def test_releases(self):
        """The test of the how-to on releases passes."""
        self.check(RELEASES)

    def test_a_seed_gives_what_its_docstring_shows(self):
        """The inventory in the docstring of InventoryFixture is that of its seed."""
        inventory = self.useFixture(fixtures.InventoryFixture(seed=7))
        self.assertIn(f'{inventory.pmem_namespaces!r}\n', fixtures.InventoryFixture.__doc__)


class TutorialTest(Examples):

    def test_first_tests_pass(self):
        """The tests of the tutorial run as the page shows them."""
        self.check(FIRST)

    def test_readme_shows_the_tutorials_test(self):
        """The test in the README is the tutorial's first one."""
        readme = (ROOT / 'README.rst').read_text()
        first = FIRST.read_text().partition('    def test_exhaustion')[0].strip()
        self.assertIn(textwrap.indent(first, '    '), readme)


class PythonTest(base.VPMEMTestCase):
    """Executes the blocks of Python, one test for each page.

    The blocks of a page share their names. A name that no block has assigned is made by the
    method ``make_NAME``, if there is one.
    """

    def execute(self, page: str) -> None:
        names: dict[str, object] = {
            'self': self, 'fixtures': fixtures, 'testcase': testcase, 'testtools': testtools,
            'libvirt': libvirt, 'json': json, 'subprocess': types.SimpleNamespace(run=run_quietly),
            'VPMEMTestCase': testcase.VPMEMTestCase, 'Secret': safelog.Secret,
            **{name: getattr(vpmem_harness.fixtures, name)
               for name in vpmem_harness.fixtures.__all__},
        }
        for block in blocks(page):
            if block.language == 'python' and block.not_run is None and (
                    'virsh' not in block.text or shutil.which('virsh')):
                self.addDetail('block', text_content(f'{block}\n{block.text}'))
                with contextlib.redirect_stdout(io.StringIO()):
                    self.execute_block(block, names)

    def execute_block(self, block: Block, names: dict[str, object]) -> None:
        tree = ast.parse(block.text, str(block))
        for name in self.wanted(tree, names):
            names[name] = getattr(self, f'make_{name}')(names)
        known = set(names)
        exec(compile(tree, str(block), 'exec'), names)  # noqa: S102 - our own documentation
        for name in names.keys() - known:
            made = names[name]
            if isinstance(made, type) and issubclass(made, unittest.TestCase) and made not in (
                    testcase.VPMEMTestCase, testtools.TestCase):
                suite = unittest.defaultTestLoader.loadTestsFromTestCase(made)
                self.assertGreater(passes(self, suite), 0, f'{block} has no test')
            elif name.startswith('test_'):
                made(self)

    def wanted(self, tree: ast.Module, names: dict[str, object]) -> list[str]:
        """The names that a block uses and that have to be made, those first that others need."""
        read = {node.id for node in ast.walk(tree)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        own = {node.id for node in ast.walk(tree)
               if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        missing = read - own - names.keys() - set(dir(builtins))
        return [name for name in ('cloud', 'server', 'host', 'service', 'domain', 'path',
                                  'password') if name in missing]

    def make_cloud(self, names):
        return self.useFixture(fixtures.CloudFixture())

    def make_server(self, names):
        names.setdefault('cloud', self.make_cloud(names))
        return names['cloud'].boot(pmem='SMALL')

    def make_host(self, names):
        if 'cloud' in names:
            cloud = names['cloud']
            return cloud.host(names['server'].host) if 'server' in names else cloud.hosts[0]
        return self.useFixture(fixtures.HostFixture(pmem='SMALL:2x4GiB'))

    def make_service(self, names):
        return names['cloud'].compute(names['host'])

    def make_domain(self, names):
        guest = GUEST.read_text().partition('"""')[2].partition('"""')[0]
        namespace = names['host'].namespaces[0]
        domain = names['host'].connection.defineXML(guest.format(
            namespace=namespace, size=namespace.size // 1024, align=namespace.align // 1024))
        domain.create()
        self.addCleanup(domain.destroy)
        return domain

    def make_path(self, names):
        return names['host'].namespaces[0].path

    def make_password(self, names):
        return f'secret-{self.randomness.uuid()}'


class ShellTest(base.TestCase):
    """Executes the commands of shell blocks, one test for each page.

    ``./dev`` would make an environment. Only its commands' names are checked, and what it would run
    in the environment of the tests is executed in this one. Commands run in an empty directory with
    the tutorial's test in it.
    """

    def execute(self, page: str) -> None:
        self.directory = pathlib.Path(self.useFixture(TempDir()).path)
        (self.directory / '.cache').mkdir()
        shutil.copytree(TUTORIAL, self.directory / 'doc' / 'source' / 'tutorial',
                        ignore=shutil.ignore_patterns('__pycache__'))
        shutil.copy(FIRST, self.directory)
        self.host: fixtures.HostFixture | types.SimpleNamespace | None = None
        self.variables: dict[str, str] = {}
        for block in blocks(page):
            if block.language == 'shell' and block.not_run is None:
                for command in commands(block.text):
                    self.execute_command(block, command)

    def execute_command(self, block: Block, command: str) -> None:
        words = shlex.split(command)
        if words[0] == './dev':
            self.assertIn(words[1], dev_commands(), f'{block}: {command}')
            if words[1] == 'shell':
                self.host = self.make_host(words)
            if words[1] not in ('python', 'harness'):
                return
            words = words[2:] if words[1] == 'python' else ['vpmem-harness', *words[2:]]
            if words[0].startswith('tools/'):
                return
        if words[0] in ('ndctl', 'daxctl', 'daxio', 'virsh'):
            self.assertIsNotNone(self.host, f'{block}: no shell with hosts is open')
            self.succeed(block, words, self.host.env)
        elif words[0] in ('python', '-m'):
            self.run_python(block, words[words[0] == 'python':])
        elif words[0] == 'vpmem-harness':
            self.run_harness(block, self.in_directory(words))
        elif words[0] == 'eval':
            self.evaluate(block, command)
        else:
            self.fail(f'{block} cannot be executed: {command}\n'
                      'put a comment with the reason before the block: .. not run: REASON')

    def make_host(self, words: list[str]) -> fixtures.HostFixture:
        """The first host of ``./dev shell``."""
        dimms = [words[at + 1] for at, word in enumerate(words) if word == '--dimm']
        return self.useFixture(fixtures.HostFixture(dimms=dimms or None, first_region=0))

    def run_python(self, block: Block, arguments: list[str]) -> None:
        module = arguments[1] if arguments[0] == '-m' else ''
        if module == 'testtools.run':
            return      # a test of this suite
        if module and importlib.util.find_spec(module) is None:
            return      # a test runner that this environment does not have
        self.succeed(block, [sys.executable, *arguments], self.environment())

    def run_harness(self, block: Block, words: list[str]) -> None:
        """Run the command; a fleet that it starts is ended with the test."""
        if words[1] in ('up', 'load'):
            self.addCleanup(
                subprocess.run, ['vpmem-harness', 'down', '--all'], env=self.environment(),
                check=True, capture_output=True)
        self.succeed(block, words, self.environment())

    def evaluate(self, block: Block, command: str) -> None:
        """Let the following commands have the variables that a command exports."""
        self.succeed(block, ['sh', '-c', f'{command} && env -0 >.variables'], self.environment())
        text = (self.directory / '.variables').read_text()
        self.variables = dict(line.split('=', 1) for line in text.split('\0') if line)
        self.host = types.SimpleNamespace(env=self.environment())

    def in_directory(self, words: list[str]) -> list[str]:
        """The command with the example's directory inside the one of this test."""
        return [word.replace(EXAMPLE_DIRECTORY, f'{self.directory}/fleet') for word in words]

    def environment(self) -> dict[str, str]:
        variables = self.variables or dict(os.environ)
        scripts = sysconfig.get_path('scripts')
        return {**variables, 'PATH': f'{scripts}{os.pathsep}{variables["PATH"]}'}

    def succeed(self, block: Block, words: list[str], environment: dict[str, str]) -> None:
        """Run a command that has to end with status 0."""
        if 'virsh' in ' '.join(words) and not shutil.which('virsh'):
            return
        ended = subprocess.run(words, env=environment, cwd=self.directory, text=True, check=False,
                               stdin=subprocess.DEVNULL, capture_output=True)
        self.addDetail('command', text_content(
            f'{block}: {shlex.join(words)}\n{ended.stdout}{ended.stderr}'))
        self.assertEqual(0, ended.returncode)


def dev_commands() -> set[str]:
    """The commands that ``./dev`` has."""
    listed = re.search(r'^    (demo\|[a-z0-9|]+)\) ;;', (ROOT / 'dev').read_text(), re.MULTILINE)
    return set(listed[1].split('|'))


def one_test_for_each_page(case: type, language: str) -> None:
    """Give a class a test for each page with blocks of a language that can be executed."""
    for page in PAGES:
        if any(one.language == language and one.not_run is None for one in blocks(page)):
            def test(self, page=page):
                self.execute(page)
            name = re.sub(r'\W+', '_', page.removeprefix('doc/source/').removesuffix('.rst'))
            test.__doc__ = f'The {language} blocks of {page} can be executed.'
            test.__name__ = f'test_{name.lower()}'
            setattr(case, test.__name__, test)


one_test_for_each_page(PythonTest, 'python')
one_test_for_each_page(ShellTest, 'shell')


class BlocksTest(testtools.TestCase):

    def test_each_language_is_one_that_is_checked(self):
        """A block is executed, parsed or plain text, or says why it is not executed."""
        checked = {'python', 'shell', 'ini', 'yaml', 'none', 'text'}
        self.assertEqual([], [str(block) for page in PAGES for block in blocks(page)
                              if block.language not in checked and block.not_run is None])

    def test_no_code_without_its_language(self):
        """A plain block is no code: that names its language, so that it is executed."""
        self.assertEqual([], [str(block) for page in PAGES for block in blocks(page)
                              if block.language == 'none' and block.not_run is None
                              and is_code(block.text)])

    def test_configuration_files_can_be_read(self):
        """Blocks of INI and YAML have the syntax of their language."""
        for page in PAGES:
            for block in blocks(page):
                if block.language == 'ini':
                    configparser.ConfigParser(interpolation=None).read_string(block.text)
                elif block.language == 'yaml':
                    self.assertIsNotNone(yaml.safe_load(block.text), str(block))


class PathsTest(testtools.TestCase):

    def test_files_that_are_named_exist(self):
        """Each file and folder of the project that a page names is there."""
        named = re.compile(r'``((?:vpmem_harness|tests|tools|doc|examples)/[\w./-]+)``')
        self.assertEqual([], [(page, path) for page, file in PAGES.items()
                              for path in named.findall(file.read_text())
                              if not (ROOT / path).exists() and not path.startswith('doc/build')])


class ReferenceTest(base.TestCase):

    def documented(self) -> set[str]:
        """The classes and functions that have an entry on a page of the reference."""
        text = '\n'.join(path.read_text() for path in (DOC / 'reference').glob('*.rst'))
        return set(re.findall(r'^\.\. auto(?:class|function):: ([\w.]+)', text, re.MULTILINE))

    def test_every_fixture_has_its_entry(self):
        """Each fixture that can be imported is on the page of fixtures."""
        page = (DOC / 'reference' / 'fixtures.rst').read_text()
        listed = [line.rpartition('.')[2] for line in page.splitlines()
                  if line.startswith('.. autoclass:: vpmem_harness.fixtures.')]
        self.assertEqual(sorted(fixtures.__all__), sorted(listed))

    def test_every_class_that_tests_receive_has_its_entry(self):
        """What the attributes and methods of a public class return is in the reference."""
        documented = self.documented()
        for received in (
                'cloud.api.Fault', 'cloud.api.InstanceAction', 'cloud.api.InstanceActionEvent',
                'cloud.api.Inventory', 'cloud.api.MigrationRecord', 'cloud.api.ServerRecord',
                'cloud.api.VPMEMDevice', 'cloud.cloud.Cloud', 'cloud.compute.Compute',
                'cloud.flavors.Flavor', 'cloud.server.Server', 'cloud.states.PowerState',
                'cloud.states.TaskState', 'cloud.states.VMState', 'host.audit.Report',
                'host.faults.fault.Fault', 'host.faults.faults.Faults',
                'host.calls.record.CommandCall', 'host.calls.record.LibvirtCall',
                'host.calls.selection.Calls', 'host.machine.Host', 'pmem.CommandResult',
                'pmem.DimmSpec', 'pmem.Namespace', 'pmem.PersistentMemory',
                'randomness.Randomness', 'safelog.Secret', 'serving.clock.SteppedClock',
                'uuids.UUIDs'):
            self.assertIn(f'vpmem_harness.{received}', documented)

    def test_every_command_has_its_entry(self):
        """Each command is on the page of commands."""
        page = (DOC / 'reference' / 'commands.rst').read_text()
        listed = [line.partition(':: ')[2] for line in page.splitlines()
                  if line.startswith('.. command-help:: ')]
        self.assertEqual(sorted(each.name for each in COMMANDS), sorted(listed))


class FindingsTest(testtools.TestCase):

    def test_every_finding_is_described(self):
        """Each finding is on the page of findings, and on that of what the stub does instead."""
        for page in ('findings', 'stub-differences'):
            text = (DOC / f'{page}.rst').read_text()
            self.assertEqual([], [one.name for one in findings.FINDINGS
                                  if f'``{one.name}``' not in text], page)
