"""The CPUs that clients compare are read as libvirt reads them."""

from __future__ import annotations

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts

MODEL = '<model>kvm64</model>'
ARCH = '<arch>x86_64</arch>'


class CpuDocumentsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.client = hosts.Client(hosts.recorded_host())

    def compare(self, xml, flags=0):
        """Compare a CPU to the host's."""
        return self.client.connect_compare_cpu(xml, flags)

    def assert_refused(self, message, call, *arguments):
        """Check that a call is refused with a message."""
        error = hosts.refusal(call, *arguments)
        self.assertEqual(message, None if error is None else error.message)

    def test_hosts_of_a_baseline(self):
        """The baseline of hosts is that of complete CPUs."""
        for xml, message in (
                (f'<cpu>{MODEL}</cpu>', 'XML error: Missing CPU architecture'),
                (f'<cpu>{ARCH}</cpu>', 'XML error: Missing CPU model name'),
                (f"<cpu mode='custom'>{ARCH}{MODEL}</cpu>",
                 'unsupported configuration: Attribute mode is only allowed for guest CPU'),
                (f'<cpu>{ARCH}{MODEL}<vendor>none</vendor></cpu>',
                 'operation failed: Unknown CPU vendor none')):
            self.assert_refused(message, self.client.connect_baseline_cpu, [xml], 0)

    def test_guests_of_a_baseline(self):
        """The baseline of QEMU is that of guests' CPUs, whose models exist."""
        baseline = self.client.connect_baseline_hypervisor_cpu
        self.assertIn('kvm64', baseline(None, None, None, None, [f'<cpu>{MODEL}</cpu>'], 0))
        self.assert_refused('internal error: Unknown CPU model none', baseline, None, None, None,
                            None, ['<cpu><model>none</model></cpu>'], 0)

    def test_invalid_documents(self):
        """A CPU that libvirt does not understand is not compared."""
        for xml, message in (
                (f"<cpu match='x'>{MODEL}</cpu>", "XML error: Invalid value for attribute 'match' "
                                                  "in element 'cpu': 'x'."),
                (f'<cpu><arch>none</arch>{MODEL}</cpu>',
                 'unsupported configuration: Unknown architecture none'),
                (f'<cpu>{MODEL}<feature/></cpu>', 'XML error: Invalid CPU feature name'),
                (f"<cpu>{MODEL}{'''<feature name='vme'/>''' * 2}</cpu>",
                 "XML error: CPU feature 'vme' specified more than once"),
                (f"<cpu>{MODEL}<topology sockets='0' cores='1' threads='1'/></cpu>",
                 "XML error: Invalid value for attribute 'sockets' in element 'topology': Zero is "
                 'not permitted')):
            self.assert_refused(message, self.compare, xml)

    def test_match(self):
        """Any host provides more than an old model, unless exactly that is asked for."""
        for match, verdict in (('minimum', libvirt.VIR_CPU_COMPARE_SUPERSET),
                               ('exact', libvirt.VIR_CPU_COMPARE_SUPERSET),
                               ('strict', libvirt.VIR_CPU_COMPARE_INCOMPATIBLE)):
            self.assertEqual(verdict, self.compare(f"<cpu match='{match}'>{MODEL}</cpu>"))

    def test_no_model(self):
        """Any host provides a CPU without a model."""
        for xml in ('<cpu/>', "<cpu mode='host-model'/>"):
            self.assertEqual(libvirt.VIR_CPU_COMPARE_SUPERSET, self.compare(xml))
