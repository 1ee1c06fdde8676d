"""Definitions with NVDIMMs are accepted or refused as recorded."""

from __future__ import annotations

import json
import re

import testtools

from tests.unit.libvirtd.hypervisor import hosts

_MEMORY = re.compile(r'^  <(?:maxMemory|memory|currentMemory)\b.*$'
                     r'|^    <memory model(?:.|\n)*?^    </memory>$', re.MULTILINE)

_FIELDS = ('code', 'domain', 'message', 'level', 'str1', 'str2', 'str3', 'int1', 'int2')


def _verdict(call, *arguments):
    error = hosts.refusal(call, *arguments)
    return 'ok' if error is None else {name: getattr(error, name) for name in _FIELDS}


class TestDefinitions(testtools.TestCase):

    def _check(self, recorded):
        connection = hosts.Client(hosts.recorded_host())
        found = []
        defined = _verdict(lambda: found.append(connection.domain_define_xml(recorded['xml'])))
        self._assert_verdict(recorded['define'], defined)
        if defined != 'ok':
            return
        self.assertEqual(recorded['inactive_xml_memory'], self._memory(connection, found[0]))
        self._assert_verdict(recorded['start'], _verdict(connection.domain_create, found[0]))
        if 'live_xml_memory' in recorded:
            self.assertEqual(recorded['live_xml_memory'], self._memory(connection, found[0]))

    def _assert_verdict(self, recorded, ours):
        if isinstance(recorded, dict) and isinstance(ours, dict):
            ours = {name: ours[name] for name in recorded if name in ours}
            recorded = {name: recorded[name] for name in ours}
        self.assertEqual(recorded, ours)

    def _memory(self, connection, domain):
        xml = connection.domain_get_xml_desc(domain, 0)
        return [match.group(0).strip() for match in _MEMORY.finditer(xml)]


def _add_tests() -> None:
    for recorded in json.loads((hosts.GOLDEN / 'nvdimm-definitions.json').read_text()):
        def test(self, recorded=recorded):
            self._check(recorded)
        test.__doc__ = f'The recorded definition {recorded["name"]} has the recorded verdict.'
        name = 'test_' + re.sub(r'\W', '_', recorded['name'])
        setattr(TestDefinitions, name, test)


_add_tests()
