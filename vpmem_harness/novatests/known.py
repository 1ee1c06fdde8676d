"""Nova's tests that depend on Nova's fake, each with the evidence in one line.

Source: the tests of nova 34.0.0, and one of nova 33.0.2 that 34 no longer has. A key is the id of
a test without ``nova.tests.functional.``, or the beginning of several ids, up to a dot.
"""

from __future__ import annotations

from collections.abc import Iterable

PREFIX = 'nova.tests.functional.'

_NOT_POWERED_OFF = (
    'the test mocks migrate_disk_and_power_off, so the guest still runs on the source, and libvirt '
    'refuses to start it at the revert or on the same host: "domain is already running"')
_NO_ERROR = (
    'the fake lets a job fail while migrateToURI3 returns no error; with an error, as from '
    'libvirt, Nova 34 ends the migration in status "error" after "failed", and only a test that '
    'happens to look in between passes')
_ONLINE_CPUS = (
    'Nova mocks get_online_cpus to 16 CPUs on a host with 2; libvirt has the 2, and Nova refuses '
    'the cpu_dedicated_set of the test')
_TEXT = (
    'the test searches the text of the fake\'s XML: libvirt writes <vcpu placement="static"> and '
    'other quotes')
_NO_COMPUTE = 'the test starts no compute service, because the API refuses the flavor first'
_NO_CALL = 'the compute service refuses its configuration before it calls libvirt'
_LOADER = (
    'the test asks for old versions; the nearest real libvirt, 9.0, refuses <loader secure="no"> '
    'with firmware="efi", which Nova writes for every UEFI guest without secure boot')
_SNP = 'the test needs AMD SEV-SNP, which a simulated host does not have'
_MAC = 'the test searches the XML for the multicast MAC address of its port, which libvirt refuses'
_MACHINE = 'the test configures the machine type pc-1.2, which no QEMU since 5.2 has'
_FEATURES = (
    'Nova writes firmware features beside the path of a loader; libvirt: "cannot use feature-based '
    'firmware autoselection when firmware autoselection is disabled"')
_MINIMUM = (
    'the test expects the minimum of Nova, libvirt 8.0, on a host without a version; such a host '
    'has libvirt 11.3 here')
_NO_PARENT = (
    'the test describes mediated devices without the PCI devices that they belong to, which no '
    'host has')
_BUS = 'the boot disk of the test is on the bus "fake-target-bus", which libvirt refuses'
_PROTOCOL = (
    'the volume of Nova\'s fake Cinder has the protocol "fake"; libvirt: "Invalid value for '
    'attribute \'protocol\' in element \'source\': \'fake\'."')
_IDE = (
    'the test moves a guest to the machine type q35 and leaves its CD-ROM drive on IDE; libvirt: '
    '"IDE controllers are unsupported for this QEMU binary or machine type"')
_TDX = 'the test needs Intel TDX, which no recorded libvirt (up to 11.3) announces'
_NO_STATELESS = (
    'the test asks for libvirt 8.6; the nearest real one, 9.0 on Debian 12, has no firmware for '
    'stateless guests: "Unable to find any firmware to satisfy \'efi\'"')
_MOCKED_SEV = (
    'the test of Nova 33 changes the capabilities of the fake while the compute runs; a host gets '
    'AMD SEV only when it restarts')
_UNMANAGED = (
    'the test gives a guest an unmanaged virtual function that nobody has detached from the host: '
    '"Unmanaged PCI device 0000:81:00.1 must be manually detached from the host"')
_PAGE_SIZE = 'the test describes huge pages of 1024 KiB, a size that no x86 machine has'


def _all(reason: str, prefix: str, names: Iterable[str]) -> dict[str, str]:
    return {f'{prefix}.{name}': reason for name in names}


#: The reason for each test.
KNOWN: dict[str, str] = {
    **_all(_ONLINE_CPUS, 'libvirt.test_numa_servers', (
        'NUMAServersTest.test_resize_dedicated_policy_race_on_dest_bug_1953359',
        'NUMAServerTestWithCountingQuotaFromPlacement.'
        'test_resize_dedicated_policy_race_on_dest_bug_1953359')),
    **_all(_NOT_POWERED_OFF, 'libvirt.test_numa_servers', (
        f'{kind}.{test}'
        for kind in ('NUMAServersTest', 'NUMAServerTestWithCountingQuotaFromPlacement')
        for test in ('test_resize_revert_bug_1944759', 'test_resize_revert_server_with_numa'))),
    **_all(_NOT_POWERED_OFF, 'libvirt.test_pci_in_placement.PlacementPCIAllocationHealingTests', (
        'test_heal_allocation_during_same_host_resize',
        'test_heal_partial_allocations_during_resize_downsize')),
    **_all(_NOT_POWERED_OFF, 'libvirt.test_pci_sriov_servers', (
        'PCIServersTest.test_resize_from_one_dev_to_two',
        'PCIServersTest.test_same_host_resize_with_pci',
        'RemoteManagedServersTest.test_cold_migrate_server_with_neutron_revert',
        'SRIOVServersTest.test_cold_migrate_and_rever_server_with_neutron',
        'VDPAServersTest.test_resize_revert',
        'VDPAServersTest.test_resize_same_host')),
    **_all(_NOT_POWERED_OFF, 'libvirt.test_server_shares.ServerSharesColdMigrateTest', (
        'test_cold_migrate_revert_with_share', 'test_cold_migrate_same_host_with_share')),
    **_all(_NOT_POWERED_OFF, 'libvirt.test_device_bus_migration.LibvirtDeviceBusMigration', (
        'test_default_image_property_persists_across_host_flag_changes',)),
    **_all(_NOT_POWERED_OFF, 'libvirt.test_vtpm', (
        f'{kind}.{test}'
        for kind in ('VTPMServersTest', 'VTPMServersTestNonShared')
        for test in ('test_resize_server__no_vtpm_to_vtpm_1_None',
                     'test_resize_server__no_vtpm_to_vtpm_2_user',
                     'test_resize_server__no_vtpm_to_vtpm_3_host',
                     'test_resize_server__no_vtpm_to_vtpm_4_deployment',
                     'test_resize_revert_server__vtpm_to_vtpm_same_config',
                     'test_resize_revert_server__vtpm_to_vtpm_different_config'))),
    **_all(_NO_ERROR, 'libvirt', (
        'test_numa_live_migration.NUMALiveMigrationRollbackTests',
        'test_numa_live_migration.NUMALiveMigrationLegacyRollbackTests',
        'test_power_manage.PowerManagementLiveMigrationRollbackTests',
        'test_vgpu.VGPULiveMigrationTestsLMFailed.test_live_migrate_server',
        'test_vtpm.VTPMServersTest.test_live_migrate_server_secret_security_host_rollback',
        'test_vtpm.VTPMServersTestNonShared.'
        'test_live_migrate_server_secret_security_host_rollback')),
    **_all(_TEXT, 'libvirt.test_live_migration.LiveMigrationWithCpuSharedSet', (
        'test_live_migration_from_no_cpu_shared_set_to_cpu_shared_set',
        'test_live_migration_to_different_cpu_shared_set',
        'test_live_migration_to_no_cpu_shared_set')),
    **_all(_NO_COMPUTE, 'libvirt.test_rt_servers.RealTimeServersTest', (
        'test_no_dedicated_cpu', 'test_no_realtime_mask')),
    **_all(_NO_CALL, 'libvirt.test_power_manage.PowerManagementTestsGovernorNotSupported', (
        'test_enabling_governor_strategy_fails',)),
    **_all(_LOADER, 'libvirt', (
        'test_amd_sev.TestSEV',
        'test_stateless_firmware.LibvirtStatelessFirmwareTest',
        'test_uefi.UEFIServersTest.test_create_server_stateless')),
    **_all(_SNP, 'libvirt.test_report_cpu_traits.LibvirtReportSevTraitsTests', (
        'test_sev_trait_off_on_3', 'test_sev_trait_change_3')),
    **_all(_MOCKED_SEV, 'libvirt.test_report_cpu_traits.LibvirtReportNoSevTraitsTests', (
        'test_sev_trait_off_on',)),
    **_all(_MAC, 'libvirt.test_pci_sriov_servers.VDPAServersTest', ('test_create_server',)),
    **_all(_MACHINE, 'libvirt.test_machine_type.LibvirtMachineTypeTest', (
        'test_machine_type_update_stopped', 'test_machine_type_update_blocked_active',
        'test_machine_type_update_blocked_between_versioned_and_alias')),
    **_all(_BUS, 'libvirt.test_evacuate', (
        'LibvirtFlatEvacuateTest', 'LibvirtQcowEvacuateTest', 'LibvirtRbdEvacuateTest',
        'LibvirtLVMEvacuateTest')),
    **_all(_PROTOCOL, 'libvirt.test_rescue_deleted_base.RescueServerTestWithDeletedBaseImage', (
        'test_stable_rescue_server_bfv',)),
    **_all(_IDE, 'libvirt.test_device_bus_migration.LibvirtDeviceBusMigration', (
        'test_machine_type_and_bus_and_model_migration',)),
    **_all(_TDX, 'libvirt', (
        'test_intel_tdx.TestTDX', 'test_report_cpu_traits.LibvirtReportTdxTraitsTests')),
    **_all(_FEATURES, 'libvirt.test_uefi.UEFIServersFirmwareTest', (
        'test_hard_reboot', 'test_rebuild', 'test_resize')),
    **_all(_MINIMUM, 'libvirt.test_pci_sriov_servers.SRIOVServersTest', (
        'test_start_compute_with_live_migratable_fails_version',)),
    **_all(_NO_PARENT, 'libvirt.test_reshape.VGPUReshapeTests', (
        'test_create_servers_with_vgpu',)),
    **_all(_NO_STATELESS, 'libvirt.test_uefi.UEFIServersTest', (
        'test_create_server_secure_boot_stateless',)),
    **_all(_UNMANAGED, 'libvirt.test_pci_sriov_servers.SRIOVServersTest', (
        'test_create_server_with_VF_and_managed_set_to_no',)),
    **_all(_PAGE_SIZE, 'libvirt.test_numa_live_migration.NUMALiveMigrationNegativeTests', (
        'test_different_page_sizes',)),
}


def reason(test: str) -> str | None:
    """Return why a test depends on the fake; None if it does not."""
    name = test.removeprefix(PREFIX)
    while name:
        if name in KNOWN:
            return KNOWN[name]
        name = name.rpartition('.')[0]
    return None
