"""A successful call has an effect that another call shows."""

from __future__ import annotations

import os

import fixtures
import libvirt
from lxml import etree

from tests import base
from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.server import Daemon

_LIVE, _CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
_INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE

_DOMAIN = f'''
<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>512</memory>
  <vcpu current='1'>4</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'><source file='/images/disk'/>
      <target dev='vda' bus='virtio'/></disk>
    <interface type='user'><mac address='{hosts.MAC}'/><model type='virtio'/></interface>
    <interface type='network'><source network='default'/><target dev='tap7'/>
      <model type='virtio'/></interface>
    <graphics type='vnc' port='-1' passwd='first'/>
    <memballoon model='virtio'/>
  </devices>
</domain>
'''
_RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"


def _found(domain, path, flags=0):
    """Return elements of a domain's XML: their text, or else their attributes."""
    return [element.text if (element.text or '').strip() else dict(element.attrib)
            for element in etree.fromstring(domain.XMLDesc(flags)).findall(path)]


#: Name to a change of a running domain, and the call that shows it.
_CHANGES = {
    'suspend': (lambda d: d.suspend(), lambda d: d.state()),
    'destroy': (lambda d: d.destroy(), lambda d: d.isActive()),
    'shutdown': (lambda d: d.shutdown(), lambda d: d.isActive()),
    'managed save': (lambda d: d.managedSave(), lambda d: d.hasManagedSaveImage()),
    'undefine': (lambda d: d.undefine(), lambda d: d.isPersistent()),
    'autostart': (lambda d: d.setAutostart(1), lambda d: d.autostart()),
    'memory': (lambda d: d.setMemory(262144), lambda d: d.info()[2]),
    'memory later': (lambda d: d.setMemoryFlags(262144, _CONFIG),
                     lambda d: _found(d, 'currentMemory', _INACTIVE)),
    'maximum memory': (lambda d: d.setMemoryFlags(1048576, _CONFIG
                                                  | libvirt.VIR_DOMAIN_MEM_MAXIMUM),
                       lambda d: _found(d, 'memory', _INACTIVE)),
    'period of statistics': (lambda d: d.setMemoryStatsPeriod(7),
                             lambda d: _found(d, 'devices/memballoon/stats')),
    'vcpus': (lambda d: d.setVcpus(3), lambda d: d.info()[3]),
    'vcpus later': (lambda d: d.setVcpusFlags(2, _CONFIG), lambda d: d.vcpusFlags(_CONFIG)),
    'a pin': (lambda d: d.pinVcpu(0, (True, False)), lambda d: d.vcpuPinInfo()),
    "the emulator's pin": (lambda d: d.pinEmulator((False, True)), lambda d: d.emulatorPinInfo()),
    'shares': (lambda d: d.setSchedulerParameters({'cpu_shares': 99}),
               lambda d: d.schedulerParameters()['cpu_shares']),
    'numa parameters later': (
        lambda d: d.setNumaParameters({'numa_nodeset': '0'}, _CONFIG),
        lambda d: d.numaParameters(_CONFIG)['numa_nodeset']),
    'memory limits': (lambda d: d.setMemoryParameters({'hard_limit': 2097152}),
                      lambda d: d.memoryParameters()['hard_limit']),
    'weight': (lambda d: d.setBlkioParameters({'weight': 500}),
               lambda d: d.blkioParameters()['weight']),
    'size of a disk': (lambda d: d.blockResize('vda', 4096),
                       lambda d: d.blockInfo('vda')[0]),
    'title': (lambda d: d.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, 'new', None, None),
              lambda d: _found(d, 'title')),
    'metadata': (lambda d: d.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, '<a/>', 'k', 'urn:x'),
                 lambda d: _found(d, 'metadata/*')),
    'a device': (lambda d: d.attachDevice(_RNG), lambda d: _found(d, 'devices/rng')),
    'a device later': (lambda d: d.attachDeviceFlags(_RNG, _CONFIG),
                       lambda d: _found(d, 'devices/rng', _INACTIVE)),
    'a disk fewer': (lambda d: d.detachDeviceFlags(
        "<disk type='file'><source file='/images/disk'/><target dev='vda' bus='virtio'/></disk>",
        _LIVE), lambda d: _found(d, 'devices/disk')),
    'an interface fewer': (lambda d: d.detachDeviceFlags(
        f"<interface type='user'><mac address='{hosts.MAC}'/></interface>", _LIVE),
        lambda d: _found(d, 'devices/interface')),
    'cache of a disk later': (lambda d: d.updateDeviceFlags(
        "<disk type='file'><driver name='qemu' type='raw' cache='none'/>"
        "<source file='/images/disk'/><target dev='vda' bus='virtio'/></disk>", _CONFIG),
        lambda d: _found(d, 'devices/disk/driver', _INACTIVE)),
    'a password': (lambda d: d.updateDeviceFlags(
        "<graphics type='vnc' port='-1' listen='127.0.0.1' passwd='word'/>", _LIVE),
        lambda d: _found(d, 'devices/graphics', libvirt.VIR_DOMAIN_XML_SECURE)),
    'downtime': (lambda d: d.migrateSetMaxDowntime(50), lambda d: d.migrateGetMaxDowntime()),
    'speed': (lambda d: d.migrateSetMaxSpeed(50), lambda d: d.migrateGetMaxSpeed()),
    'limits of a disk': (lambda d: d.setBlockIoTune('vda', {'total_bytes_sec': 5000}, _LIVE),
                         lambda d: d.blockIoTune('vda', _LIVE)['total_bytes_sec']),
    'limits of a disk later': (lambda d: d.setBlockIoTune('vda', {'read_iops_sec': 7}, _CONFIG),
                               lambda d: _found(d, 'devices/disk/iotune/*', _INACTIVE)),
    'limits of an interface': (
        lambda d: d.setInterfaceParameters('tap7', {'inbound.average': 100}, _LIVE),
        lambda d: d.interfaceParameters('tap7', _LIVE)['inbound.average']),
    'limits of an interface later': (
        lambda d: d.setInterfaceParameters('tap7', {'outbound.average': 100}, _CONFIG),
        lambda d: _found(d, 'devices/interface/bandwidth/*', _INACTIVE)),
    'a lifecycle action': (lambda d: d.setLifecycleAction(
        libvirt.VIR_DOMAIN_LIFECYCLE_REBOOT, libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY, _LIVE),
        lambda d: _found(d, 'on_reboot')),
    'a snapshot that halts': (lambda d: d.snapshotCreateXML(
        '<domainsnapshot/>', libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
        | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT), lambda d: d.state()),
    'the files of a snapshot': (lambda d: d.snapshotCreateXML(
        '<domainsnapshot/>', libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY),
        lambda d: _found(d, 'devices/disk/source')),
    'a snapshot': (lambda d: d.snapshotCreateXML(
        '<domainsnapshot><name>one</name></domainsnapshot>',
        libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY), lambda d: d.snapshotListNames()),
}


class ChangesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 's')
        daemon = Daemon(hosts.recorded_host(), path)
        daemon.start()
        self.addCleanup(daemon.stop)
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        connection = libvirt.open(daemon.uri)
        self.addCleanup(connection.close)
        self.domain = connection.defineXML(_DOMAIN)
        # A domain keeps its connection open even after close().
        self.addCleanup(delattr, self, 'domain')
        self.domain.create()

    def check(self, change, read):
        before = read(self.domain)
        change(self.domain)
        self.assertNotEqual(before, read(self.domain))

    def test_a_saved_guest_can_get_another_device(self):
        """A managed save image accepts another device path, but not another guest."""
        domain = self.domain
        self.assertRaises(libvirt.libvirtError, domain.managedSaveDefineXML, domain.XMLDesc())
        domain.managedSave()
        saved = domain.managedSaveGetXMLDesc()
        domain.managedSaveDefineXML(saved.replace('/images/disk', '/images/rescue'))
        self.assertRaises(libvirt.libvirtError, domain.managedSaveDefineXML,
                          saved.replace("<memory unit='KiB'>524288", "<memory unit='KiB'>262144"))
        domain.create()
        [source] = _found(domain, 'devices/disk/source')
        self.assertEqual('/images/rescue', source['file'])


def _add_tests() -> None:
    for name, (change, read) in _CHANGES.items():
        def test(self, change=change, read=read):
            self.check(change, read)
        test.__doc__ = f'The change has a visible effect: {name}.'
        setattr(ChangesTest, f'test_{name.replace(" ", "_").replace(chr(39), "")}', test)


_add_tests()
