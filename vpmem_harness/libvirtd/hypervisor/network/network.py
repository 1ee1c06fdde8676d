"""Virtual networks of a host, and the checks of their definitions.

Source: libvirt 9.0.0, src/network/bridge_driver.c, src/conf/virnetworkobj.c.
"""

from __future__ import annotations

import itertools
import uuid as uuids
from collections.abc import Iterator

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid, unsupported, xml_detail
from vpmem_harness.libvirtd.hypervisor.network.leases import Leases
from vpmem_harness.libvirtd.xml.etree import Element, add, element, every, first
from vpmem_harness.libvirtd.xml.network import definition as network_xml
from vpmem_harness.libvirtd.xml.network.definition import NetworkDefinition
from vpmem_harness.libvirtd.xml.network.forward import VIRTUAL
from vpmem_harness.libvirtd.xml.network.records import FROM

#: The highest number of a bridge that libvirt names.
_BRIDGE_MAX = 256


class Network:
    """A virtual network.

    :ivar definition: the current definition.
    :ivar next_definition: the persistent definition, if it differs from the current one.
    """

    def __init__(self, definition: NetworkDefinition) -> None:
        self.definition = definition
        self.next_definition: NetworkDefinition | None = None
        self.persistent = False
        self.autostart = False
        self.active = False
        self.leases = Leases()

    @property
    def name(self) -> str:
        """The network's name."""
        return self.definition.name

    @property
    def uuid(self) -> bytes:
        """The network's UUID."""
        return uuids.UUID(self.definition.uuid).bytes

    def __repr__(self) -> str:
        return f'<Network {self.name}>'

    def check_active(self) -> None:
        """Refuse an operation that needs an active network."""
        if not self.active:
            raise invalid(f"network '{self.name}' is not active", domain=FROM)

    def persistent_definition(self) -> NetworkDefinition:
        """Return the definition of the next start."""
        return self.next_definition or self.definition


class NetworkList:
    """The networks of a host."""

    def __init__(self) -> None:
        self._networks: dict[bytes, Network] = {}

    def __iter__(self) -> Iterator[Network]:
        return iter(list(self._networks.values()))

    def by_uuid(self, uuid: bytes, more: str = '') -> Network:
        """Return the network with that UUID; ``more`` is appended to the error.

        :raises LibvirtError: VIR_ERR_NO_NETWORK.
        """
        found = self._networks.get(uuid)
        if found is None:
            raise LibvirtError(
                libvirt.VIR_ERR_NO_NETWORK,
                f"no network with matching uuid '{uuids.UUID(bytes=uuid)}'{more}", domain=FROM)
        return found

    def by_name(self, name: str) -> Network:
        """Return the network with that name.

        :raises LibvirtError: VIR_ERR_NO_NETWORK.
        """
        for network in self._networks.values():
            if network.name == name:
                return network
        raise LibvirtError(libvirt.VIR_ERR_NO_NETWORK,
                           f"no network with matching name '{name}'", domain=FROM)

    def address(self, name: str) -> str | None:
        """Return the host's address on a network; None if it has none.

        :raises LibvirtError: VIR_ERR_NO_NETWORK.
        """
        ip = self.by_name(name).definition.root.find('ip')
        return None if ip is None else ip.get('address')

    def add(self, definition: NetworkDefinition, *, live: bool) -> Network:
        """Add a network, or give an existing one a new definition.

        :param live: whether the network is about to start; then it must not be active.
        :raises LibvirtError: another network has the name or the UUID.
        """
        found = self._networks.get(uuids.UUID(definition.uuid).bytes)
        if found is not None and found.name != definition.name:
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_FAILED,
                f"network '{found.name}' is already defined with uuid {definition.uuid}",
                domain=FROM)
        if found is not None and live and found.active:
            raise invalid(f"network is already active as '{found.name}'", domain=FROM)
        if found is None:
            for other in self._networks.values():
                if other.name == definition.name:
                    raise LibvirtError(
                        libvirt.VIR_ERR_OPERATION_FAILED,
                        f"network '{other.name}' already exists with uuid "
                        f'{other.definition.uuid}', domain=FROM)
            found = Network(definition)
            self._networks[found.uuid] = found
        elif found.active:
            found.next_definition = definition
        else:
            if live and found.persistent and found.next_definition is None:
                found.next_definition = found.definition
            found.definition = definition
        return found

    def remove(self, network: Network) -> None:
        """Remove a network."""
        self._networks.pop(network.uuid, None)

    def start(self, network: Network) -> None:
        """Start a network; no bridge is made.

        :raises LibvirtError: it is active already.
        """
        if network.active:
            raise invalid('network is already active', domain=FROM)
        if network.persistent and network.next_definition is None:
            network.next_definition = network.definition
        network.definition = network_xml.started(network.definition)
        network.active = True

    def stop(self, network: Network) -> None:
        """Stop a network; a transient one is gone then."""
        network.active = False
        if network.next_definition is not None:
            network.definition, network.next_definition = network.next_definition, None
        if not network.persistent:
            self.remove(network)

    def machine_started(self) -> None:
        """Start what starts with the machine; transient networks are gone."""
        for network in self:
            if network.active:
                self.stop(network)
            if network.persistent and network.autostart:
                self.start(network)

    def validate(self, definition: NetworkDefinition, mac: str) -> None:
        """Check a definition against its mode and the other networks, and name its bridge.

        :param mac: the MAC address for a bridge without one.
        """
        name, mode, root = definition.name, definition.mode, definition.root
        if '\n' in name:
            raise xml_detail('invalid char in name: \n', domain=libvirt.VIR_FROM_XML)
        if mode in VIRTUAL:
            network_xml.set_bridge(definition, self._bridge(definition), mac)
        else:
            dns = any(every(root, f'dns/{tag}') for tag in ('txt', 'host', 'srv'))
            for tag in ('mac', 'ip', 'dns', 'domain'):
                if root.find(tag) is not None and (tag != 'dns' or dns):
                    raise unsupported(f'Unsupported <{tag}> element in network {name} with forward '
                                      f"mode='{mode}'", domain=FROM)
        bandwidth = mode in VIRTUAL or (mode == 'bridge' and definition.bridge is not None)
        if root.find('bandwidth') is not None and not bandwidth:
            raise unsupported(f'Unsupported network-wide <bandwidth> element in network {name} '
                              f"with forward mode='{mode}'", domain=FROM)
        _check_devices(root, name, mode)
        for version in (4, 6):
            served = [ip for ip in definition.ips(version) if ip.find('dhcp') is not None]
            if len(served) > 1:
                raise unsupported(
                    f'Multiple IPv{version} dhcp sections found -- dhcp is supported only for a '
                    f'single IPv{version} address on each network', domain=FROM)
        _check_port_groups(root, name, mode, bandwidth=bandwidth)

    def _bridge(self, definition: NetworkDefinition) -> str:
        """Return the name of a virtual network's bridge, which no other network has."""
        used = {bridge for network in self._networks.values() if network.name != definition.name
                for each in (network.definition, network.next_definition)
                if each is not None and (bridge := each.bridge) is not None}
        given = definition.bridge
        if given is not None and '%d' not in given:
            if given in used:
                raise internal(f"bridge name '{given}' already in use.", domain=FROM)
            return given
        template = given if given is not None and given.count('%') == 1 else 'virbr%d'
        for number in itertools.count():
            name = template.replace('%d', str(number))
            if name not in used:
                return name
            if number > _BRIDGE_MAX:
                break
        raise internal(f'Bridge generation exceeded max id {_BRIDGE_MAX}', domain=FROM)


def _check_devices(root: Element, name: str, mode: str) -> None:
    interfaces = every(root, 'forward/interface')
    addresses, functions = every(root, 'forward/address'), every(root, 'forward/pf')
    if mode == 'hostdev' and interfaces:
        raise unsupported(
            f"hostdev network '{name}' lists '{interfaces[0].get('dev')}' in the device pool, but "
            'hostdev networks require all devices to be listed by PCI address, not network device '
            'name', domain=FROM)
    if mode != 'hostdev' and addresses:
        old, new = (unsupported(
            f"network '{name}' has forward mode '{mode}'{space} but lists a device by PCI address "
            "in the device pool. This is only supported for networks with forward mode 'hostdev'",
            domain=FROM) for space in (' ', ''))
        raise old.renewed('opens_networks', new)
    if sum(map(bool, (interfaces, addresses, functions))) > 1:
        raise unsupported(f'<address>, <interface>, and <pf> elements of <forward> in network '
                          f'{name} are mutually exclusive', domain=FROM)


def _check_port_groups(root: Element, name: str, mode: str, *, bandwidth: bool) -> None:
    groups = root.findall('portgroup')
    default = None
    openvswitch = root.find("virtualport[@type='openvswitch']") is not None
    tags = mode in ('hostdev', 'passthrough') or (mode == 'bridge' and openvswitch)
    tagged = root.find('vlan') is not None
    bad = False
    for number, group in enumerate(groups):
        if tagged or group.find('vlan') is not None:
            own = group.find('virtualport')
            bad = bad or (not tags if own is None
                          else mode != 'bridge' or own.get('type') != 'openvswitch')
        if group.get('default') == 'yes':
            if default is not None:
                raise unsupported(
                    f"network '{name}' has multiple default <portgroup> elements "
                    f"({default.get('name')} and {group.get('name')}), but only one default is "
                    'allowed', domain=FROM)
            default = group
        if any(group.get('name') == other.get('name') for other in groups[number + 1:]):
            raise unsupported('multiple <portgroup> elements with the same name '
                              f"({group.get('name')}) in network '{name}'", domain=FROM)
        if group.find('bandwidth') is not None and not bandwidth:
            raise unsupported(
                f"Unsupported <bandwidth> element in network '{name}' in portgroup "
                f"'{group.get('name')}' with forward mode='{mode}'", domain=FROM)
    if bad or (tagged and not tags and default is None):
        raise unsupported(f"<vlan> element specified for network {name}, whose type doesn't "
                          'support vlan configuration', domain=FROM)


def default_network(uuid: str, mac: str) -> NetworkDefinition:
    """Return libvirt's network ``default``, with addresses of the range for documentation.

    Source: libvirt 9.0.0, src/network/default.xml.in, which has a private range; RFC 5737.
    """
    root = element('network')
    add(root, 'name', 'default')
    add(root, 'uuid', uuid)
    add(root, 'forward', mode='nat')
    add(root, 'bridge', name='virbr0', stp='on', delay=0)
    add(root, 'mac', address=mac)
    ip = add(root, 'ip', address='192.0.2.1', netmask='255.255.255.0')
    add(add(ip, 'dhcp'), 'range', start='192.0.2.2', end='192.0.2.254')
    return NetworkDefinition(root)


def device_of(definition: NetworkDefinition) -> str | None:
    """Return the host's device of a network without a bridge, for direct interfaces."""
    found = first(definition.root, 'forward/interface')
    return None if found is None else found.get('dev')
