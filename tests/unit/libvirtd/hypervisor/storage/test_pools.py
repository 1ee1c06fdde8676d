"""Storage pools: events, restarts and volume groups."""

from __future__ import annotations

import functools

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.xml import schema

DIRECTORY = '<pool type="dir"><name>{name}</name><target><path>/pools/{name}</path></target></pool>'
GROUP = ('<pool type="logical"><name>group</name><source><device path="/srv/pmem/ns_0"/></source>'
         '</pool>')


class PoolCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host()
        self.client = hosts.Client(self.host)
        self.recorder = hosts.Recorder(self.client)

    def started(self, xml=None, name='pool'):
        """Define, build and start a pool."""
        pool = self.client.storage_pool_define_xml(xml or DIRECTORY.format(name=name), 0)
        self.client.storage_pool_build(pool, 0)
        self.client.storage_pool_create(pool, 0)
        return pool

    def states(self):
        """Return whether each pool but the default one is active, by name."""
        return {pool.name: pool.active for pool in self.host.storage.pools
                if pool.name != 'default'}

    def assert_refused(self, message, call, *arguments, **keywords):
        """Check that a call is refused with that message."""
        error = hosts.refusal(functools.partial(call, *arguments, **keywords))
        self.assertEqual(message, None if error is None else error.message)


class TestEvents(PoolCase):

    def test_life(self):
        """Each step of a pool's life publishes the event that the real driver publishes."""
        for event in (libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE,
                      libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH):
            self.client.connect_storage_pool_event_register_any(event, None)
        pool = self.started()
        self.client.storage_pool_refresh(pool, 0)
        self.client.storage_pool_destroy(pool)
        self.client.storage_pool_delete(pool, 0)
        self.client.storage_pool_undefine(pool)
        self.assertEqual(
            [(libvirt.VIR_STORAGE_POOL_EVENT_DEFINED, 0),
             (libvirt.VIR_STORAGE_POOL_EVENT_CREATED, 0),
             (libvirt.VIR_STORAGE_POOL_EVENT_STARTED, 0), (),
             (libvirt.VIR_STORAGE_POOL_EVENT_STOPPED, 0),
             (libvirt.VIR_STORAGE_POOL_EVENT_DELETED, 0),
             (libvirt.VIR_STORAGE_POOL_EVENT_UNDEFINED, 0)],
            [tuple(message[3:]) for message in self.recorder.messages])


class TestRestarts(PoolCase):

    def test_reboot(self):
        """After a reboot a pool with a directory is active; a transient one is gone."""
        self.started()
        self.client.storage_pool_create_xml(
            DIRECTORY.format(name='transient'), libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD)
        self.client.storage_pool_define_xml(DIRECTORY.format(name='unbuilt'), 0)
        self.host.reboot()
        self.assertEqual({'pool': True, 'unbuilt': False}, self.states())

    def test_daemon(self):
        """A daemon that starts finds a pool active whose directory exists."""
        pool = self.started()
        self.client.storage_pool_destroy(pool)
        self.assertEqual({'pool': False}, self.states())
        self.host.daemon_started()
        self.assertEqual({'pool': True}, self.states())

    def test_mounted(self):
        """A file system is mounted after a reboot only if its pool starts automatically."""
        xml = ('<pool type="netfs"><name>{0}</name><source><host name="server"/><dir path="/{0}"/>'
               '</source><target><path>/pools/{0}</path></target></pool>')
        self.started(xml.format('manual'))
        automatic = self.started(xml.format('automatic'))
        self.client.storage_pool_set_autostart(automatic, 1)
        self.host.daemon_started()
        self.assertEqual({'manual': True, 'automatic': True}, self.states())
        self.host.reboot()
        self.assertEqual({'manual': False, 'automatic': True}, self.states())

    def test_volumes(self):
        """Volumes survive a reboot."""
        pool = self.started()
        self.client.storage_vol_create_xml(
            pool, '<volume><name>disk</name><capacity>4096</capacity></volume>', 0)
        self.host.reboot()
        self.assertEqual(['disk'], self.client.storage_pool_list_volumes(pool, 9))


class TestMounts(PoolCase):

    def test_no_device(self):
        """A file system whose device does not exist is not mounted."""
        xml = ('<pool type="fs"><name>p</name><source><device path="/dev/none"/></source>'
               '<target><path>/pools/p</path></target></pool>')
        pool = self.client.storage_pool_define_xml(xml, 0)
        self.assert_refused(
            'internal error: Child process (/bin/mount -o nodev,nosuid,noexec -t auto /dev/none '
            '/pools/p) unexpected exit status 32: mount: /pools/p: mount point does not exist.\n'
            '       dmesg(1) may have more information after failed mount system call.\n',
            self.client.storage_pool_create, pool, 0)
        self.client.storage_pool_build(pool, 0)
        error = hosts.refusal(self.client.storage_pool_create, pool, 0)
        self.assertIn('special device /dev/none does not exist.', error.message)


class TestLogical(PoolCase):

    def test_not_built(self):
        """A volume group that was not built does not start."""
        pool = self.client.storage_pool_define_xml(GROUP, 0)
        self.assert_refused(
            "unsupported configuration: cannot find logical volume group name 'group'",
            self.client.storage_pool_create, pool, 0)

    def test_volume(self):
        """A logical volume takes whole extents of its group."""
        pool = self.started(GROUP)
        volume = self.client.storage_vol_create_xml(
            pool, '<volume><name>v</name><capacity>5000000</capacity></volume>', 0)
        self.assertEqual((libvirt.VIR_STORAGE_VOL_BLOCK, 8 << 20, 8 << 20),
                         self.client.storage_vol_get_info(volume))
        self.assertEqual((libvirt.VIR_STORAGE_POOL_RUNNING, 128 << 20, 8 << 20, 120 << 20),
                         self.client.storage_pool_get_info(pool))
        text = self.client.storage_vol_get_xml_desc(volume, 0)
        relaxng = schema.load('storagevol.rng')
        if relaxng is not None:
            self.assertTrue(relaxng.validate(etree.fromstring(text)), relaxng.error_log)

    def test_full(self):
        """A volume that is larger than the free extents is refused."""
        error = hosts.refusal(
            self.client.storage_vol_create_xml, self.started(GROUP),
            '<volume><name>v</name><capacity unit="GiB">1</capacity></volume>', 0)
        self.assertIn('has insufficient free space (32 extents): 256 required.', error.message)

    def test_sources(self):
        """A built volume group is a source of pools."""
        self.started(GROUP)
        self.assertIn('<name>group</name>',
                      self.client.connect_find_storage_pool_sources('logical', None, 0))

    def test_delete(self):
        """Deleting a pool removes its volumes and its group."""
        pool = self.started(GROUP)
        volume = self.client.storage_vol_create_xml(
            pool, '<volume><name>v</name><capacity>1</capacity></volume>', 0)
        path = self.client.storage_vol_get_path(volume)
        self.client.storage_pool_destroy(pool)
        self.client.storage_pool_delete(pool, 0)
        self.assertIsNone(self.host.backing.storage.status(path))
