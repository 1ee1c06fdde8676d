"""Mechanism driver of Neutron's ML2 plug-in: binds ports on simulated hosts without an agent.

On a real host, an agent creates the device of a port and reports it. A simulated host has no
network, so that an agent would have nothing to do. The driver binds ports with the VIF type
``vhostuser``, which is the only type for which os-vif's plug-in ``noop`` changes nothing on the
machine of the nova-compute: the guest's interface is a socket in the domain's XML.
"""

from __future__ import annotations

from typing import Any

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

#: The directory of the sockets in the XML of domains. Nobody creates them.
SOCKETS = '/var/run/vhostuser'


class MechanismDriver(api.MechanismDriver):  # type: ignore[misc]
    """Binds each port with the VNIC type ``normal`` on the host that Nova names.

    The port becomes ACTIVE at once, because no agent reports it later. Set
    ``live_migration_wait_for_vif_plug = false`` in the group ``compute`` of nova.conf: at the
    end of a live migration there is no event to wait for.
    """

    def initialize(self) -> None:
        """Do nothing: the driver has neither options nor connections."""

    @property
    def connectivity(self) -> str:
        """The kind of connectivity, as the API shows it."""
        return str(portbindings.CONNECTIVITY_L2)

    def bind_port(self, context: Any) -> None:
        """Bind a port to the first segment of its network."""
        port = context.current
        if port[portbindings.VNIC_TYPE] != portbindings.VNIC_NORMAL:
            return
        for segment in context.segments_to_bind:
            context.set_binding(
                segment[api.ID], portbindings.VIF_TYPE_VHOST_USER,
                {portbindings.CAP_PORT_FILTER: False,
                 portbindings.VHOST_USER_MODE: portbindings.VHOST_USER_MODE_SERVER,
                 portbindings.VHOST_USER_SOCKET: f'{SOCKETS}/vhu{port["id"][:11]}'},
                status=constants.PORT_STATUS_ACTIVE)
            return
