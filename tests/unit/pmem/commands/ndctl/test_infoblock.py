"""Info blocks, read and written."""

from __future__ import annotations

import json
import os
import tempfile

import testtools

from tests.unit.pmem.test_machine import labelled
from vpmem_harness.pmem import CommandResult
from vpmem_harness.pmem.kernel.sizes import GIB, MIB


class InfoBlockTest(testtools.TestCase):
    """What the first bytes of a namespace say."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = labelled(GIB)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def ndctl(self, command: str) -> CommandResult:
        """Runs ndctl in a directory of the test."""
        return self.memory.run(['ndctl', *command.split()], directory=self.directory)

    def test_a_devdax_namespace(self) -> None:
        """The block says where its data begin, and to which label it belongs."""
        made = self.memory.create_namespace(size=64 * MIB, map='dev')
        self.ndctl('disable-namespace namespace0.0')
        block = json.loads(self.ndctl('read-infoblock -j namespace0.0').stdout)[0]
        self.assertEqual(
            ('NVDIMM_DAX_INFO', made.uuid, 2 * MIB, 62 * MIB // 4096, 2),
            (block['signature'], block['uuid'], block['dataoff'], block['npfns'], block['mode']))
        self.assertEqual(self.memory.namespaces[0].uuid, block['parent_uuid'])

    def test_a_sector_mode_namespace(self) -> None:
        """The block has the layout of an arena."""
        made = self.memory.create_namespace('sector', size=64 * MIB)
        self.ndctl('disable-namespace namespace0.0')
        block = json.loads(self.ndctl('read-infoblock -j namespace0.0').stdout)[0]
        self.assertEqual(('BTT_ARENA_INFO', '1.1', made.size),
                         (block['signature'], block['version'], block['external_nlba'] * 4096))
        self.assertEqual(64 * MIB - 4096, block['info2off'] + 4096)

    def test_bytes_and_json_agree(self) -> None:
        """A file with the bytes reads like the namespace."""
        self.memory.create_namespace(size=64 * MIB)
        self.ndctl('disable-namespace namespace0.0')
        self.assertEqual(0, self.ndctl('read-infoblock -o block namespace0.0').returncode)
        self.assertEqual(8192, os.stat(os.path.join(self.directory, 'block')).st_size)
        ours, theirs = (json.loads(self.ndctl(f'read-infoblock -jV {what}').stdout)[0]
                        for what in ('namespace0.0', '-i block'))
        del ours['dev'], theirs['file']
        self.assertEqual(ours, theirs)

    def test_a_written_block_makes_a_devdax_namespace(self) -> None:
        """The kernel reads it when the namespace is enabled."""
        self.memory.create_namespace('raw', size=64 * MIB)
        self.ndctl('disable-namespace namespace0.0')
        result = self.ndctl('write-infoblock -m devdax -a 2M namespace0.0')
        self.assertEqual((0, 'wrote 1 infoblock\n'), (result.returncode, result.stderr))
        self.ndctl('enable-namespace namespace0.0')
        self.assertEqual(('devdax', 62 * MIB),
                         (self.memory.namespaces[0].mode, self.memory.namespaces[0].size))

    def test_only_fsdax_and_devdax_have_a_map(self) -> None:
        """The mode's other names are refused too, because ndctl compares words."""
        message = '--map only valid for an devdax mode pmem namespace'
        for mode, refused in (('memory', True), ('sector', True), ('fsdax', False)):
            written = self.ndctl(f'write-infoblock all -m {mode} -M mem')
            self.assertEqual(refused, message in written.stderr, mode)
