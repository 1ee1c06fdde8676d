"""Options of tempest in the reference deployment, and the rows of its report."""

from __future__ import annotations

from pathlib import Path

import testtools

from tools.deployment import report, tempest
from tools.deployment.settings import Settings


class OptionsTest(testtools.TestCase):

    def options(self, **settings):
        return tempest.options(
            Settings(Path('/fleet'), pmem='SMALL:2x1GiB', ports={'keystone': 1024},
                     password='the password',  # noqa: S106 - not a real one
                     **settings),
            'the image', ('small', 'large'), 'the network', ['router', 'quotas'])

    def test_tests_know_the_number_of_computes(self):
        """Tests that need several hosts know how many there are."""
        self.assertEqual('3', self.options(computes=3)['compute']['min_compute_nodes'])

    def test_servers_are_resized_to_the_larger_flavor(self):
        """The second flavor is that for resizes."""
        compute = self.options(computes=2)['compute']
        self.assertEqual(('small', 'large'), (compute['flavor_ref'], compute['flavor_ref_alt']))

    def test_missing_extensions_are_known(self):
        """Tests of extensions that Neutron does not have are skipped."""
        self.assertEqual('router,quotas',
                         self.options(computes=2)['network-feature-enabled']['api_extensions'])


class ReportTest(testtools.TestCase):

    def test_processes_have_their_row(self):
        """A process belongs to the row of its service, also under its changed title."""
        for line, row in (
            ('python3 /v/bin/nova-compute --config-file /fleet/nova.conf', 'nova-compute'),
            ('nova-scheduler: ServiceWrapper worker(0)', 'nova-scheduler'),
            ('python3 /v/bin/uwsgi --module nova.wsgi.osapi_compute', 'nova-api'),
            ('python3 /v/bin/privsep-helper --config-file nova.conf', 'privsep-helper'),
            ('sleep infinity', 'other'),
        ):
            self.assertEqual(row, report.kind(line), line)
