"""The mechanism driver for Neutron, on a port context that records its bindings."""

from __future__ import annotations

import importlib.util

import testtools


class Context:
    """A port's context, as ML2 passes it to its drivers."""

    def __init__(self, vnic_type, *segments):
        self.current = {'id': 'the-port', 'binding:vnic_type': vnic_type}
        self.segments_to_bind = [{'id': segment} for segment in segments]
        self.bindings = []

    def set_binding(self, segment, vif_type, vif_details, status=None):
        self.bindings.append((segment, vif_type, vif_details, status))


class MechanismDriverTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        if importlib.util.find_spec('neutron_lib') is None:
            self.skipTest('neutron-lib is not installed: ./dev fleet test --smoke binds ports')
        from vpmem_harness.fleet.neutron_driver import MechanismDriver
        self.driver = MechanismDriver()

    def bound(self, *arguments):
        context = Context(*arguments)
        self.driver.bind_port(context)
        return context.bindings

    def test_a_port_is_active_on_its_first_segment(self):
        """A normal port is bound once, to the first segment, and is ACTIVE."""
        [(segment, vif_type, details, status)] = self.bound('normal', 'one', 'two')
        self.assertEqual(('one', 'vhostuser', 'ACTIVE'), (segment, vif_type, status))
        self.assertEqual('server', details['vhostuser_mode'])

    def test_other_ports_are_left_to_other_drivers(self):
        """A port for a PCI device is not bound."""
        self.assertEqual([], self.bound('direct', 'one'))

    def test_a_network_without_segments(self):
        """A port of a network without segments is not bound."""
        self.assertEqual([], self.bound('normal'))
