"""The interfaces of running guests on the host's networks.

Source: libvirt 9.0.0, src/qemu/qemu_process.c (qemuProcessNetworkPrepareDevices),
src/qemu/qemu_driver.c (qemuGetDHCPInterfaces), src/network/bridge_driver.c
(networkCheckBandwidth).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.network.network import Network, NetworkList, device_of
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.network import records

#: The addresses of one interface: type, address and prefix of each.
Addresses = list[tuple[int, str, int]]


def connect(networks: NetworkList, interface: Element) -> None:
    """Connect an interface that starts to its network: name the network's bridge or device.

    :raises LibvirtError: the network does not exist or is not active.
    """
    source = interface.find('source')
    if interface.get('type') != 'network' or source is None:
        return
    network = networks.by_name(source.get('network', ''))
    network.check_active()
    bridge, device = network.definition.bridge, device_of(network.definition)
    if bridge is not None:
        source.set('bridge', bridge)
    elif device is not None:
        mode = network.definition.mode
        source.set('dev', device)
        source.set('mode', mode)


def check_floors(networks: NetworkList, interfaces: Iterable[Element],
                 present: Iterable[Element]) -> None:
    """Refuse interfaces whose networks cannot guarantee the inbound bandwidth that they ask for.

    :param present: the interfaces of running guests; not read unless an interface asks.
    :raises LibvirtError: a network has no inbound limit, or too low a one, or does not exist.
    """
    asking = [(interface, floor, name) for interface in interfaces
              if (floor := _floor(interface)) and (name := _network(interface)) is not None]
    others = list(present) if asking else []
    for interface, floor, name in asking:
        network = networks.by_name(name)
        limit = network.definition.root.find('bandwidth/inbound')
        if limit is None or not limit.get('average'):
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                f"Invalid use of 'floor' on interface with MAC address {_mac(interface)} - network "
                f"'{network.name}' has no inbound QoS set", domain=libvirt.VIR_FROM_NETWORK)
        total = floor + sum(
            _floor(other) for other in others if _network(other) == network.name)
        bound = 'peak' if limit.get('peak') else 'average'
        most = int(limit.get(bound, '0'))
        if total > most:
            raise invalid(
                f"Cannot plug '{_mac(interface)}' interface into '{network.definition.bridge}' "
                f"because new combined inbound floor={total} would overcommit {bound}={most} on "
                f"network '{network.name}'", domain=libvirt.VIR_FROM_NETWORK)
        others.append(interface)


def _floor(interface: Element) -> int:
    """Return the bandwidth in KiB a second that an interface is guaranteed."""
    inbound = interface.find('bandwidth/inbound')
    return 0 if inbound is None else int(inbound.get('floor') or 0)


def _network(interface: Element) -> str | None:
    source = interface.find('source')
    return None if source is None else source.get('network')


def plugged(networks: NetworkList, interfaces: Iterable[Element], now: float) -> None:
    """Grant leases to the guests of interfaces."""
    for network, mac in _served(networks, interfaces):
        network.leases.grant(network.definition, mac, now)


def unplugged(networks: NetworkList, interfaces: Iterable[Element], now: float) -> None:
    """Note that interfaces are gone."""
    for network, mac in _served(networks, interfaces):
        network.leases.release(mac, now)


def _served(networks: NetworkList,
            interfaces: Iterable[Element]) -> Iterator[tuple[Network, str]]:
    """Yield the active network and the MAC address of each interface on a network's bridge."""
    for interface in interfaces:
        source = interface.find('source')
        bridge = None if source is None else source.get('bridge')
        for network in networks if bridge else ():
            if network.active and network.definition.bridge == bridge:
                mac = _mac(interface)
                if mac:
                    yield network, mac


def _mac(interface: Element) -> str | None:
    found = interface.find('mac')
    return None if found is None else records.mac(found.get('address'))


def leased(networks: NetworkList, interfaces: Iterable[Element],
           now: float) -> list[tuple[str, str, Addresses]]:
    """Return name, MAC address and leased addresses of each interface that has any."""
    found = []
    for interface in interfaces:
        target = interface.find('target')
        if interface.get('type') != 'network':
            continue
        for network, mac in _served(networks, [interface]):
            lease = network.leases.of(mac, now)
            if lease is not None:
                name = '' if target is None else target.get('dev', '')
                found.append((name, mac, [(int(libvirt.VIR_IP_ADDR_TYPE_IPV4),
                                           str(lease.address), lease.prefix)]))
    return found
