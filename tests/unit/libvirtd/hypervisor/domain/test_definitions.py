"""Definitions with NVDIMMs are accepted or refused as recorded."""

from __future__ import annotations

import json
import re

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.releases import DEBIAN_12, DEBIAN_13

_MEMORY = re.compile(r'^  <(?:maxMemory|memory|currentMemory)\b.*$'
                     r'|^    <memory model(?:.|\n)*?^    </memory>$', re.MULTILINE)

_FIELDS = ('code', 'domain', 'message', 'level', 'str1', 'str2', 'str3', 'int1', 'int2')


#: The recordings: release, definitions, complete dumps.
RECORDINGS = (
    (DEBIAN_12, 'nvdimm-definitions.json', None),
    (DEBIAN_13, 'debian13/libvirt-11.3-nvdimm-definitions-shared.json',
     'debian13/libvirt-11.3-nvdimm-definitions-shared-dumps.json'),
)
#: The flags of the recorded dumps.
_DUMPS = {'inactive_xml': libvirt.VIR_DOMAIN_XML_INACTIVE, 'live_xml': 0,
          'migratable_xml': libvirt.VIR_DOMAIN_XML_MIGRATABLE}


def _without_labels(xml):
    """Return a dump without what depends on the user of the recorded daemon."""
    xml = re.sub(r"\n  <seclabel(.|\n)*?</seclabel>", '', xml)
    return re.sub(r"\n  <resource>(.|\n)*?</resource>| id='\d+'", '', xml)


class TestDefinitions(testtools.TestCase):

    def _check(self, release, recorded, dumps):
        self.release = release
        connection = hosts.Client(hosts.recorded_host(release=release))
        found = []
        defined = self._verdict(
            lambda: found.append(connection.domain_define_xml(recorded['xml'])))
        self._assert_verdict([recorded['define']], defined)
        if defined != 'ok':
            return
        if recorded['inactive_xml_memory'] is not None:
            self.assertEqual(recorded['inactive_xml_memory'], self._memory(connection, found[0]))
        self._check_dump(connection, found[0], dumps, 'inactive_xml')
        # libvirt reports the end of QEMU in one of two ways.
        if recorded['start'] is not None:
            self._assert_verdict([recorded['start'], *recorded.get('start_also', [])],
                                 self._verdict(connection.domain_create, found[0]))
        if recorded.get('live_xml_memory') is not None:
            self.assertEqual(recorded['live_xml_memory'], self._memory(connection, found[0]))
            self._check_dump(connection, found[0], dumps, 'live_xml')
            self._check_dump(connection, found[0], dumps, 'migratable_xml')

    def _check_dump(self, connection, domain, dumps, name):
        if name in dumps:
            xml = connection.domain_get_xml_desc(domain, _DUMPS[name])
            self.assertEqual(_without_labels(dumps[name]), _without_labels(xml))

    def _verdict(self, call, *arguments):
        error = hosts.refusal(call, *arguments)
        if error is None:
            return 'ok'
        error = error.of(self.release)
        return {name: getattr(error, name) for name in _FIELDS}

    def _assert_verdict(self, recorded, ours):
        if isinstance(ours, dict) and isinstance(recorded[0], dict):
            ours = {name: ours[name] for name in recorded[0] if name in ours}
            recorded = [{name: each[name] for name in ours} for each in recorded]
        self.assertIn(ours, recorded)

    def _memory(self, connection, domain):
        xml = connection.domain_get_xml_desc(domain, 0)
        return [match.group(0).strip() for match in _MEMORY.finditer(xml)]


def _add_tests() -> None:
    for release, definitions, dumps in RECORDINGS:
        whole = json.loads((hosts.GOLDEN / dumps).read_text()) if dumps else {}
        for recorded in json.loads((hosts.GOLDEN / definitions).read_text()):
            def test(self, release=release, recorded=recorded, dumps=whole):
                self._check(release, recorded, dumps.get(recorded['name'], {}))
            test.__doc__ = f'{recorded["name"]} has the verdict recorded on {release.name}.'
            name = f'test_{release.name}_' + re.sub(r'\W', '_', recorded['name'])
            setattr(TestDefinitions, name, test)


_add_tests()
