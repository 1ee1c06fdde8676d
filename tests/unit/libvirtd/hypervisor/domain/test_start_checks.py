"""Guests that libvirt cannot start are refused at their start."""

from __future__ import annotations

import testtools

from tests.unit.libvirtd.hypervisor import hosts

DOMAIN = ("<domain type='qemu'><name>guest</name><memory unit='MiB'>64</memory>{more}"
          "<os><type machine='q35'>hvm</type>{os}</os><devices>{devices}</devices></domain>")


class StartChecksTest(testtools.TestCase):

    def assert_refused(self, message, devices='', more='', os=''):
        """Check that a domain can be defined, but not started."""
        client = hosts.Client(hosts.recorded_host())
        domain = client.domain_define_xml(DOMAIN.format(devices=devices, more=more, os=os))
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

    def test_missing_kernel(self):
        """The files that a guest boots from exist."""
        kernel, missing = '<kernel>/images/data</kernel>', '/images/none'
        for os in (f'<kernel>{missing}</kernel><initrd>/images/none2</initrd>',
                   f'{kernel}<initrd>{missing}</initrd>', f'{kernel}<dtb>{missing}</dtb>',
                   f"<acpi><table type='slic'>{missing}</table></acpi>"):
            self.assert_refused(f'unable to stat: {missing}: No such file or directory', os=os)
        self.assert_refused('unable to stat: /images/data/x: Not a directory',
                            os='<kernel>/images/data/x</kernel>')

    def test_command_line_without_a_kernel(self):
        """QEMU has no command line and no initial RAM disk without a kernel."""
        start = 'internal error: process exited while connecting to monitor: qemu-system-x86_64: '
        initrd = '<initrd>/images/data</initrd>'
        self.assert_refused(f'{start}-initrd only allowed with -kernel option', os=initrd)
        self.assert_refused(f'{start}-append only allowed with -kernel option',
                            os=f'{initrd}<cmdline>quiet</cmdline>')

    def test_partition(self):
        """The partition of a guest's resources is an absolute path."""
        self.assert_refused(
            "unsupported configuration: Resource partition 'machine' must start with '/'",
            more='<resource><partition>machine</partition></resource>')

    def test_missing_bios(self):
        """The BIOS that a guest names exists."""
        self.assert_refused("Path '/images/none' is not accessible: No such file or directory",
                            os="<loader type='rom'>/images/none</loader>")
