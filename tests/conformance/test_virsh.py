"""Comparison of virsh's output on the simulated host, the QEMU driver and the test driver."""

from __future__ import annotations

import json
import re

import fixtures
import libvirt
from testtools import matchers
from testtools.content import text_content

from tests import base
from tests.conformance import commands, differences, libvirtd
from tests.conformance.calls import simulated
from vpmem_harness import releases

#: The recorded output of each release, by script.
RECORDED = {name: json.loads(file.read_text()) for name, file in commands.RECORDINGS.items()}


class VirshTest(base.TestCase):

    def setUp(self):
        super().setUp()
        missing = commands.missing()
        if missing:
            self.skipTest(missing)
        self.log = self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def virsh(self, release='debian12'):
        return commands.Commands(self.useFixture(
            simulated.SimulatedLibvirtd(releases.choose(release))).uri)


class RecordedVirshTest(VirshTest):
    """Exit status and output equal those recorded with the QEMU driver."""

    def check(self, script, release):
        if release == 'debian13' and script in differences.VIRSH_13:
            self.skipTest(differences.VIRSH_13[script])
        if release == 'debian13' and script in differences.VIRSH_11 and not libvirtd.ROOT:
            self.skipTest(differences.VIRSH_11[script])
        matcher = matchers.Equals(tuple(RECORDED[release][script]))
        if script in differences.VIRSH:         # an outdated entry of the list fails
            matcher = matchers.Not(matcher)
        self.assertThat(self.virsh(release).run(script), matcher)
        self.assertNotIn('Traceback', self.log.output)


class LiveVirshTest(VirshTest):
    """Exit status and output equal the test driver's, except where the QEMU driver differs."""

    def check(self, scripts):
        missing = libvirtd.missing()
        if missing:
            self.skipTest(missing)
        real = commands.Commands(self.useFixture(libvirtd.RealLibvirtd()).uri, 'test')
        same, unexplained = 0, []
        virsh = self.virsh()
        for script in scripts:
            ours, theirs = virsh.run(script), real.run(script)
            if ours == theirs:
                same += 1
            elif ours != tuple(RECORDED['debian12'][script]) and script not in differences.VIRSH:
                unexplained.append((script, ours, theirs))
        self.addDetail('same', text_content(f'{same} of {len(scripts)}'))
        self.assertEqual([], unexplained)
        self.assertGreater(same, len(scripts) // 2)

    def test_reading(self):
        """The output of commands that only read equals the test driver's."""
        self.check(commands.READING)

    def test_changing(self):
        """The output of commands that change something equals the test driver's."""
        self.check(commands.CHANGING)


def _add_tests() -> None:
    for release in RECORDED:
        for number, script in enumerate(commands.SCRIPTS):
            def test(self, script=script, release=release):
                self.check(script, release)
            test.__doc__ = f'virsh {script}, on {release}'
            words = re.sub(r'\W+', '_', script.split(';')[0]).strip('_')
            setattr(RecordedVirshTest, f'test_{release}_{number:03}_{words}', test)


_add_tests()
