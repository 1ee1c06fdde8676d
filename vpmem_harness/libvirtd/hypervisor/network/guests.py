"""The interfaces of running guests on the host's networks.

Source: libvirt 9.0.0, src/qemu/qemu_process.c (qemuProcessNetworkPrepareDevices),
src/qemu/qemu_driver.c (qemuGetDHCPInterfaces).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libvirt

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
