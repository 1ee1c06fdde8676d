"""XML and statistics of domains are as recorded."""

from __future__ import annotations

import json
import re

import libvirt
import testtools

from tests.unit.libvirtd.hypervisor import hosts

DOMAINS = ('nova-pc-2nvdimm', 'nova-pc-2nvdimm-pmem', 'min-nvdimm-noalign-nolabel')


def recorded(domain: str, what: str) -> str:
    """Return a recorded document, without the command line above it."""
    text = (hosts.GOLDEN / f'{domain}.{what}').read_text()
    return '\n'.join(line for line in text.split('\n') if not line.startswith(('$ ', '# rc=')))


class TestDumps(testtools.TestCase):

    def _domain(self, name):
        self.connection = hosts.Client(hosts.recorded_host())
        text = (hosts.GOLDEN / f'{name}.define.xml').read_text()
        domain = self.connection.domain_define_xml(text)
        self.connection.domain_create(domain)
        return domain

    def _check(self, name, what, flags):
        domain = self._domain(name)
        xml = self.connection.domain_get_xml_desc(domain, flags)
        expected = recorded(name, f'dumpxml-{what}.xml').strip()
        self.assertEqual(re.sub(r" id='\d+'>", '>', expected, count=1),
                         re.sub(r" id='\d+'>", '>', xml.strip(), count=1))

    def _check_figures(self, name):
        domain = self._domain(name)
        expected = json.loads((hosts.GOLDEN / f'{name}.python-api.json').read_text())
        self.assertEqual(expected['info'][:4], list(self.connection.domain_get_info(domain)[:4]))
        self.assertEqual(expected['maxMemory'], self.connection.domain_get_max_memory(domain))
        stats = dict(self.connection.domain_memory_stats(domain, 16, 0))
        self.assertEqual(expected['memoryStats']['actual'],
                         stats[libvirt.VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON])

    def _check_statistics(self, name):
        self._domain(name)
        [(_, params)] = self.connection.connect_get_all_domain_stats([], 0, 0)
        names = re.findall(r'^  ([^=]+)=', recorded(name, 'domstats.txt'), re.MULTILINE)
        self.assertEqual(names, [parameter.name for parameter in params])


def _add_tests() -> None:
    for name in DOMAINS:
        slug = name.replace('-', '_')
        for what, flags in (('inactive', libvirt.VIR_DOMAIN_XML_INACTIVE), ('live', 0),
                            ('migratable', libvirt.VIR_DOMAIN_XML_MIGRATABLE)):
            def test_dump(self, name=name, what=what, flags=flags):
                self._check(name, what, flags)
            test_dump.__doc__ = f'The {what} document of {name} is the recorded one.'
            setattr(TestDumps, f'test_{slug}_{what}', test_dump)

        def test_figures(self, name=name):
            self._check_figures(name)
        test_figures.__doc__ = f'The memory and CPUs of {name} are the recorded ones.'
        setattr(TestDumps, f'test_{slug}_figures', test_figures)

        def test_statistics(self, name=name):
            self._check_statistics(name)
        test_statistics.__doc__ = f'The statistics of {name} have the recorded names and order.'
        setattr(TestDumps, f'test_{slug}_statistics', test_statistics)


_add_tests()
