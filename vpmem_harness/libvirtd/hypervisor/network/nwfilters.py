"""Network filters and their bindings: none are defined, and none can be.

Source: libvirt 9.0.0, src/nwfilter/nwfilter_driver.c.
"""

from __future__ import annotations

import uuid as uuids
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import NWFilterBindingHandle, NWFilterHandle

_FROM = libvirt.VIR_FROM_NWFILTER


#: The filters of Debian's packages, which interfaces can use although none is listed.
_PACKAGED: Final = frozenset((
    'allow-arp', 'allow-dhcp', 'allow-dhcp-server', 'allow-dhcpv6', 'allow-dhcpv6-server',
    'allow-incoming-ipv4', 'allow-incoming-ipv6', 'allow-ipv4', 'allow-ipv6', 'clean-traffic',
    'clean-traffic-gateway', 'no-arp-ip-spoofing', 'no-arp-mac-spoofing', 'no-arp-spoofing',
    'no-ip-multicast', 'no-ip-spoofing', 'no-ipv6-multicast', 'no-ipv6-spoofing',
    'no-mac-broadcast', 'no-mac-spoofing', 'no-other-l2-traffic', 'no-other-rarp-traffic',
    'qemu-announce-self', 'qemu-announce-self-rarp'))


def check_reference(name: str) -> None:
    """Refuse an interface that refers to a filter that does not exist."""
    if name not in _PACKAGED:
        raise internal(f"referenced filter '{name}' is missing", domain=_FROM)


class NWFilterProcedures(ProcedureGroup):
    """Procedures that list network filters and their bindings."""

    @procedure
    def connect_list_all_nwfilters(self, need_results: int, flags: int) -> list[NWFilterHandle]:
        """Return the network filters."""
        check_flags('nwfilterConnectListAllNWFilters', flags, 0, domain=_FROM)
        return []

    @procedure
    def connect_num_of_nwfilters(self) -> int:
        """Return the number of network filters."""
        return 0

    @procedure
    def connect_list_nwfilters(self, maximum: int) -> list[str]:
        """Return the names of the network filters."""
        return []

    @procedure
    def nwfilter_lookup_by_name(self, name: str) -> NWFilterHandle:
        """Return the network filter with that name."""
        raise LibvirtError(libvirt.VIR_ERR_NO_NWFILTER,
                           f"no nwfilter with matching name '{name}'", domain=_FROM)

    @procedure
    def nwfilter_lookup_by_uuid(self, uuid: bytes) -> NWFilterHandle:
        """Return the network filter with that UUID."""
        raise LibvirtError(libvirt.VIR_ERR_NO_NWFILTER,
                           f"no nwfilter with matching uuid '{uuids.UUID(bytes=uuid)}'",
                           domain=_FROM)

    @procedure
    def connect_list_all_nwfilter_bindings(self, need_results: int,
                                           flags: int) -> list[NWFilterBindingHandle]:
        """Return the bindings of network filters."""
        check_flags('nwfilterConnectListAllNWFilterBindings', flags, 0, domain=_FROM)
        return []

    @procedure
    def nwfilter_binding_lookup_by_port_dev(self, device: str) -> NWFilterBindingHandle:
        """Return the binding of a device."""
        raise LibvirtError(libvirt.VIR_ERR_NO_NWFILTER_BINDING,
                           f"no nwfilter binding for port dev '{device}'", domain=_FROM)
