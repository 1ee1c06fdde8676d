"""virt-install, virt-xml and virt-clone work with a simulated host."""

from __future__ import annotations

import os
import shutil
import subprocess

import fixtures
import libvirt
from lxml import etree
from testtools.content import text_content

from tests import base
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.libvirtd.xml import schema

_SECONDS = 120
_MIB = 1024**2


class VirtInstallTest(base.TestCase):

    def setUp(self):
        super().setUp()
        for tool in ('virt-install', 'virt-xml', 'virt-clone'):
            if shutil.which(tool) is None:
                self.skipTest(f'{tool} is not installed (Debian: virtinst)')
        self.host = self.useFixture(HostFixture(pmem='SMALL:2x4GiB'))
        self.home = self.useFixture(fixtures.TempDir()).path

    def run_tool(self, tool, *arguments):
        done = subprocess.run(
            [tool, '--connect', self.host.uri, *arguments], text=True, timeout=_SECONDS,
            env={'PATH': os.environ['PATH'], 'HOME': self.home, 'LC_ALL': 'C'},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False)
        self.addDetail(tool, text_content(done.stdout))
        self.assertEqual(0, done.returncode)
        return done.stdout

    def install(self, name, namespace):
        size = (namespace.size // _MIB) // 2 * 2
        self.run_tool(
            'virt-install', '--name', name, '--virt-type', 'qemu', '--osinfo',
            'detect=off,require=off', '--memory', 'memory=1024,maxMemory=16384,maxMemory.slots=4',
            '--vcpus', '2', '--cpu', 'qemu64,numa.cell0.id=0,numa.cell0.cpus=0-1,'
            'numa.cell0.memory=1048576', '--memdev',
            f'model=nvdimm,access=shared,source.path={namespace.path},source.pmem=on,'
            f'source.alignsize=2048,target.size={size},target.node=0,target.label_size=2',
            '--disk', 'none', '--import', '--network', 'none', '--graphics', 'none',
            '--noautoconsole')
        return self.host.connection.lookupByName(name)

    def test_a_guest_with_an_nvdimm(self):
        """The tools create, change and clone a guest with an NVDIMM."""
        namespace = self.host.namespaces[0]
        guest = self.install('guest', namespace)
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, guest.state()[0])
        document = etree.fromstring(guest.XMLDesc())
        self.assertEqual([namespace.path],
                         [path.text for path in document.findall('devices/memory/source/path')])
        relaxng = schema.load('domain.rng')
        if relaxng is not None:
            self.assertTrue(relaxng.validate(document), relaxng.error_log)

        self.run_tool('virt-xml', 'guest', '--edit', '--metadata', 'title=changed')
        self.assertEqual('changed', guest.metadata(
            libvirt.VIR_DOMAIN_METADATA_TITLE, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG))
        guest.destroy()

        self.run_tool('virt-clone', '--original', 'guest', '--name', 'clone', '--auto-clone')
        clone = self.host.connection.lookupByName('clone')
        self.assertNotEqual(guest.UUIDString(), clone.UUIDString())
        self.assertIn(namespace.path, clone.XMLDesc())

    def test_usb_controllers_of_one_group(self):
        """The USB 2 controllers of virt-install share an index and a slot."""
        guest = self.install('guest', self.host.namespaces[0])
        controllers = etree.fromstring(guest.XMLDesc()).findall("devices/controller[@type='usb']")
        self.assertEqual({'0'}, {controller.get('index') for controller in controllers})
        self.assertEqual(1, len({controller.find('address').get('slot')
                                 for controller in controllers}))

    def test_disks(self):
        """The tools create disks in a pool, copy them with a guest, and add one."""
        self.run_tool('virt-install', '--name', 'guest', '--virt-type', 'qemu', '--memory', '1024',
                      '--osinfo', 'detect=off,require=off', '--disk', 'size=4', '--import',
                      '--network', 'default', '--noautoconsole')
        self.run_tool('virt-xml', 'guest', '--add-device', '--disk', 'size=1')
        self.host.connection.lookupByName('guest').destroy()
        self.run_tool('virt-clone', '--original', 'guest', '--name', 'clone', '--auto-clone')
        pool = self.host.connection.storagePoolLookupByName('default')
        self.assertEqual(
            {'clone.qcow2': 4096 * _MIB, 'guest-1-clone.qcow2': 1024 * _MIB,
             'guest.qcow2': 4096 * _MIB, 'guest-1.qcow2': 1024 * _MIB},
            {volume.name(): volume.info()[1] for volume in pool.listAllVolumes()})
        self.host.connection.lookupByName('clone').create()
