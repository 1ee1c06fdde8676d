"""Images in the format qcow2."""

from __future__ import annotations

import os
import shutil
import subprocess

import fixtures
import testtools

from vpmem_harness.libvirtd.hypervisor.storage import images, qcow2
from vpmem_harness.libvirtd.hypervisor.storage.files import MemoryFiles

MIB = 1024**2
#: Arguments of new images.
IMAGES = ({'capacity': 1024 * MIB},
          {'capacity': 3 * MIB, 'version': 3, 'features': ('lazy_refcounts',)},
          {'capacity': 1024 * MIB, 'data': ((0, b'x' * 65536), (600 * MIB, b'z'))},
          {'capacity': 6 * MIB**2}, {'capacity': 0},
          {'capacity': MIB, 'cluster': 512,
           'data': tuple((512 * number, b'q') for number in range(0, 2000, 3))})


class TestQcow2(testtools.TestCase):

    def image(self, **arguments):
        """Return files in memory with the image ``/image``."""
        files = MemoryFiles()
        files.create('/image', 0o600)
        for offset, piece in qcow2.new_image(**arguments):
            files.write('/image', offset, piece)
        return files

    def check(self, files):
        """Check an image with qemu-img, if that is installed."""
        program = shutil.which('qemu-img')
        if program is None:
            self.skipTest('qemu-img is not installed')
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'image')
        with open(path, 'wb') as stream:
            stream.write(files.read('/image', 0, files.status('/image').size))
        done = subprocess.run([program, 'check', path], capture_output=True, text=True, check=False)
        self.assertEqual((0, ''), (done.returncode, done.stderr), done.stdout)

    def test_header(self):
        """The header of a new image says what it was created with."""
        for arguments in IMAGES:
            header = images.probe(self.image(**arguments), '/image').header
            self.assertEqual(arguments['capacity'], header.capacity)
            self.assertEqual(arguments.get('cluster', 65536), header.cluster)

    def test_backing_file(self):
        """The header names the backing file and its format."""
        files = self.image(capacity=1, version=3, backing='/base', backing_format='qcow2')
        header = images.probe(files, '/image').header
        self.assertEqual(('/base', 'qcow2'), (header.backing, header.backing_format))

    def test_qemu_accepts_them(self):
        """qemu-img finds no error in a new image."""
        for arguments in IMAGES:
            self.check(self.image(**arguments))

    def test_resize(self):
        """qemu-img finds no error in an image whose table had to move."""
        files = self.image(**IMAGES[2])
        qcow2.resize(files, '/image', images.probe(files, '/image').header, 5 * MIB**2)
        self.assertEqual(5 * MIB**2, images.probe(files, '/image').capacity)
        self.check(files)

    def test_data(self):
        """The guest's data are read back."""
        files = self.image(**IMAGES[2])
        header = images.probe(files, '/image').header
        self.assertEqual([(0, b'x'), (600 * MIB, b'z')], [
            (offset, piece[:1]) for offset, piece in qcow2.guest_clusters(files, '/image', header)])

    def test_set_backing(self):
        """The backing file of an image and its format can be changed, or removed."""
        for backing, form in (('/lower', 'raw'), ('/a/longer/name', 'qcow2'), (None, 'raw')):
            files = self.image(capacity=1 << 20, version=3, backing='/below',
                               backing_format='qcow2')
            qcow2.set_backing(files, '/image', backing, form)
            header = qcow2.read_header(files.read('/image', 0, qcow2.HEADER_MAX))
            self.assertEqual((backing, 1 << 20), (header.backing, header.capacity))
            if backing is not None:
                self.assertEqual(form, header.backing_format)
