"""Images in the formats vmdk and vpc, and encrypted images."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess

import fixtures
import testtools

from tests.unit.libvirtd.hypervisor.storage.test_pools import PoolCase
from vpmem_harness.libvirtd.hypervisor.storage import images, vmdk, vpc
from vpmem_harness.libvirtd.hypervisor.storage.files import MemoryFiles

MIB = 1024**2
CAPACITIES = (512, 50 * MIB, 50 * MIB + 4096, 3 * 1024 * MIB, 200 * 1024 * MIB)
DATA = ((0, b'first' + bytes(65531)), (2 * MIB, b'x' * 65536), (4 * MIB - 65536, b'y' * 65536))
VOLUME = "<volume><name>{name}</name><capacity>{size}</capacity><target><format type='{form}'/>" \
    '</target></volume>'


def image(form, capacity, data=()):
    """Return files in memory with the image ``/image``."""
    files = MemoryFiles()
    files.create('/image', 0o600)
    pieces = vpc.new_image(capacity, data) if form == 'vpc' else vmdk.new_image(
        'image', capacity, data)
    for offset, piece in pieces:
        files.write('/image', offset, piece)
    return files


class TestForeignImages(testtools.TestCase):

    def test_capacity(self):
        """The header names the capacity; that of vpc is one of whole cylinders."""
        for capacity in CAPACITIES:
            found = images.probe(image('vmdk', capacity), '/image')
            self.assertEqual(('vmdk', capacity), (found.format, found.capacity))
        self.assertEqual(52432896, images.probe(image('vpc', 50 * MIB), '/image').capacity)

    def test_data(self):
        """The guest's data are read back."""
        for form, module in (('vmdk', vmdk), ('vpc', vpc)):
            self.assertEqual(list(DATA), list(module.guest_blocks(
                image(form, 50 * MIB, DATA), '/image')))

    def test_qemu_reads_them(self):
        """qemu-img reads the same capacity and data."""
        program = shutil.which('qemu-img')
        if program is None:
            self.skipTest('qemu-img is not installed')
        directory = self.useFixture(fixtures.TempDir()).path
        expected = bytearray(50 * MIB)
        for offset, piece in DATA:
            expected[offset:offset + len(piece)] = piece
        for form in ('vmdk', 'vpc'):
            files = image(form, 50 * MIB, DATA)
            path, raw = os.path.join(directory, 'image'), os.path.join(directory, 'raw')
            with open(path, 'wb') as stream:
                stream.write(files.read('/image', 0, files.status('/image').size))
            done = subprocess.run([program, 'convert', '-f', form, '-O', 'raw', path, raw],
                                  capture_output=True, text=True, check=False)
            self.assertEqual((0, ''), (done.returncode, done.stderr))
            with open(raw, 'rb') as stream:
                data = stream.read()
            self.assertEqual(images.probe(files, '/image').capacity, len(data))
            self.assertEqual(hashlib.sha256(expected).digest(),
                             hashlib.sha256(data[:50 * MIB]).digest())


class TestClones(PoolCase):

    def test_there_and_back(self):
        """A volume that is copied to another format and back has the same contents."""
        pool = self.started()
        files = self.host.backing.storage
        size = 10 * MIB + 4096
        source = self.client.storage_vol_create_xml(
            pool, VOLUME.format(name='source', size=size, form='raw'), 0)
        files.write(source.key, 0, b'begin')
        files.write(source.key, size - 3, b'end')
        for form in ('qcow2', 'vmdk', 'vpc'):
            copy = self.client.storage_vol_create_xml_from(
                pool, VOLUME.format(name=form, size=size, form=form), source, 0)
            back = self.client.storage_vol_create_xml_from(
                pool, VOLUME.format(name=f'{form}-back', size=size, form='raw'), copy, 0)
            data = files.read(back.key, 0, 2 * size)
            self.assertEqual((b'begin', b'end'), (data[:5], data[size - 3:size]))
            self.assertFalse(any(data[5:size - 3]) or any(data[size:]))
            if form != 'vpc':       # which rounds its capacity up
                self.assertEqual(size, len(data))

    def test_formats_that_cannot_be_created(self):
        """The errors are those of qemu-img."""
        pool = self.started()
        for form, text in (('cow', "Unknown file format 'cow'"),
                           ('dmg', "Format driver 'dmg' does not support image creation")):
            self.assert_refused(
                'internal error: Child process (/usr/bin/qemu-img create -f '
                f'{form} /pools/pool/v 1K) unexpected exit status 1: qemu-img: /pools/pool/v: '
                f'{text}\n', self.client.storage_vol_create_xml, pool,
                VOLUME.format(name='v', size=1, form=form), 0)


class TestEncryption(PoolCase):

    def setUp(self):
        super().setUp()
        self.secret = self.client.secret_define_xml(
            "<secret private='no'><usage type='volume'><volume>/v</volume></usage></secret>", 0)

    def xml(self, form='raw', encryption='luks', secrets=1):
        """Return the definition of an encrypted volume."""
        secret = f"<secret type='passphrase' uuid='{self.secret.uuid_text}'/>"
        return VOLUME.format(name='v', size=MIB, form=form).replace(
            '</target>', f"<encryption format='{encryption}'>{secret * secrets}</encryption>"
            '</target>')

    def create(self, pool, **arguments):
        return self.client.storage_vol_create_xml(pool, self.xml(**arguments), 0)

    def test_luks(self):
        """The file has a header, and the XML names the secret until the pool is refreshed."""
        self.client.secret_set_value(self.secret, b'word', 0)
        pool = self.started()
        volume = self.create(pool)
        self.assertEqual((MIB, 4040 * 512 + MIB), (
            self.client.storage_vol_get_info_flags(volume, 0)[1],
            self.host.backing.storage.status(volume.key).size))
        self.assertIn(f"<encryption format='luks'>\n      <secret type='passphrase' "
                      f"uuid='{self.secret.uuid_text}'/>",
                      self.client.storage_vol_get_xml_desc(volume, 0))
        self.client.storage_pool_refresh(pool, 0)
        self.assertIn("<encryption format='luks'/>",
                      self.client.storage_vol_get_xml_desc(volume, 0))

    def test_refused(self):
        """A volume needs one secret with a value, and a format that can be encrypted."""
        pool = self.started()
        self.assert_refused(
            "invalid argument: A single <secret type='passphrase'...> element is expected in "
            'encryption description', self.create, pool, secrets=0)
        self.assert_refused(
            f"Secret not found: secret '{self.secret.uuid_text}' does not have a value",
            self.create, pool)
        self.client.secret_set_value(self.secret, b'word', 0)
        for text, form, encryption in (
                ('internal error: Only luks encryption is supported for raw files', 'raw', 'qcow'),
                ('unsupported configuration: creation of qcow2 encrypted image is not supported',
                 'qcow2', 'qcow'),
                ('unsupported configuration: volume encryption unsupported with format vmdk',
                 'vmdk', 'luks'),
                ('unsupported configuration: unknown volume encryption format type x', 'raw',
                 'x')):
            self.assert_refused(text, self.create, pool, form=form, encryption=encryption)
