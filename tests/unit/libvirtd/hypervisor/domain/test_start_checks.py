"""Guests that libvirt cannot start are refused at their start."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.hypervisor import hosts

DOMAIN = ("<domain type='qemu'><name>guest</name><memory unit='MiB'>64</memory>{more}"
          "<os><type machine='q35'>hvm</type></os><devices>{devices}</devices></domain>")


class StartChecksTest(testtools.TestCase):

    def assert_refused(self, message, devices='', more=''):
        """Check that a domain can be defined, but not started."""
        client = hosts.Client(hosts.recorded_host())
        domain = client.domain_define_xml(DOMAIN.format(devices=devices, more=more))
        error = hosts.refusal(client.domain_create, domain)
        self.assertEqual(message, None if error is None else error.message)

    def test_node_that_is_not_there(self):
        """The memory of a guest is on nodes that the host has."""
        self.assert_refused('unsupported configuration: NUMA node 1 is unavailable',
                            more="<numatune><memory nodeset='0-1'/></numatune>")

    def test_low_port_of_vnc(self):
        """VNC does not use ports below 5900."""
        self.assert_refused('unsupported configuration: vnc port must be in range [5900,65535]',
                            "<graphics type='vnc' port='80' autoport='no'/>")

    def test_disk_on_xen(self):
        """QEMU has no Xen bus."""
        self.assert_refused("internal error: unsupported disk bus 'xen' with device setup",
                            "<disk type='file'><source file='/images/disk'/>"
                            "<target dev='xvda'/></disk>")

    def test_script_of_a_user_network(self):
        """QEMU's own network runs no scripts."""
        self.assert_refused(
            'unsupported configuration: scripts are not supported on interfaces of type user',
            "<interface type='user'><script path='/x'/></interface>")

    def test_size_of_shared_memory(self):
        """The size of shared memory is a power of two."""
        self.assert_refused('XML error: shmem size must be a power of two',
                            "<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>3</size>"
                            '</shmem>')
