"""The coverage page matches the simulated procedures."""

from __future__ import annotations

import testtools

from tools import coverage_page


class CoveragePageTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        if not (coverage_page.API / 'libvirt-api.xml').exists():
            self.skipTest("libvirt's API description is not installed (libvirt-dev)")

    def test_the_page_is_up_to_date(self):
        """The page equals the tool's output: run ``python tools/coverage_page.py``."""
        text = coverage_page.PAGE.read_text()
        for name, version in (('libvirt', coverage_page.api_version()),
                              ('libvirt-python', coverage_page.binding_version())):
            if f'of {name} {version})' not in text:
                self.skipTest(f'the page was written for another version of {name}')
        self.assertEqual(coverage_page.page(), text)

    def test_every_kind_of_verdict(self):
        """A call is simulated, not simulated, refused by libvirtd, or answered by the client."""
        self.assertEqual(
            [coverage_page.SIMULATED, coverage_page.REFUSED, coverage_page.NOT,
             coverage_page.SIMULATED, coverage_page.CLIENT],
            [coverage_page.verdict(name) for name in (
                'virDomainCreate', 'virInterfaceUndefine', 'virNodeAllocPages',
                'virDomainLookupByUUIDString', 'virDomainGetName')])
