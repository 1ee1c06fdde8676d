"""Network filters and their bindings: none are defined, and none can be.

Source: libvirt 9.0.0, src/nwfilter/nwfilter_driver.c.
"""

from __future__ import annotations

import uuid as uuids

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import NWFilterBindingHandle, NWFilterHandle

_FROM = libvirt.VIR_FROM_NWFILTER


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
