"""The ports of networks: one for each interface of a running domain that is connected to one.

Source: libvirt 9.0.0, src/network/bridge_driver.c (networkListAllPorts).
"""

from __future__ import annotations

import uuid as uuids

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import NetworkHandle, NetworkPortHandle
from vpmem_harness.libvirtd.xml.etree import every

_FROM = libvirt.VIR_FROM_NETWORK


class NetworkPortProcedures(ProcedureGroup):
    """Procedures that list the ports of networks."""

    def _ports(self, network: NetworkHandle) -> list[NetworkPortHandle]:
        self.connection.networks.network_is_active(network)     # or VIR_ERR_NO_NETWORK
        name = next(each.name for each in self.hypervisor.networks if each.uuid == network.uuid)
        found = []
        for domain in self.hypervisor.domains:
            for source in every(domain.definition.devices, 'interface/source'):
                if domain.active and source.get('network') == name and source.get('portid'):
                    uuid = uuids.UUID(source.get('portid', ''))
                    found.append(NetworkPortHandle(NetworkHandle(name, network.uuid), uuid.bytes))
        return found

    @procedure
    def network_list_all_ports(self, network: NetworkHandle, need_results: int,
                               flags: int) -> list[NetworkPortHandle]:
        """Return the ports of a network."""
        check_flags('networkListAllPorts', flags, 0, domain=_FROM)
        return self._ports(network)

    @procedure
    def network_port_lookup_by_uuid(self, network: NetworkHandle,
                                    uuid: bytes) -> NetworkPortHandle:
        """Return the port with that UUID."""
        for port in self._ports(network):
            if port.uuid == uuid:
                return port
        raise LibvirtError(libvirt.VIR_ERR_NO_NETWORK_PORT,
                           'Network port with UUID '
                           f"{uuids.UUID(bytes=uuid)} does not exist", domain=_FROM)
