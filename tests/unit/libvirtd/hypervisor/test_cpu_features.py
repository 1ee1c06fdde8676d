"""Features of CPU models, against libvirt's own."""

from __future__ import annotations

import libvirt
import testtools
from lxml import etree

from vpmem_harness.libvirtd.hypervisor.node import cpu_comparison

EXPAND = libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES


def features(text):
    """Return model and required features of a CPU."""
    cpu = etree.fromstring(text)
    return cpu.findtext('model'), [
        feature.get('name') for feature in cpu.findall("feature[@policy='require']")]


class CpuFeaturesTest(testtools.TestCase):

    def test_an_expanded_baseline_is_libvirts(self):
        """The client library's own test driver expands a CPU to the same features."""
        if libvirt.getVersion() // 1000 != 9000:
            self.skipTest('the table is that of libvirt 9.0')
        connection = libvirt.open('test:///default')
        self.addCleanup(connection.close)
        for model, more in (('Penryn', ('vmx', 'aes')), ('EPYC', ()), ('Haswell', ('ds', 'vmx'))):
            text = (f'<cpu><arch>x86_64</arch><model>{model}</model>'
                    f'{"".join(f"<feature name={name!r}/>" for name in more)}</cpu>')
            name, real = features(connection.baselineCPU([text], EXPAND))
            ours, simulated = features(cpu_comparison.baseline([text], EXPAND))
            self.assertEqual((name, set(real)), (ours, set(simulated)))

    def test_without_the_flag_a_model_stands_for_its_features(self):
        """Only features beyond the model are listed."""
        text = '<cpu><arch>x86_64</arch><model>Penryn</model><feature name="vmx"/></cpu>'
        self.assertEqual(('Penryn', ['vmx']), features(cpu_comparison.baseline([text], 0)))
