"""The emulators that domains and clients name exist and support what they ask for."""

from __future__ import annotations

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.hypervisor.backing import DeclaredFiles
from vpmem_harness.libvirtd.xml import emulators
from vpmem_harness.libvirtd.xml.host import EMULATORS

DOMAIN = ("<domain type='qemu'><name>guest</name><memory unit='MiB'>64</memory><os>"
          "<type arch='{}'>hvm</type></os><devices><emulator>{}</emulator></devices></domain>")
I386 = EMULATORS['i686']


class EmulatorsCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.backing = DeclaredFiles(hosts.FILES)
        self.client = hosts.Client(hosts.recorded_host(backing=self.backing))

    def assert_refused(self, message, call, *arguments):
        """Check that a call is refused with a message."""
        error = hosts.refusal(call, *arguments)
        self.assertEqual(message, None if error is None else error.message)

    def define(self, emulator, arch='x86_64'):
        """Define a domain."""
        return self.client.domain_define_xml(DOMAIN.format(arch, emulator))


class TestDefinitions(EmulatorsCase):

    def test_emulator_that_is_not_there(self):
        """The emulator of a domain exists."""
        for path in ('/usr/libexec/qemu-kvm', 'qemu-system-x86_64'):
            error = hosts.refusal(self.define, path)
            self.assertEqual(libvirt.VIR_ERR_SYSTEM_ERROR, error.code)
            self.assertEqual(f'Cannot check QEMU binary {path}: No such file or directory',
                             error.message)

    def test_file_that_is_no_program(self):
        """The emulator of a domain can be executed."""
        self.assert_refused('QEMU binary /images/disk is not executable: Permission denied',
                            self.define, '/images/disk')
        self.assert_refused('QEMU binary / is not executable: Is a directory', self.define, '/')

    def test_wrapper(self):
        """Any program can be an emulator."""
        self.backing.storage.create('/images/qemu', 0o755)
        self.define('/images/qemu')

    def test_other_architecture(self):
        """The emulator of a domain supports its architecture."""
        self.define('/usr/bin/kvm', 'i686')
        for path, arch in ((I386, 'x86_64'), ('/usr/bin/kvm', 'aarch64')):
            self.assert_refused(
                f"unsupported configuration: Emulator '{path}' does not support arch '{arch}'",
                self.define, path, arch)


class TestCapabilities(EmulatorsCase):

    def assert_all_refuse(self, message, *question):
        """Check that each call about an emulator is refused with a message."""
        cpu = '<cpu><model>qemu64</model></cpu>'
        self.assert_refused(message, self.client.connect_get_domain_capabilities, *question, 0)
        self.assert_refused(message, self.client.connect_compare_hypervisor_cpu, *question, cpu, 0)
        self.assert_refused(message, self.client.connect_baseline_hypervisor_cpu, *question,
                            [cpu], 0)

    def test_emulator_that_is_not_there(self):
        """An emulator that a client names exists."""
        self.assert_all_refuse('Cannot check QEMU binary /none: No such file or directory',
                               '/none', None, None, None)

    def test_unknown_names(self):
        """The names are checked before the emulator, and the emulator before its machines."""
        self.assert_all_refuse('invalid argument: unknown virttype: none-such',
                               '/none', 'none-such', None, 'none-such')
        self.assert_all_refuse('invalid argument: unknown architecture: none-such',
                               '/none', 'none-such', None, 'qemu')
        self.assert_all_refuse(
            "unsupported configuration: unable to find any emulator to serve 'aarch64' "
            'architecture', None, 'aarch64', None, None)
        self.assert_all_refuse(
            "invalid argument: the machine 'none-such' is not supported by emulator "
            "'/usr/bin/kvm'", '/usr/bin/kvm', None, 'none-such', None)

    def test_capabilities_of_another_architecture(self):
        """Only the capabilities of domains depend on what else the emulator supports."""
        self.assert_refused(
            f"invalid argument: Emulator '{I386}' does not support arch 'x86_64'",
            self.client.connect_get_domain_capabilities, I386, None, None, 'qemu', 0)
        self.assert_refused(
            "invalid argument: Emulator '/usr/bin/kvm' does not support virt type 'xen'",
            self.client.connect_get_domain_capabilities, '/usr/bin/kvm', None, None, 'xen', 0)

    def test_native_architecture(self):
        """An emulator is built for one architecture."""
        self.assertEqual('i686', emulators.native(I386))
        self.assertEqual('x86_64', emulators.native('/usr/bin/kvm'))
