"""The host's network interfaces: those of its PCI devices, all of them up, and the loopback.

libvirt's backend on Debian lists interfaces, and refuses to change them: those functions are not
supported.

Source: libvirt 9.0.0, src/interface/interface_backend_udev.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import InterfaceHandle
from vpmem_harness.libvirtd.xml.etree import add, element, serialize

_FROM = libvirt.VIR_FROM_INTERFACE
_ACTIVE, _INACTIVE = (libvirt.VIR_CONNECT_LIST_INTERFACES_ACTIVE,
                      libvirt.VIR_CONNECT_LIST_INTERFACES_INACTIVE)
_LOOPBACK = InterfaceHandle('lo', '00:00:00:00:00:00')


class InterfaceProcedures(ProcedureGroup):
    """Procedures that list the host's network interfaces."""

    def _interfaces(self) -> list[InterfaceHandle]:
        """Return all interfaces; libvirt takes the loopback, whose state is unknown, for down."""
        return [*self._active(), _LOOPBACK]

    def _active(self) -> list[InterfaceHandle]:
        return [InterfaceHandle(name, mac)
                for _, name, mac in self.hypervisor.devices.interfaces()]

    def _interface(self, name: str) -> InterfaceHandle:
        for interface in self._interfaces():
            if interface.name == name:
                return interface
        raise LibvirtError(libvirt.VIR_ERR_NO_INTERFACE,
                           f"couldn't find interface named '{name}'", domain=_FROM)

    @procedure
    def connect_list_all_interfaces(self, need_results: int, flags: int) -> list[InterfaceHandle]:
        """Return the interfaces that match the filters."""
        check_flags('udevConnectListAllInterfaces', flags, _ACTIVE | _INACTIVE, domain=_FROM)
        active, inactive = flags & _ACTIVE, flags & _INACTIVE
        return [*(self._active() if active or not inactive else ()),
                *((_LOOPBACK,) if inactive or not active else ())]

    @procedure
    def connect_num_of_interfaces(self) -> int:
        """Return the number of active interfaces."""
        return len(self._active())

    @procedure
    def connect_list_interfaces(self, maximum: int) -> list[str]:
        """Return the names of the active interfaces."""
        return [interface.name for interface in self._active()]

    @procedure
    def connect_num_of_defined_interfaces(self) -> int:
        """Return the number of interfaces that are down: there are none."""
        return 0

    @procedure
    def connect_list_defined_interfaces(self, maximum: int) -> list[str]:
        """Return the names of the interfaces that are down: there are none."""
        return []

    @procedure
    def interface_lookup_by_name(self, name: str) -> InterfaceHandle:
        """Return the interface with that name."""
        return self._interface(name)

    @procedure
    def interface_lookup_by_mac_string(self, mac: str) -> InterfaceHandle:
        """Return the interface with that MAC address."""
        for interface in self._interfaces():
            if interface.mac == mac:
                return interface
        raise LibvirtError(libvirt.VIR_ERR_NO_INTERFACE,
                           f"couldn't find interface with MAC address '{mac}'", domain=_FROM)

    @procedure
    def interface_is_active(self, handle: InterfaceHandle) -> int:
        """Return whether an interface is up."""
        return int(self._interface(handle.name) != _LOOPBACK)

    @procedure
    def interface_get_xml_desc(self, handle: InterfaceHandle, flags: int) -> str:
        """Return an interface's XML."""
        check_flags('udevInterfaceGetXMLDesc', flags, libvirt.VIR_INTERFACE_XML_INACTIVE,
                    domain=_FROM)
        interface = self._interface(handle.name)
        root = element('interface', type='ethernet', name=interface.name)
        if interface == _LOOPBACK:
            add(root, 'mtu', size=65536)
            add(root, 'link', state='unknown')
        else:
            add(root, 'mtu', size=1500)
            add(root, 'link', speed=25000, state='up')
        add(root, 'mac', address=interface.mac)
        return serialize(root)
