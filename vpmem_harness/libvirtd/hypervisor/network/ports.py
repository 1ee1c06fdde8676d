"""The ports of networks: one for each interface of a running domain that is connected to one.

Source: libvirt 9.0.0, src/network/bridge_driver.c (networkListAllPorts), src/conf/
virnetworkportdef.c.
"""

from __future__ import annotations

import uuid as uuids
from typing import Final, NamedTuple

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.network.network import Network
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import NetworkHandle, NetworkPortHandle, TypedParameter
from vpmem_harness.libvirtd.xml.etree import Element, add, copy, element, serialize

_FROM = libvirt.VIR_FROM_NETWORK
#: The parameters of a port, by the direction and the attribute of its bandwidth.
_RATES: Final = (('inbound', 'in', ('average', 'peak', 'floor', 'burst')),
                 ('outbound', 'out', ('average', 'peak', 'burst')))


class _Port(NamedTuple):
    handle: NetworkPortHandle
    domain: Domain
    interface: Element


class NetworkPortProcedures(ProcedureGroup):
    """Procedures that list the ports of networks."""

    def of(self, network: Network) -> list[_Port]:
        """Return the ports of a network."""
        handle = NetworkHandle(network.name, network.uuid)
        found = []
        for domain in self.hypervisor.domains:
            for interface in domain.definition.devices.findall('interface'):
                source = interface.find('source')
                if domain.active and source is not None and source.get('portid') \
                        and source.get('network') == network.name:
                    uuid = uuids.UUID(source.get('portid', ''))
                    found.append(_Port(NetworkPortHandle(handle, uuid.bytes), domain, interface))
        return found

    def _port(self, handle: NetworkHandle, uuid: bytes) -> tuple[Network, _Port]:
        network = self.connection.networks.network(handle)
        for port in self.of(network):
            if port.handle.uuid == uuid:
                network.check_active()
                return network, port
        raise LibvirtError(
            libvirt.VIR_ERR_NO_NETWORK_PORT,
            f'Network port with UUID {uuids.UUID(bytes=uuid)} does not exist', domain=_FROM)

    @procedure
    def network_list_all_ports(self, network: NetworkHandle, need_results: int,
                               flags: int) -> list[NetworkPortHandle]:
        """Return the ports of an active network."""
        check_flags('networkListAllPorts', flags, 0, domain=_FROM)
        found = self.connection.networks.network(network)
        found.check_active()
        return [port.handle for port in self.of(found)]

    @procedure
    def network_port_lookup_by_uuid(self, network: NetworkHandle,
                                    uuid: bytes) -> NetworkPortHandle:
        """Return the port with that UUID."""
        return self._port(network, uuid)[1].handle

    @procedure
    def network_port_get_xml_desc(self, port: NetworkPortHandle, flags: int) -> str:
        """Return a port's XML."""
        check_flags('networkPortGetXMLDesc', flags, 0, domain=_FROM)
        network, (_, domain, interface) = self._port(port.net, port.uuid)
        root = element('networkport')
        add(root, 'uuid', uuids.UUID(bytes=port.uuid))
        owner = add(root, 'owner')
        add(owner, 'name', domain.name)
        add(owner, 'uuid', domain.uuid_text)
        for source in interface.findall('source'):
            if source.get('portgroup'):
                add(root, 'group', source.get('portgroup'))
        for mac in interface.findall('mac'):
            add(root, 'mac', address=mac.get('address'))
        for tag in ('virtualport', 'bandwidth', 'vlan'):
            root.extend(copy(found) for found in interface.findall(tag))
        bridge = network.definition.bridge
        if bridge is not None:
            own = network.definition.mode in ('none', 'nat', 'route', 'open')
            add(root, 'plug', type='network' if own else 'bridge', bridge=bridge)
        return serialize(root)

    @procedure
    def network_port_get_parameters(self, port: NetworkPortHandle, nparams: int,
                                    flags: int) -> list[TypedParameter]:
        """Return the bandwidth of a port."""
        check_flags('networkPortGetParameters', flags, 0, domain=_FROM)
        _, (_, _, interface) = self._port(port.net, port.uuid)
        found = []
        for tag, direction, attributes in _RATES:
            for rate in interface.findall(f'bandwidth/{tag}'):
                found += [TypedParameter.uint(f'{direction}.{name}', int(rate.get(name) or '0'))
                          for name in attributes]
        return found
