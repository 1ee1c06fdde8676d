"""The network ``default``, to look at: libvirt's own, on a bridge with NAT.

Source: libvirt 9.0.0, src/network/default.xml.in, src/network/bridge_driver.c.
"""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import NetworkHandle
from vpmem_harness.libvirtd.xml.etree import add, element, serialize

_FROM = libvirt.VIR_FROM_NETWORK
_LIST = (libvirt.VIR_CONNECT_LIST_NETWORKS_INACTIVE | libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE
         | libvirt.VIR_CONNECT_LIST_NETWORKS_PERSISTENT
         | libvirt.VIR_CONNECT_LIST_NETWORKS_TRANSIENT
         | libvirt.VIR_CONNECT_LIST_NETWORKS_AUTOSTART
         | libvirt.VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART)


@dataclass(frozen=True)
class Network:
    """A virtual network that is active, persistent and started with the host."""

    name: str
    uuid: bytes
    bridge: str
    mac: str

    def xml(self) -> str:
        """The network's definition."""
        root = element('network')
        add(root, 'name', self.name)
        add(root, 'uuid', uuids.UUID(bytes=self.uuid))
        nat = add(add(root, 'forward', mode='nat'), 'nat')
        add(nat, 'port', start=1024, end=65535)
        add(root, 'bridge', name=self.bridge, stp='on', delay=0)
        add(root, 'mac', address=self.mac)
        # Of the range for documentation (RFC 5737), where libvirt's own is a private one.
        ip = add(root, 'ip', address='192.0.2.1', netmask='255.255.255.0')
        add(add(ip, 'dhcp'), 'range', start='192.0.2.2', end='192.0.2.254')
        return serialize(root)


def _fits(flags: int) -> bool:
    """Whether filters let an active, persistent network through that starts with the host."""
    for yes, no in ((libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE,
                     libvirt.VIR_CONNECT_LIST_NETWORKS_INACTIVE),
                    (libvirt.VIR_CONNECT_LIST_NETWORKS_PERSISTENT,
                     libvirt.VIR_CONNECT_LIST_NETWORKS_TRANSIENT),
                    (libvirt.VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
                     libvirt.VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART)):
        if flags & (yes | no) and not flags & yes:
            return False
    return True


class NetworkProcedures(ProcedureGroup):
    """Procedures that look at networks."""

    def _network(self, handle: NetworkHandle) -> Network:
        return self._network_of(handle.uuid, f" ({handle.name})")

    def _network_of(self, uuid: bytes, more: str = '') -> Network:
        for network in self.hypervisor.networks:
            if network.uuid == uuid:
                return network
        raise LibvirtError(
            libvirt.VIR_ERR_NO_NETWORK,
            f"no network with matching uuid '{uuids.UUID(bytes=uuid)}'{more}", domain=_FROM)

    @procedure
    def connect_list_all_networks(self, need_results: int, flags: int) -> list[Network]:
        """Every network that fits the filters."""
        check_flags('networkConnectListAllNetworks', flags, _LIST, domain=_FROM)
        return [network for network in self.hypervisor.networks if _fits(flags)]

    @procedure
    def connect_list_networks(self, maximum: int) -> list[str]:
        """The names of active networks."""
        return [network.name for network in self.hypervisor.networks]

    @procedure
    def connect_num_of_networks(self) -> int:
        """How many networks are active."""
        return len(self.hypervisor.networks)

    @procedure
    def connect_list_defined_networks(self, maximum: int) -> list[str]:
        """The names of networks that are not active."""
        return []

    @procedure
    def connect_num_of_defined_networks(self) -> int:
        """How many networks are not active."""
        return 0

    @procedure
    def network_lookup_by_name(self, name: str) -> Network:
        """The network with that name."""
        for network in self.hypervisor.networks:
            if network.name == name:
                return network
        raise LibvirtError(libvirt.VIR_ERR_NO_NETWORK,
                           f"no network with matching name '{name}'", domain=_FROM)

    @procedure
    def network_lookup_by_uuid(self, uuid: bytes) -> Network:
        """The network with that UUID."""
        return self._network_of(uuid)

    @procedure
    def network_get_xml_desc(self, handle: NetworkHandle, flags: int) -> str:
        """A network's XML."""
        check_flags('networkGetXMLDesc', flags, libvirt.VIR_NETWORK_XML_INACTIVE, domain=_FROM)
        return self._network(handle).xml()

    @procedure
    def network_is_active(self, handle: NetworkHandle) -> int:
        """1: networks here are active."""
        self._network(handle)
        return 1

    @procedure
    def network_is_persistent(self, handle: NetworkHandle) -> int:
        """1: networks here are persistent."""
        self._network(handle)
        return 1

    @procedure
    def network_get_autostart(self, handle: NetworkHandle) -> int:
        """1: networks here start with the host."""
        self._network(handle)
        return 1

    @procedure
    def network_get_bridge_name(self, handle: NetworkHandle) -> str:
        """The name of a network's bridge."""
        return self._network(handle).bridge

    @procedure
    def network_get_dhcp_leases(self, handle: NetworkHandle, mac: str | None, need_results: int,
                                flags: int) -> list[object]:
        """The addresses that a network has leased: guests here ask for none."""
        check_flags('networkGetDHCPLeases', flags, 0, domain=_FROM)
        self._network(handle)
        return []
