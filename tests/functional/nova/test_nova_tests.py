"""Nova's own tests on simulated hosts: a fast selection of each kind."""

from __future__ import annotations

import importlib.util

import testtools

from tests import base
from vpmem_harness.novatests.report import Report
from vpmem_harness.novatests.runner import Runner

PREFIX = 'nova.tests.functional.libvirt'

#: One or two tests of each kind of host that Nova's tests describe.
SELECTED = (
    'test_vpmem.VPMEMTests.test_create_servers_with_vpmem',
    'test_rescue_deleted_base',
    'test_vif_model',
    'test_shared_resource_provider',
    'test_numa_servers.NUMAServersTest.test_create_server_with_numa_topology',
    'test_numa_servers.NUMAServersTest.test_create_server_with_dedicated_policy',
    'test_numa_servers.NUMAServersTest.test_create_server_with_hugepages',
    'test_numa_servers.NUMAServersWithNetworksTest.test_create_server_with_single_physnet',
    'test_pci_in_placement.PlacementPCIInventoryReportingTests.test_new_compute_init_with_pci_devs',
    'test_pci_in_placement.PlacementPCIInventoryReportingTests.'
    'test_devname_based_dev_spec_rejected',
    'test_vtpm.VTPMServersTest.test_create_server',
    'test_vtpm.VTPMServersTest.test_tpm_secret_security_user',
    'test_numa_live_migration.NUMALiveMigrationPositiveTests.test_numa_live_migration',
    'test_migration_addr',
)


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class NovaTestsTest(base.TestCase):

    def test_novas_tests_pass_on_simulated_hosts(self) -> None:
        """Each test of the selection passes, and calls a simulated host."""
        runner, report, lines = Runner(processes=2), Report(), []

        def add(result):
            lines.append(report.line(result, report.add(result)))
        runner.run(runner.tests([f'{PREFIX}.{name}' for name in SELECTED]), add)
        self.addDetail('results', testtools.content.text_content('\n'.join(lines)))
        self.assertTrue(report.ok, report.summary())
        self.assertEqual(len(lines), len(report.results['passed']))

    def test_an_unknown_test_is_an_error(self) -> None:
        """The error names what was given."""
        error = self.assertRaises(
            ValueError, Runner().tests, [f'{PREFIX}.test_uefi.NoSuchTest'])
        self.assertIn('NoSuchTest', str(error))
