"""Definitions and hotplug on a real libvirtd and on a simulated one of the same release.

Runs if LIVE_DEFINITIONS is set, because it starts QEMU some hundred times. LIBVIRT_ROOT names the
directory of another Debian: see the page about adding a release.
"""

from __future__ import annotations

import difflib
import os
import pathlib
import re
import tempfile

import fixtures
import libvirt
from testtools import matchers

from tests import base
from tests.conformance import definitions, libvirtd
from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness import releases
from vpmem_harness.libvirtd.hypervisor.backing import BackingFile, DeclaredFiles
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.randomness import Randomness

_ENDS = re.compile(r"process exited while connecting to monitor|"
                   r"QEMU unexpectedly closed the monitor \(vm='v'\)|"
                   r'qemu unexpectedly closed the monitor')
#: What depends on the daemon's user, or on the time.
_VARYING = re.compile(r"\n  <seclabel(.|\n)*?</seclabel>|\n  <resource>(.|\n)*?</resource>"
                      r"| id='\d+'(?=>)|\d{4}-\d\d-\d\dT[\d:.]+Z ")

_UUID = Randomness(5).uuid()

#: Steps that differ on a release, with the reason.
_KNOWN = {('debian12', 'removed machine: start: XML 0'):
          "an old machine type's qemu64 has more features"}


def _plain(value):
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return _ENDS.sub('QEMU ended', _VARYING.sub('', value)) if isinstance(value, str) else value


def _error(error):
    return (error.get_error_code(), error.get_error_domain(), error.get_error_message(),
            error.get_str1(), error.get_str2(), error.get_int1())


class DefinitionsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        if not os.environ.get('LIVE_DEFINITIONS'):
            self.skipTest('LIVE_DEFINITIONS is not set')
        missing = libvirtd.missing()
        if missing:
            self.skipTest(missing)
        self.useFixture(fixtures.FakeLogger())
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        # Where another user, in another root directory, can enter.
        place = tempfile.TemporaryDirectory(dir=libvirtd.PLACE)
        self.addCleanup(place.cleanup)
        self.directory = place.name
        os.chmod(place.name, 0o777)     # noqa: S103 - the real libvirtd has another user
        for name, size in definitions.FILES.items():
            file = pathlib.Path(place.name, name)
            file.touch(0o666)
            file.chmod(0o666)
            os.truncate(file, size << 20)
        real = self.useFixture(libvirtd.RealLibvirtd())
        self.real = f'qemu+unix:///session?socket={real.path}'
        connection = libvirt.open(self.real)
        release = releases.nearest(libvirt=connection.getLibVersion())
        self.release = release.name
        connection.close()
        backing = DeclaredFiles({f'{self.directory}/{name}': BackingFile('regular', size << 20)
                                 for name, size in definitions.FILES.items()})
        daemon = Daemon(hosts.recorded_host(release=release, backing=backing),
                        f'{self.directory}/simulated')
        daemon.start()
        self.addCleanup(daemon.stop)
        self.simulated = daemon.uri

    def outcomes(self, uri, xml, devices=()):
        """Define, start, attach; return each result, and the XML after it."""
        found = {}
        connection = libvirt.open(uri)

        def step(name, call, *arguments):
            try:
                call(*arguments)
                found[name] = 'ok'
            except libvirt.libvirtError as error:
                found[name] = _error(error)
            for domain in connection.listAllDomains():
                for flags in (0, 2, 8, 10):
                    found[f'{name}: XML {flags}'] = domain.XMLDesc(flags)
        try:
            step('define', connection.defineXML, self.filled(xml))
            for domain in connection.listAllDomains():
                step('start', domain.create)
                for number, (device, flags) in enumerate(devices):
                    step(f'attach {number}', domain.attachDeviceFlags, self.filled(device), flags)
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
        finally:
            connection.close()
        return {name: _plain(value) for name, value in found.items()}

    def filled(self, xml):
        return xml.replace('{directory}', self.directory).replace(
            '{uuid}', f'<uuid>{_UUID}</uuid>')

    def check(self, name, *arguments):
        real = self.outcomes(self.real, *arguments)
        ours = self.outcomes(self.simulated, *arguments)
        for step, expected in real.items():
            if (self.release, f'{name}: {step}') in _KNOWN:
                continue
            came = ours.get(step)
            if isinstance(expected, str) and '\n' in expected and isinstance(came, str):
                difference = list(difflib.unified_diff(
                    expected.splitlines(), came.splitlines(), 'real', 'ours', n=0, lineterm=''))
                self.expectThat(difference, matchers.Equals([]), f'{name}: {step}')
            else:
                self.expectThat(came, matchers.Equals(expected), f'{name}: {step}')

    def test_definitions(self):
        """Errors and documents equal the real libvirtd's."""
        for name, xml in definitions.DEFINITIONS.items():
            self.check(name, xml)

    def test_attachments(self):
        """Attaching a device, live or in the configuration, has the real libvirtd's result."""
        for name, (xml, devices) in definitions.ATTACHMENTS.items():
            self.check(name, xml, devices)
