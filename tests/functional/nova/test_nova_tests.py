"""Nova's own tests on simulated hosts: a fast selection of each kind."""

from __future__ import annotations

import importlib.util

import testtools
from testtools.content import text_content

from tests import base
from vpmem_harness.novatests.report import Report
from vpmem_harness.novatests.runner import Result, Runner

PREFIX = 'nova.tests.functional.libvirt'

#: Fast tests of each kind of host that Nova's tests describe.
SELECTED = (
    'test_machine_type.LibvirtMachineTypeTest.test_init_host_register_machine_type',
    'test_migration_addr.LibvirtMigrationAddrTest.test_cold_migrate_with_ip',
    'test_numa_live_migration.NUMALiveMigrationLegacyTests.test_conductor_pinned',
    'test_numa_live_migration.NUMALiveMigrationNegativeTests.test_insufficient_resources',
    'test_numa_live_migration.NUMALiveMigrationPositiveTests.test_bug_1843639',
    'test_numa_servers.NUMAServersTest.test_create_server_with_dedicated_policy',
    'test_numa_servers.NUMAServersTest.test_create_server_with_hugepages',
    'test_numa_servers.NUMAServersTest.test_create_server_with_pcpu',
    'test_numa_servers.NUMAServersRebuildTests.test_rebuild_server_with_numa',
    'test_numa_servers.NUMAServersWithNetworksTest.test_create_server_with_multiple_physnets_fail',
    'test_pci_in_placement.PlacementPCIInventoryReportingTests.'
    'test_new_compute_init_with_pci_devs',
    'test_pci_in_placement.PlacementPCIInventoryReportingTests.'
    'test_devname_based_dev_spec_rejected',
    'test_pci_in_placement.RCAndTraitBasedPCIAliasTests.'
    'test_device_claim_consistent_with_placement_allocation',
    'test_pci_sriov_servers.PCIServersTest.test_create_server_with_pci_dev_and_numa',
    'test_pci_sriov_servers.RemoteManagedServersTest.test_create_server_physnet',
    'test_pci_sriov_servers.SRIOVAttachDetachTest.test_detach_macvtap',
    'test_pci_sriov_servers.SRIOVServersTest.'
    'test_create_server_after_change_in_nonsriov_pf_to_sriov_pf',
    'test_pci_sriov_servers.TestPackNUMACellsWithPCIDevices.'
    'test_pci_vm_lands_on_pci_numa_node_with_pack',
    'test_power_manage.PowerManagementLiveMigrationTests.test_live_migrate_server',
    'test_power_manage.PowerManagementTestsGovernor.test_create',
    'test_rescue_deleted_base.RescueServerTestWithDeletedBaseImage.'
    'test_stable_rescue_server_local_disk',
    'test_rt_servers.RealTimeServersTest.test_success',
    'test_server_shares.ServerSharesTest.test_server_share_metadata',
    'test_shared_resource_provider.SharedStorageProviderUsageTestCase.'
    'test_shared_storage_rp_configuration_with_cn_rp',
    'test_uefi.UEFIServersTest.test_create_server',
    'test_uefi.UEFIServersTest.test_create_server_secure_boot',
    'test_vgpu.VGPULimitMultipleTypesTests.test_create_servers_with_vgpu',
    'test_vif_model.LibvirtVifModelTest.test_boot_with_vif_model_igb',
    'test_vpmem.VPMEMTests.test_create_servers_with_vpmem',
    'test_vpmem.VPMEMResizeTests.test_resize_same_host',
    'test_vtpm.VTPMServersTest.test_create_server',
    'test_vtpm.VTPMServersTest.test_tpm_secret_security_user',
)


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class NovaTestsTest(base.TestCase):

    def test_novas_tests_pass_on_simulated_hosts(self) -> None:
        """Each test of the selection passes, and calls a simulated host."""
        runner, report = Runner(processes=2, timeout=200), Report()
        lines: list[str] = []

        def add(result: Result) -> None:
            lines.append(report.line(result, report.add(result)))
            if result.outcome == 'failed':
                self.addDetail(result.id, text_content(result.details))
        runner.run(runner.tests([f'{PREFIX}.{name}' for name in SELECTED]), add)
        self.addDetail('results', text_content('\n'.join(lines)))
        self.assertTrue(report.ok, report.summary())
        self.assertEqual(len(lines), len(report.results['passed']))

    def test_novas_fake_needs_no_checkout(self) -> None:
        """The tests of an installed Nova also run on the fake, where they call no host."""
        results: list[Result] = []
        name = f'{PREFIX}.test_uefi.UEFIServersTest.test_create_server'
        Runner(timeout=200, plain=True).run([name], results.append)
        self.assertEqual([('passed', 0, '')], [
            (result.outcome, result.calls, result.reason) for result in results])

    def test_threads_keep_their_cells(self) -> None:
        """Threads of a test can use different cells at the same time."""
        results: list[Result] = []
        name = 'tests.functional.nova.own_tests.CellTest.test_a_thread_keeps_its_cell'
        Runner(timeout=200).run([name], results.append)
        self.assertEqual(
            ['passed'], [result.outcome for result in results], [r.details for r in results])

    def test_an_unknown_test_is_an_error(self) -> None:
        """The error names what was given, and why it is no test."""
        error = self.assertRaises(
            ValueError, Runner().tests, [f'{PREFIX}.test_uefi.NoSuchTest'])
        self.assertIn('NoSuchTest', str(error))
        self.assertEqual(1, str(error).count('expected'))
