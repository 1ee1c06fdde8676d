"""DHCP leases of the guests on a network.

A guest asks for an address when it gets an interface on an active network with DHCP, and renews its
lease as long as it has the interface. Source: dnsmasq 2.90 (lease times); libvirt 9.0.0,
src/network/bridge_driver.c (networkGetDHCPLeases).
"""

from __future__ import annotations

import heapq
import ipaddress
from dataclasses import dataclass

import libvirt

from vpmem_harness.libvirtd.xml.etree import Element, every
from vpmem_harness.libvirtd.xml.network import addresses, records
from vpmem_harness.libvirtd.xml.network.definition import NetworkDefinition
from vpmem_harness.libvirtd.xml.network.forward import VIRTUAL

#: Seconds of a lease unless the network says otherwise.
_DEFAULT = 3600
_SECONDS = {'seconds': 1, 'minutes': 60, 'hours': 3600}


@dataclass
class Lease:
    """The lease of one MAC address.

    :ivar began: when it was granted, in seconds since the epoch.
    :ivar seconds: how long it lasts without a renewal; 0 for ever.
    :ivar ended: when the guest stopped renewing it, or None.
    """

    mac: str
    address: addresses.Address
    prefix: int
    hostname: str | None
    began: float
    seconds: int
    ended: float | None = None

    def expiry(self, now: float) -> int:
        """Return when the lease expires; clients renew it after half of its time."""
        if not self.seconds:
            return 0
        last = now if self.ended is None else min(self.ended, now)
        half = self.seconds / 2
        return int(self.began + max(0, (last - self.began) // half) * half + self.seconds)


class Leases:
    """The leases of a network, by MAC address."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        #: The addresses of the leases, as numbers.
        self._taken: set[int] = set()
        #: A heap of the leases that guests stopped renewing: expiry and MAC address.
        self._ended: list[tuple[int, str]] = []

    def current(self, now: float) -> list[Lease]:
        """Return the leases that have not expired."""
        self._expire(now)
        return list(self._leases.values())

    def of(self, mac: str, now: float) -> Lease | None:
        """Return the lease of a MAC address unless it has expired."""
        self._expire(now)
        return self._leases.get(mac)

    def grant(self, definition: NetworkDefinition, mac: str, now: float) -> None:
        """Grant or renew the lease of a guest's interface, if the network has DHCP."""
        known = self.of(mac, now)
        if known is not None:
            known.ended = None
            return
        if definition.mode not in VIRTUAL:
            return
        for ip in definition.ips(4):
            lease = self._offer(ip, mac, now)
            if lease is not None:
                self._leases[mac] = lease
                self._taken.add(int(lease.address))
                return

    def _offer(self, ip: Element, mac: str, now: float) -> Lease | None:
        reserved = [addresses.parse(ip.get('address'))]
        for host in every(ip, 'dhcp/host'):
            address = addresses.parse(host.get('ip'))
            if records.mac(host.get('mac')) == mac and address is not None:
                return Lease(mac, address, addresses.prefix(ip), host.get('name'), now,
                             _seconds(host))
            reserved.append(address)
        kept = {int(address) for address in reserved if address is not None}
        for found in every(ip, 'dhcp/range'):
            start, end = addresses.parse(found.get('start')), addresses.parse(found.get('end'))
            if start is None or end is None:
                continue
            for number in range(int(start), int(end) + 1):
                if number not in self._taken and number not in kept:
                    return Lease(mac, ipaddress.ip_address(number), addresses.prefix(ip), None,
                                 now, _seconds(found))
        return None

    def release(self, mac: str, now: float) -> None:
        """Note that the interface is gone, so that its lease is not renewed."""
        lease = self._leases.get(mac)
        if lease is not None:
            lease.ended = now
            if lease.seconds:
                heapq.heappush(self._ended, (lease.expiry(now), mac))

    def _expire(self, now: float) -> None:
        """Remove the leases that have expired."""
        while self._ended and self._ended[0][0] < now:
            _, mac = heapq.heappop(self._ended)
            lease = self._leases.get(mac)
            # The guest may have renewed the lease since.
            if lease is not None and lease.ended is not None and lease.expiry(now) < now:
                del self._leases[mac]
                self._taken.discard(int(lease.address))


def _seconds(element: Element) -> int:
    lease = element.find('lease')
    if lease is None:
        return _DEFAULT
    return int(lease.get('expiry') or '0') * _SECONDS[lease.get('unit', 'minutes')]


#: A lease in libvirt's form: bridge, expiry, type, MAC, IAID, address, prefix, host, client ID.
Row = tuple[str, int, int, str | None, str | None, str, int, str | None, str | None]


def row(bridge: str, lease: Lease, now: float) -> Row:
    """Return a lease in libvirt's form."""
    return (bridge, lease.expiry(now), int(libvirt.VIR_IP_ADDR_TYPE_IPV4), lease.mac, None,
            str(lease.address), lease.prefix, lease.hostname, f'01:{lease.mac}')
