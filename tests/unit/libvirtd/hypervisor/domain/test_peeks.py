"""Clients read the memory, the disks and the saved state of a guest; long names of domains."""

from __future__ import annotations

import libvirt

from tests.unit.libvirtd.hypervisor.domain.test_lifecycle import LifecycleCase, minimal

DISKS = """<devices>
  <disk type='file'><source file='/images/root'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file'><driver name='qemu' type='qcow2'/><source file='/images/data'/>
    <target dev='vdb' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>
</devices>"""


class TestPeeks(LifecycleCase):

    def setUp(self):
        super().setUp()
        self.domain = self.define(minimal().replace('</domain>', f'{DISKS}</domain>'))
        self.host.backing.storage.write('/images/root', 2, b'data')

    def peek(self, disk, offset, size, flags=0):
        return self.connection.domain_block_peek(self.domain, disk, offset, size, flags)

    def refused(self, message, disk, offset, size, flags=0):
        self.assert_refused(message, self.peek, disk, offset, size, flags)

    def test_a_raw_disk(self):
        """A disk is named by its target or its file, and read whether the guest runs or not."""
        self.assertEqual(b'data', self.peek('vda', 2, 4))
        self.connection.domain_create(self.domain)
        self.assertEqual(b'\0data\0', self.peek('/images/root', 1, 6))

    def test_refused_disks(self):
        """A disk that is absent, empty or not raw is not read."""
        self.refused("invalid argument: disk 'vdz' not found in domain", 'vdz', 0, 1)
        self.refused("Failed to open file '(null)': Bad address", 'hda', 0, 1)
        self.refused('Operation not supported: peeking is only supported for disk with \'raw\' '
                     "format not 'qcow2'", 'vdb', 0, 1)

    def test_refused_ranges(self):
        """All bytes of the range must be in the file."""
        self.refused("invalid argument: 'vda' starting from 1048574 has only 2 bytes "
                     'available', 'vda', 1048574, 4)
        self.refused("cannot seek into '/images/root': Invalid argument", 'vda', 1 << 63, 4)
        self.refused("cannot read header '/images/root': Invalid argument", 'vda', 0, 0)

    def test_memory(self):
        """The memory of a running guest is all zeros."""
        self.assert_refused('Requested operation is not valid: domain is not running',
                            self.connection.domain_memory_peek, self.domain, 0, 4,
                            libvirt.VIR_MEMORY_PHYSICAL)
        self.connection.domain_create(self.domain)
        self.assertEqual(bytes(4), self.connection.domain_memory_peek(
            self.domain, 0, 4, libvirt.VIR_MEMORY_VIRTUAL))
        self.assert_refused('invalid argument: flags parameter must be VIR_MEMORY_VIRTUAL or '
                            'VIR_MEMORY_PHYSICAL',
                            self.connection.domain_memory_peek, self.domain, 0, 4, 0)


class TestTruncatedSave(LifecycleCase):

    def test_restore(self):
        """A guest whose saved state has lost its end is not restored."""
        domain = self.connection.domain_create_xml(minimal(), 0)
        self.connection.domain_save(domain, '/images/saved')
        files = self.host.backing.storage
        files.truncate('/images/saved', files.status('/images/saved').size - 512 * 1024)
        self.assert_refused(
            'internal error: qemu unexpectedly closed the monitor: qemu-system-x86_64: load of '
            'migration failed: Invalid argument', self.connection.domain_restore, '/images/saved')
        self.assertEqual([], self.connection.connect_list_all_domains(1, 0))


class TestLongNames(LifecycleCase):

    def test_define_and_rename(self):
        """The file of a domain's configuration has at most 255 bytes in its name."""
        domain = self.define(minimal('x' * 247))
        text = "Failed to create file '/etc/libvirt/qemu/{}.xml.new': File name too long"
        self.assert_refused(text.format('x' * 248), self.connection.domain_define_xml,
                            minimal('x' * 248))
        self.assert_refused(text.format('y' * 248), self.connection.domain_rename, domain,
                            'y' * 248, 0)
