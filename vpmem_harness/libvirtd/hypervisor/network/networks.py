"""Procedures for virtual networks.

Source: libvirt 9.0.0, src/network/bridge_driver.c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.network import leases
from vpmem_harness.libvirtd.hypervisor.network.network import Network, NetworkList
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import NetworkHandle
from vpmem_harness.libvirtd.xml.network import definition as network_xml
from vpmem_harness.libvirtd.xml.network import records, sections
from vpmem_harness.libvirtd.xml.network.records import FROM

_FILTERS: Final[tuple[tuple[int, int, Callable[[Network], bool]], ...]] = (
    (libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE,
     libvirt.VIR_CONNECT_LIST_NETWORKS_INACTIVE, lambda network: network.active),
    (libvirt.VIR_CONNECT_LIST_NETWORKS_PERSISTENT,
     libvirt.VIR_CONNECT_LIST_NETWORKS_TRANSIENT, lambda network: network.persistent),
    (libvirt.VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
     libvirt.VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART, lambda network: network.autostart))
_LIVE: Final = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
_CONFIG: Final = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG


class NetworkProcedures(ProcedureGroup):
    """Procedures for virtual networks."""

    @property
    def _networks(self) -> NetworkList:
        return self.hypervisor.networks

    def network(self, handle: NetworkHandle) -> Network:
        """Return the network of a client's reference.

        :raises LibvirtError: VIR_ERR_NO_NETWORK.
        """
        return self._networks.by_uuid(handle.uuid, f' ({handle.name})')

    def _publish(self, network: Network, event: int) -> None:
        self.hypervisor.object_events.publish(
            'network', libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, network.uuid,
            NetworkHandle(network.name, network.uuid), event, 0)

    @procedure
    def connect_list_all_networks(self, need_results: int, flags: int) -> list[Network]:
        """Return the networks that match the filters."""
        check_flags('networkConnectListAllNetworks', flags,
                    sum(yes | no for yes, no, _ in _FILTERS), domain=FROM)
        return [network for network in self._networks
                if all(not flags & (yes | no) or flags & (yes if test(network) else no)
                       for yes, no, test in _FILTERS)]

    @procedure
    def connect_list_networks(self, maximum: int) -> list[str]:
        """Return the names of the active networks."""
        return [network.name for network in self._networks if network.active]

    @procedure
    def connect_num_of_networks(self) -> int:
        """Return the number of active networks."""
        return sum(network.active for network in self._networks)

    @procedure
    def connect_list_defined_networks(self, maximum: int) -> list[str]:
        """Return the names of the inactive networks."""
        return [network.name for network in self._networks if not network.active]

    @procedure
    def connect_num_of_defined_networks(self) -> int:
        """Return the number of inactive networks."""
        return sum(not network.active for network in self._networks)

    @procedure
    def network_lookup_by_name(self, name: str) -> Network:
        """Return the network with that name."""
        return self._networks.by_name(name)

    @procedure
    def network_lookup_by_uuid(self, uuid: bytes) -> Network:
        """Return the network with that UUID."""
        return self._networks.by_uuid(uuid)

    def _parsed(self, xml: str, *, validate: bool) -> network_xml.NetworkDefinition:
        random = self.hypervisor.randomness
        definition = network_xml.parse(xml, random.uuid(), self.hypervisor.release,
                                       validate=validate)
        self._networks.validate(definition, random.mac())
        return definition

    @procedure
    def network_create_xml(self, xml: str) -> Network:
        """Start a transient network, or an inactive one with another definition."""
        return self._create(xml, 0)

    @procedure
    def network_create_xml_flags(self, xml: str, flags: int) -> Network:
        """Start a transient network, or an inactive one with another definition."""
        return self._create(xml, flags)

    def _create(self, xml: str, flags: int) -> Network:
        check_flags('networkCreateXMLFlags', flags, libvirt.VIR_NETWORK_CREATE_VALIDATE,
                    domain=FROM)
        network = self._networks.add(self._parsed(xml, validate=bool(flags)), live=True)
        self._networks.start(network)
        self._publish(network, libvirt.VIR_NETWORK_EVENT_STARTED)
        return network

    @procedure
    def network_define_xml(self, xml: str) -> Network:
        """Define a network, or redefine one."""
        return self._define(xml, 0)

    @procedure
    def network_define_xml_flags(self, xml: str, flags: int) -> Network:
        """Define a network, or redefine one."""
        return self._define(xml, flags)

    def _define(self, xml: str, flags: int) -> Network:
        check_flags('networkDefineXMLFlags', flags, libvirt.VIR_NETWORK_DEFINE_VALIDATE,
                    domain=FROM)
        network = self._networks.add(self._parsed(xml, validate=bool(flags)), live=False)
        network.persistent = True
        self._publish(network, libvirt.VIR_NETWORK_EVENT_DEFINED)
        return network

    @procedure
    def network_undefine(self, handle: NetworkHandle) -> None:
        """Remove the persistent definition; an active network becomes transient."""
        network = self.network(handle)
        if not network.persistent:
            raise invalid("can't undefine transient network", domain=FROM)
        self._publish(network, libvirt.VIR_NETWORK_EVENT_UNDEFINED)
        network.persistent = network.autostart = False
        network.next_definition = None
        if not network.active:
            self._networks.remove(network)

    @procedure
    def network_create(self, handle: NetworkHandle) -> None:
        """Start a network."""
        network = self.network(handle)
        self._networks.start(network)
        self._publish(network, libvirt.VIR_NETWORK_EVENT_STARTED)

    @procedure
    def network_destroy(self, handle: NetworkHandle) -> None:
        """Stop a network."""
        network = self.network(handle)
        network.check_active()
        self._publish(network, libvirt.VIR_NETWORK_EVENT_STOPPED)
        self._networks.stop(network)

    @procedure
    def network_update(self, handle: NetworkHandle, command: int, section: int, parent: int,
                       xml: str, flags: int) -> None:
        """Change one section of an active network, of its persistent definition, or of both."""
        check_flags('networkUpdate', flags, _LIVE | _CONFIG, domain=FROM)
        network = self.network(handle)
        if not flags & (_LIVE | _CONFIG):
            flags |= _LIVE if network.active else _CONFIG
        if flags & _LIVE and not network.active:
            raise invalid('network is not running', domain=FROM)
        if flags & _CONFIG and not network.persistent:
            raise invalid('cannot change persistent config of a transient network', domain=FROM)
        live = config = None
        if flags & _LIVE:
            live = self._updated(network.definition, command, section, parent, xml)
        if flags & _CONFIG:
            config = self._updated(network.persistent_definition(), command, section, parent, xml)
        if config is not None and network.active:
            network.next_definition = config
        elif config is not None:
            network.definition = config
        if live is not None:
            network.definition = live

    def _updated(self, old: network_xml.NetworkDefinition, command: int, section: int, parent: int,
                 xml: str) -> network_xml.NetworkDefinition:
        changed = sections.update(old, command, section, parent, xml)
        # libvirt parses the result, to be sure that nothing is wrong with it.
        return network_xml.parse(changed.xml(), old.uuid, self.hypervisor.release)

    @procedure
    def network_get_xml_desc(self, handle: NetworkHandle, flags: int) -> str:
        """Return a network's XML."""
        inactive = libvirt.VIR_NETWORK_XML_INACTIVE
        check_flags('networkGetXMLDesc', flags, inactive, domain=FROM)
        network = self.network(handle)
        if flags & inactive:
            return network.persistent_definition().xml()
        return network.definition.xml(len(self.connection.network_ports.of(network)))

    @procedure
    def network_is_active(self, handle: NetworkHandle) -> int:
        """Return whether a network is active."""
        return int(self.network(handle).active)

    @procedure
    def network_is_persistent(self, handle: NetworkHandle) -> int:
        """Return whether a network has a persistent definition."""
        return int(self.network(handle).persistent)

    @procedure
    def network_get_autostart(self, handle: NetworkHandle) -> int:
        """Return whether a network starts with the host."""
        return int(self.network(handle).autostart)

    @procedure
    def network_set_autostart(self, handle: NetworkHandle, autostart: int) -> None:
        """Set whether a network starts with the host."""
        network = self.network(handle)
        if not network.persistent:
            raise invalid('cannot set autostart for transient network', domain=FROM)
        network.autostart = bool(autostart)

    @procedure
    def network_get_bridge_name(self, handle: NetworkHandle) -> str:
        """Return the name of a network's bridge."""
        network = self.network(handle)
        bridge = network.definition.bridge
        if bridge is None:
            raise internal(f"network '{network.name}' does not have a bridge name.", domain=FROM)
        return bridge

    @procedure
    def network_get_dhcp_leases(self, handle: NetworkHandle, mac: str | None, need_results: int,
                                flags: int) -> list[leases.Row]:
        """Return the leases of a network or of one MAC address."""
        check_flags('networkGetDHCPLeases', flags, 0, domain=FROM)
        wanted = records.mac(mac)
        if mac is not None and wanted is None:
            raise LibvirtError(libvirt.VIR_ERR_INVALID_MAC, mac, domain=FROM)
        network = self.network(handle)
        now = self.hypervisor.clock.now()
        return [leases.row(network.definition.bridge or '', lease, now)
                for lease in network.leases.current(now)
                if mac is None or lease.mac == wanted]
