"""Procedures that need the guest's cooperation.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument
from vpmem_harness.libvirtd.hypervisor.domain import emulator, key_codes
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.network import guests
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter


class GuestProcedures(ProcedureGroup):
    """Procedures that need the guest's cooperation; those that only signal it succeed."""

    @procedure
    def domain_interface_addresses(self, handle: DomainHandle, source: int,
                                   flags: int) -> list[tuple[str, str, guests.Addresses]]:
        """Return the addresses that the guest has leased; there are no ARP entries."""
        check_flags('qemuDomainInterfaceAddresses', flags, 0)
        if source == libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT:
            check_active(self.domain(handle))
            running = self.hypervisor.agents.of(self.domain(handle))
            running.command('guest-network-get-interfaces')
            return self.connection.guest_agent.interfaces(self.domain(handle))
        domain = self.domain(handle)
        check_active(domain)
        if source not in (libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
                          libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP):
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               f'Unknown IP address data source {source}')
        if source == libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP:
            return []
        return guests.leased(
            self.hypervisor.networks, domain.definition.devices.findall('interface'),
            self.hypervisor.clock.now())

    @procedure
    def domain_pm_suspend_for_duration(self, handle: DomainHandle, target: int, duration: int,
                                       flags: int) -> None:
        """Have the guest suspend to memory or disk."""
        check_flags('qemuDomainPMSuspendForDuration', flags, 0)
        if duration:
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'Duration not supported. Use 0 for now')
        if target not in (libvirt.VIR_NODE_SUSPEND_TARGET_MEM,
                          libvirt.VIR_NODE_SUSPEND_TARGET_DISK,
                          libvirt.VIR_NODE_SUSPEND_TARGET_HYBRID):
            raise bad_argument(f'Unknown suspend target: {target}')
        self.hypervisor.agents.of(self.domain(handle))

    @procedure
    def domain_pm_wakeup(self, handle: DomainHandle, flags: int) -> None:
        """Wake a suspended guest: no guest is suspended, because that needs an agent."""
        check_flags('qemuDomainPMWakeup', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        raise emulator.command_failed(
            'system_wakeup', 'Unable to wake up: guest is not in suspended state'
            if domain.definition.has_acpi or not domain.definition.is_i440fx
            else 'wake-up from suspend is not supported by this guest')

    @procedure
    def domain_get_launch_security_info(self, handle: DomainHandle,
                                        flags: int) -> list[TypedParameter]:
        """Return the launch measurement of an encrypted guest: there is none."""
        self.domain(handle)
        return []

    @procedure
    def domain_inject_nmi(self, handle: DomainHandle, flags: int) -> None:
        """Send the guest a non-maskable interrupt."""
        check_flags('qemuDomainInjectNMI', flags, 0)
        check_active(self.domain(handle))

    @procedure
    def domain_send_key(self, handle: DomainHandle, codeset: int, holdtime: int,
                        keycodes: list[int], flags: int) -> None:
        """Press keys on the guest's keyboard."""
        check_flags('qemuDomainSendKey', flags, 0)
        domain = self.domain(handle)
        key_codes.check(codeset, keycodes)
        check_active(domain)

    @procedure
    def qemu_domain_monitor_command(self, handle: DomainHandle, command: str,
                                    flags: int) -> str:
        """Execute a monitor command: only ``announce-self`` is simulated.

        :raises LibvirtError: VIR_ERR_OPERATION_UNSUPPORTED for any other command.
        """
        check_active(self.domain(handle))
        name = 'announce-self' if 'announce-self' in command or 'announce_self' in command else ''
        if not name:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'QEMU monitor commands are not simulated')
        return '' if flags & 1 else '{"return":{},"id":"libvirt-1"}'
