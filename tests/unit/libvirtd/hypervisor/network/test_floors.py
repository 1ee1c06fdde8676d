"""Interfaces with guaranteed bandwidth need networks that have it."""

from __future__ import annotations

import libvirt

from tests.unit.libvirtd.hypervisor import hosts
from tests.unit.libvirtd.hypervisor.network.test_networks import GUEST, NETWORK, NetworkCase
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.randomness import Randomness

LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE


class TestFloors(NetworkCase):

    def network(self, name, bandwidth=''):
        """Start a network whose bridge has that name too."""
        self.client.network_create_xml(NETWORK.format(
            name=name, more=f"<bridge name='{name}'/>{bandwidth}"))

    def guest_with_floor(self, network, floor, name='guest', mac=hosts.MAC):
        """Start a guest with a floor in KiB a second."""
        xml = GUEST.format(mac=mac, network=network).replace('>guest<', f'>{name}<').replace(
            '</interface>', f"<bandwidth><inbound average='10' floor='{floor}'/></bandwidth>"
            '</interface>')
        return self.client.domain_create_xml(xml, 0)

    def test_without_a_limit(self):
        """A network without an inbound limit guarantees nothing."""
        self.network('plain')
        self.assert_refused(
            "Operation not supported: Invalid use of 'floor' on interface with MAC address "
            f"{hosts.MAC} - network 'plain' has no inbound QoS set",
            self.guest_with_floor, 'plain', 20)

    def test_the_sum(self):
        """The floors of all guests fit into the network's peak, or its average without one."""
        for name, more, text in (('one', '', 'average=50'), ('two', "peak='70'", 'peak=70')):
            self.network(name, f"<bandwidth><inbound average='50' {more}/></bandwidth>")
            self.guest_with_floor(name, 40, name=f'{name}-first')
            other = Randomness(4).derive(name).mac()
            self.assert_refused(
                f"Requested operation is not valid: Cannot plug '{other}' interface into '{name}' "
                f"because new combined inbound floor=80 would overcommit {text} on network "
                f"'{name}'",
                self.guest_with_floor, name, 40, f'{name}-second', other)

    def test_a_changed_floor(self):
        """A new floor of a running guest is counted in place of the old one."""
        self.network('one', "<bandwidth><inbound average='50'/></bandwidth>")
        domain = self.guest_with_floor('one', 40)

        def change(floor):
            self.client.domain_set_interface_parameters(
                domain, hosts.MAC, [TypedParameter.uint('inbound.floor', floor)], LIVE)
        change(50)
        self.assert_refused(
            f"Requested operation is not valid: Cannot plug '{hosts.MAC}' interface into 'one' "
            "because new combined inbound floor=51 would overcommit average=50 on network 'one'",
            change, 51)
