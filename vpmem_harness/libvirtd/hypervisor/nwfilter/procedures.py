"""Procedures for network filters and their bindings.

Source: libvirt 9.0.0, src/nwfilter/nwfilter_driver.c.
"""

from __future__ import annotations

from errno import ENOENT

import libvirt

from vpmem_harness.libvirtd.errors import system_error
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.nwfilter.filters import NWFilterList
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import NWFilterBindingHandle, NWFilterHandle
from vpmem_harness.libvirtd.xml.nwfilter import binding, definition
from vpmem_harness.libvirtd.xml.nwfilter.rule import FROM


class NWFilterProcedures(ProcedureGroup):
    """Procedures for network filters and their bindings."""

    @property
    def _filters(self) -> NWFilterList:
        return self.hypervisor.nwfilters

    @procedure
    def connect_list_all_nwfilters(self, need_results: int, flags: int) -> list[NWFilterHandle]:
        """Return the network filters."""
        check_flags('nwfilterConnectListAllNWFilters', flags, 0, domain=FROM)
        return [self._filters.handle(found) for found in self._filters]

    @procedure
    def connect_num_of_nwfilters(self) -> int:
        """Return the number of network filters."""
        return len(list(self._filters))

    @procedure
    def connect_list_nwfilters(self, maximum: int) -> list[str]:
        """Return the names of the network filters."""
        return [found.name for found in self._filters]

    @procedure
    def nwfilter_lookup_by_name(self, name: str) -> NWFilterHandle:
        """Return the network filter with that name."""
        return self._filters.handle(self._filters.by_name(name))

    @procedure
    def nwfilter_lookup_by_uuid(self, uuid: bytes) -> NWFilterHandle:
        """Return the network filter with that UUID."""
        return self._filters.handle(self._filters.by_uuid(uuid))

    @procedure
    def nwfilter_define_xml(self, xml: str) -> NWFilterHandle:
        """Define a network filter, or redefine one."""
        return self._define(xml, 0)

    @procedure
    def nwfilter_define_xml_flags(self, xml: str, flags: int) -> NWFilterHandle:
        """Define a network filter, or redefine one."""
        return self._define(xml, flags)

    def _define(self, xml: str, flags: int) -> NWFilterHandle:
        check_flags('nwfilterDefineXMLFlags', flags, libvirt.VIR_NWFILTER_DEFINE_VALIDATE,
                    domain=FROM)
        new = definition.parse(xml, self.hypervisor.randomness.uuid(), validate=bool(flags))
        if '/' in new.name:
            # libvirt stores the definition in a file of that name.
            raise system_error(
                ENOENT, f"Failed to create file '/etc/libvirt/nwfilter/{new.name}.xml.new'",
                domain=libvirt.VIR_FROM_NONE)
        self._filters.define(new)
        return self._filters.handle(new)

    @procedure
    def nwfilter_undefine(self, handle: NWFilterHandle) -> None:
        """Remove a network filter."""
        self._filters.undefine(self._filters.by_uuid(handle.uuid))

    @procedure
    def nwfilter_get_xml_desc(self, handle: NWFilterHandle, flags: int) -> str:
        """Return a network filter's XML."""
        check_flags('nwfilterGetXMLDesc', flags, 0, domain=FROM)
        return self._filters.by_uuid(handle.uuid).xml()

    @procedure
    def connect_list_all_nwfilter_bindings(self, need_results: int,
                                           flags: int) -> list[NWFilterBindingHandle]:
        """Return the bindings of network filters."""
        check_flags('nwfilterConnectListAllNWFilterBindings', flags, 0, domain=FROM)
        return [self._filters.binding_handle(found) for found in self._filters.bindings]

    @procedure
    def nwfilter_binding_lookup_by_port_dev(self, port: str) -> NWFilterBindingHandle:
        """Return the binding of a port."""
        return self._filters.binding_handle(self._filters.binding(port))

    @procedure
    def nwfilter_binding_create_xml(self, xml: str, flags: int) -> NWFilterBindingHandle:
        """Bind a network filter to a port."""
        check_flags('nwfilterBindingCreateXML', flags,
                    libvirt.VIR_NWFILTER_BINDING_CREATE_VALIDATE, domain=FROM)
        new = binding.parse(xml, validate=bool(flags))
        self._filters.bind(new)
        return self._filters.binding_handle(new)

    @procedure
    def nwfilter_binding_delete(self, handle: NWFilterBindingHandle) -> None:
        """Remove a binding, even one of a guest."""
        self._filters.unbind(handle.portdev)

    @procedure
    def nwfilter_binding_get_xml_desc(self, handle: NWFilterBindingHandle, flags: int) -> str:
        """Return a binding's XML."""
        check_flags('nwfilterBindingGetXMLDesc', flags, 0, domain=FROM)
        return self._filters.binding(handle.portdev).xml()
