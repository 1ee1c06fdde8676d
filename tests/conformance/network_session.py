"""A session with virtual networks, step by step, for any privileged daemon.

UUIDs and MAC addresses that the daemon makes are replaced in outcomes. Addresses are those for
documentation (RFC 5737, RFC 3849).
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import libvirt

from tests.conformance.calls.world import Outcome, Session, World, with_texts
from vpmem_harness.randomness import Randomness

_V4, _V4_OTHER = '198.51.100.', '203.0.113.'
_V6 = '2001:db8::'
#: An address of one host, and one of a group.
MAC = Randomness(5).mac()
GROUP = f'53{MAC[2:]}'
_IP = f"<ip address='{_V4}1' netmask='255.255.255.0'>{{0}}</ip>"
_DHCP = f"<dhcp><range start='{_V4}2' end='{_V4}9'/>{{0}}</dhcp>"
_UPDATED = 'updated'


def _network(more: str, name: str = 'net', attributes: str = '') -> str:
    return f'<network{attributes}><name>{name}</name>{more}</network>'


def _served(more: str) -> str:
    return _network(_IP.format(_DHCP.format(more)))


def _direct(mode: str, more: str = '', inside: str = '') -> str:
    return _network(f"<forward mode='{mode}'>{inside}</forward>{more}")


#: Definitions that are completed or refused.
DEFINITIONS = {
    'nothing': '', 'root': '<domain/>', 'no name': '<network/>', 'slash': _network('', 'a/b'),
    'bad uuid': _network('<uuid>x</uuid>'), 'isolated': _network(''),
    'ipv6': _network('', attributes=" ipv6='yes'"),
    'bad ipv6': _network('', attributes=" ipv6='x'"),
    'filters': _network('', attributes=" trustGuestRxFilters='yes' connections='3'"),
    'bad filters': _network('', attributes=" trustGuestRxFilters='x'"),
    'nat without ip': _network("<forward/>"), 'open': _network("<forward mode='open'/>"),
    'bad mode': _network("<forward mode='x'/>"), 'no mode': _network("<forward mode='none'/>"),
    'nat': _network(f"<forward/>{_IP.format(_DHCP.format(''))}"),
    'nat ports': _network("<forward><nat ipv6='yes'><address start='192.0.2.1' end='192.0.2.9'/>"
                          f"<port start='5' end='9'/></nat></forward>{_IP.format('')}"),
    'nat empty': _network(f'<forward><nat/></forward>{_IP.format("")}'),
    'nat on route': _network(f"<forward mode='route'><nat/></forward>{_IP.format('')}"),
    'nat range': _network("<forward><nat><address start='192.0.2.9' end='192.0.2.1'/></nat>"
                          f'</forward>{_IP.format("")}'),
    'nat address': _network("<forward><nat><address start='x' end='192.0.2.1'/></nat></forward>"),
    'nat port': _network("<forward><nat><port start='9' end='1'/></nat></forward>"),
    'two nats': _network('<forward><nat/><nat/></forward>'),
    'device': _network(f"<forward dev='eth7'/>{_IP.format('')}"),
    'devices': _network("<forward dev='eth7'><interface dev='eth8'/></forward>"),
    'two devices': _network("<forward mode='nat'><interface dev='a'/><interface dev='b'/>"
                            f"</forward>{_IP.format('')}"),
    'same devices': _direct('bridge', inside="<interface dev='a'/><interface dev='a'/>"),
    'unnamed device': _direct('bridge', inside='<interface/>'),
    'bridge': _direct('bridge', "<bridge name='br7'/>"),
    'bridge with stp': _direct('bridge', "<bridge name='br7' stp='on'/>"),
    'bridge with device': _direct('bridge', "<bridge name='br7'/>", "<interface dev='a'/>"),
    'bridge with mac': _direct('bridge', f"<bridge name='br7'/><mac address='{MAC}'/>"),
    'bridge with ip': _direct('bridge', "<bridge name='br7'/>" + _IP.format('')),
    'bridge with domain': _direct('bridge', "<bridge name='br7'/><domain name='x'/>"),
    'bridge with mtu': _direct('bridge', "<bridge name='br7'/><mtu size='9000'/>"),
    'bridge with dns': _direct('bridge', "<bridge name='br7'/><dns><txt name='a' value='b'/>"
                               '</dns>'),
    'direct': _direct('private', inside="<interface dev='eth7'/><interface dev='eth8'/>"),
    'direct with bridge': _direct('vepa', "<bridge name='br7'/>"),
    'direct with bandwidth': _direct('vepa', "<bandwidth><inbound average='1'/></bandwidth>"),
    'function': _direct('hostdev', inside="<pf dev='eth7'/>"),
    'functions': _direct('hostdev', inside="<pf dev='eth7'/><pf dev='eth8'/>"),
    'hostdev with device': _direct('hostdev', inside="<interface dev='eth7'/>"),
    'addresses on a bridge': _direct('bridge', inside="<address type='pci' bus='1' slot='1' "
                                     "function='0'/>"),
    'bridge template': _network("<bridge name='br%d' delay='3' stp='off' macTableManager='libvirt'"
                                "/>"),
    'bad delay': _network("<bridge delay='x'/>"),
    'bad manager': _network("<bridge macTableManager='x'/>"),
    'mac': _network("<mac address='52:54:0:1:2:A'/>"),
    'bad mac': _network("<mac address='x'/>"),
    'group mac': _network("<mac address='53:54:0:1:2:A'/>"),
    'mtu': _network("<mtu size='9000'/>"), 'bad mtu': _network("<mtu size='x'/>"),
    'domain': _network("<domain name='example' localOnly='yes'/>"),
    'bad domain': _network("<domain name='example' localOnly='x'/>"),
    'metadata': _network("<metadata><a:x xmlns:a='urn:a'><a:y>z</a:y></a:x><b/></metadata>"),
    'isolated ports': _network("<port isolated='yes'/>"),
    'no address': _network('<ip/>'), 'bad address': _network("<ip address='x'/>"),
    'bad netmask': _network(f"<ip address='{_V4}1' netmask='x'/>"),
    'netmask and prefix': _network(f"<ip address='{_V4}1' netmask='255.255.255.0' prefix='24'/>"),
    'prefix': _network(f"<ip address='{_V4}1' prefix='24' localPtr='yes'/>"),
    'long prefix': _network(f"<ip address='{_V4}1' prefix='33'/>"),
    'natural prefix': _network(f"<ip address='{_V4}1'>{_DHCP.format('')}</ip>"),
    'family': _network(f"<ip family='x' address='{_V4}1'/>"),
    'wrong family': _network(f"<ip family='ipv6' address='{_V4}1'/>"),
    'no family': _network(f"<ip address='{_V6}1'/>"),
    'version 6': _network(f"<ip family='ipv6' address='2001:db8:0:0::1' prefix='64'><dhcp><range "
                          f"start='{_V6}2' end='{_V6}9'/><host id='0:1' name='h' ip='{_V6}5'/>"
                          '</dhcp></ip>'),
    'version 6 with mac': _network(f"<ip family='ipv6' address='{_V6}1' prefix='64'><dhcp><host "
                                   f"mac='{MAC}' ip='{_V6}5'/></dhcp></ip>"),
    'tftp': _network(_IP.format("<tftp root='/t'/><dhcp><range start='198.51.100.2' end="
                                "'198.51.100.9'/><bootp file='f' server='192.0.2.7'/></dhcp>")),
    'range reversed': _network(_IP.format(f"<dhcp><range start='{_V4}9' end='{_V4}2'/></dhcp>")),
    'range outside': _network(_IP.format(f"<dhcp><range start='{_V4}9' end='{_V4_OTHER}2'/>"
                                         '</dhcp>')),
    'range at the start': _network(_IP.format(f"<dhcp><range start='{_V4}0' end='{_V4}2'/>"
                                              '</dhcp>')),
    'range at the end': _network(_IP.format(f"<dhcp><range start='{_V4}3' end='{_V4}255'/>"
                                            '</dhcp>')),
    'range without end': _network(_IP.format(f"<dhcp><range start='{_V4}3'/></dhcp>")),
    'range of names': _network(_IP.format("<dhcp><range start='a' end='b'/></dhcp>")),
    'range with lease': _network(_IP.format(f"<dhcp><range start='{_V4}2' end='{_V4}3'><lease "
                                            "expiry='1' unit='hours'/></range></dhcp>")),
    'short lease': _network(_IP.format(f"<dhcp><range start='{_V4}2' end='{_V4}3'><lease "
                                       "expiry='60' unit='seconds'/></range></dhcp>")),
    'endless lease': _served(f"<host mac='{MAC}' ip='{_V4}5'>"
                             "<lease expiry='0'/></host>"),
    'host': _served(f"<host mac='{MAC}' name='a' ip='{_V4}5'/>"),
    'host without address': _served(f"<host mac='{MAC}'/>"),
    'host without name': _served(f"<host ip='{_V4}5'/>"),
    'host of a group': _served(f"<host mac='{GROUP}' ip='{_V4}5'/>"),
    'host with bad mac': _served(f"<host mac='x' ip='{_V4}5'/>"),
    'host with bad name': _served(f"<host name='-' ip='{_V4}5'/>"),
    'host with bad id': _served(f"<host id='x' name='a' ip='{_V4}5'/>"),
    'host with bad address': _served("<host name='a' ip='x'/>"),
    'two ranges': _network(_IP.format(_DHCP.format('')) + f"<ip address='{_V4_OTHER}1' prefix='24'>"
                           f"<dhcp><range start='{_V4_OTHER}2' end='{_V4_OTHER}3'/></dhcp></ip>"),
    'route': _network(_IP.format('') + f"<route address='{_V4_OTHER}0' prefix='24' "
                      f"gateway='{_V4}7'/>"),
    'unreachable route': _network(_IP.format('') + f"<route address='{_V4_OTHER}0' prefix='24' "
                                  "gateway='192.0.2.7'/>"),
    'dns': _network("<dns forwardPlainNames='no'><forwarder addr='192.0.2.7'/><forwarder "
                    "domain='x' addr='192.0.2.8'/><host ip='192.0.2.9'><hostname>b</hostname>"
                    "<hostname>a"
                    "</hostname></host><srv service='s' protocol='tcp' domain='d' target='t' "
                    "port='1' priority='2' weight='3'/><txt name='n' value='v'/></dns>"),
    'dns off': _network("<dns enable='no'/>"),
    'dns off with data': _network("<dns enable='no'><txt name='n' value='v'/></dns>"),
    'dns host': _network("<dns><host/></dns>"),
    'dns host without name': _network("<dns><host ip='192.0.2.9'/></dns>"),
    'dns host with bad address': _network("<dns><host ip='x'/></dns>"),
    'dns forwarder': _network('<dns><forwarder/></dns>'),
    'dns service': _network('<dns><srv/></dns>'),
    'dns service without protocol': _network("<dns><srv service='s'/></dns>"),
    'dns service with bad name': _network("<dns><srv service='s!' protocol='tcp'/></dns>"),
    'dns service without target': _network("<dns><srv service='s' protocol='tcp' port='1'/></dns>"),
    'dns service with bad port': _network("<dns><srv service='s' protocol='tcp' target='t' "
                                          "port='0'/></dns>"),
    'dns text': _network('<dns><txt/></dns>'),
    'dns text without value': _network("<dns><txt name='n'/></dns>"),
    'dns text with comma': _network("<dns><txt name='n,' value='v'/></dns>"),
    'port groups': _network("<portgroup name='a' default='yes'><bandwidth><inbound average='1' "
                            "peak='2' burst='3'/></bandwidth></portgroup><portgroup name='b'/>"),
    'port groups of one name': _network("<portgroup name='a'/><portgroup name='a'/>"),
    'two default port groups': _network("<portgroup name='a' default='yes'/><portgroup name='b' "
                                        "default='yes'/>"),
    'unnamed port group': _network('<portgroup/>'),
    'vlan': _network("<vlan><tag id='5'/></vlan>"),
    'bandwidth': _network("<bandwidth><inbound average='1' floor='2'/><outbound average='3'/>"
                          '</bandwidth>'),
}

_SECTIONS = {name.removeprefix('VIR_NETWORK_SECTION_').lower(): value
             for name, value in vars(libvirt).items() if name.startswith('VIR_NETWORK_SECTION_')
             and name != 'VIR_NETWORK_SECTION_LAST'}
_MODIFY, _DELETE, _LAST, _FIRST = range(1, 5)

#: Updates in order: a name, the command, the section, its XML, and perhaps the index of ``<ip>``.
UPDATES: list[tuple[Any, ...]] = [
    *((f'section {name}', _LAST, name, '<x/>') for name in _SECTIONS),
    ('unknown section', _LAST, 77, '<x/>'),
    ('no XML', _LAST, 'ip_dhcp_host', '<x'),
    ('host', _LAST, 'ip_dhcp_host', f"<host mac='{MAC}' name='a' ip='{_V4}3'/>"),
    ('host again', _LAST, 'ip_dhcp_host', f"<host mac='{MAC}' ip='{_V4}4'/>"),
    ('host first', _FIRST, 'ip_dhcp_host', f"<host name='b' ip='{_V4}4'/>"),
    ('host modified', _MODIFY, 'ip_dhcp_host', f"<host name='b' ip='{_V4}5'/>"),
    ('no host modified', _MODIFY, 'ip_dhcp_host', f"<host name='c' ip='{_V4}6'/>"),
    ('host of no ip', _LAST, 'ip_dhcp_host', f"<host name='c' ip='{_V4}6'/>", 7),
    ('host of another family', _LAST, 'ip_dhcp_host', f"<host name='c' ip='{_V6}6'/>"),
    ('nothing of a host', _DELETE, 'ip_dhcp_host', '<host/>'),
    ('host deleted', _DELETE, 'ip_dhcp_host', "<host name='b'/>"),
    ('host deleted again', _DELETE, 'ip_dhcp_host', "<host name='b'/>"),
    ('bad command', 9, 'ip_dhcp_host', f"<host name='c' ip='{_V4}6'/>"),
    ('range', _LAST, 'ip_dhcp_range', f"<range start='{_V4}20' end='{_V4}29'/>"),
    ('range again', _LAST, 'ip_dhcp_range', f"<range start='{_V4}20' end='{_V4}29'/>"),
    ('range modified', _MODIFY, 'ip_dhcp_range', f"<range start='{_V4}20' end='{_V4}29'/>"),
    ('range outside', _LAST, 'ip_dhcp_range', f"<range start='{_V4_OTHER}2' end='{_V4_OTHER}3'/>"),
    ('range deleted', _DELETE, 'ip_dhcp_range', f"<range start='{_V4}20' end='{_V4}29'/>"),
    ('range deleted again', _DELETE, 'ip_dhcp_range', f"<range start='{_V4}20' end='{_V4}29'/>"),
    ('group', _LAST, 'portgroup', "<portgroup name='g' default='yes'/>"),
    ('group again', _LAST, 'portgroup', "<portgroup name='g'/>"),
    ('group first', _FIRST, 'portgroup', "<portgroup name='f'><bandwidth><inbound average='1'/>"
     '</bandwidth></portgroup>'),
    ('second default', _LAST, 'portgroup', "<portgroup name='h' default='yes'/>"),
    ('group modified', _MODIFY, 'portgroup', "<portgroup name='g'/>"),
    ('no group modified', _MODIFY, 'portgroup', "<portgroup name='z'/>"),
    ('group deleted', _DELETE, 'portgroup', "<portgroup name='g'/>"),
    ('record', _LAST, 'dns_host', "<host ip='192.0.2.9'><hostname>a</hostname></host>"),
    ('record again', _LAST, 'dns_host', "<host ip='192.0.2.9'><hostname>b</hostname></host>"),
    ('record of the same name', _LAST, 'dns_host', "<host ip='192.0.2.8'><hostname>a</hostname>"
     '</host>'),
    ('record modified', _MODIFY, 'dns_host', "<host ip='192.0.2.9'/>"),
    ('records deleted', _DELETE, 'dns_host', '<host><hostname>a</hostname></host>'),
    ('record deleted', _DELETE, 'dns_host', "<host ip='192.0.2.9'/>"),
    ('record deleted again', _DELETE, 'dns_host', "<host ip='192.0.2.9'/>"),
    ('text', _LAST, 'dns_txt', "<txt name='n' value='v'/>"),
    ('text again', _LAST, 'dns_txt', "<txt name='n' value='w'/>"),
    ('text deleted', _DELETE, 'dns_txt', "<txt name='n'/>"),
    ('text deleted again', _DELETE, 'dns_txt', "<txt name='n'/>"),
    ('service', _LAST, 'dns_srv', "<srv service='s' protocol='tcp' domain='d' target='t'/>"),
    ('service again', _LAST, 'dns_srv', "<srv service='s' protocol='tcp'/>"),
    ('another service', _FIRST, 'dns_srv', "<srv service='s' protocol='udp'/>"),
    ('services deleted', _DELETE, 'dns_srv', "<srv service='s'/>"),
    ('service deleted', _DELETE, 'dns_srv', "<srv protocol='udp'/>"),
    ('service deleted again', _DELETE, 'dns_srv', "<srv protocol='udp'/>"),
    ('interface', _LAST, 'forward_interface', "<interface dev='eth7'/>"),
    ('interface again', _LAST, 'forward_interface', "<interface dev='eth7'/>"),
    ('interface modified', _MODIFY, 'forward_interface', "<interface dev='eth7'/>"),
    ('interface unnamed', _DELETE, 'forward_interface', '<interface/>'),
    ('interface deleted', _DELETE, 'forward_interface', "<interface dev='eth7'/>"),
    ('interface deleted again', _DELETE, 'forward_interface', "<interface dev='eth7'/>"),
]


class _Session(Session):

    def definitions(self) -> None:
        connection, step = self.connection, self.step
        for name, xml in DEFINITIONS.items():
            network = step(f'define: {name}', connection.networkDefineXML, xml)
            if network is not None:
                step(f'XML: {name}', network.XMLDesc)
                network.undefine()

    def life(self) -> None:
        connection, step = self.connection, self.step
        xml = _network(f"<forward/>{_IP.format(_DHCP.format(''))}", _UPDATED)
        network = step('define', connection.networkDefineXML, xml)
        for call in ('isActive', 'isPersistent', 'autostart', 'bridgeName', 'destroy',
                     'DHCPLeases'):
            step(f'inactive: {call}', getattr(network, call))
        step('inactive: list', lambda: [each.name() for each in connection.listAllNetworks(
            libvirt.VIR_CONNECT_LIST_NETWORKS_INACTIVE)])
        step('inactive: ports', network.listAllPorts)
        step('update a network that is off', network.update, _LAST, 4, -1, '<host/>', 1)
        step('autostart', network.setAutostart, 1)
        step('is autostart', network.autostart)
        step('start', network.create)
        step('start again', network.create)
        step('live XML', network.XMLDesc)
        step('inactive XML', network.XMLDesc, libvirt.VIR_NETWORK_XML_INACTIVE)
        step('bad flags of XML', network.XMLDesc, 8)
        step('ports', network.listAllPorts)
        step('no port', network.portLookupByUUIDString, self.world.uuid('port'))
        step('leases', network.DHCPLeases)
        step('leases of a bad MAC', network.DHCPLeases, 'x')
        step('bad flags of leases', network.DHCPLeases, None, 1)
        for name, command, section, text, *parent in UPDATES:
            number = _SECTIONS.get(section, section)
            step(f'update: {name}', network.update, number, command, *(parent or [-1]), text, 3)
            step(f'updated: {name}', network.XMLDesc, libvirt.VIR_NETWORK_XML_INACTIVE)
        step('bad flags of update', network.update, _LAST, 4, -1, '<host/>', 8)
        step('live only', network.update, *(
            _SECTIONS['dns_txt'], _LAST, -1, "<txt name='live' value='v'/>", 1))
        step('live XML after it', network.XMLDesc)
        step('inactive XML after it', network.XMLDesc, libvirt.VIR_NETWORK_XML_INACTIVE)
        step('redefine', connection.networkDefineXML, network.XMLDesc(1).replace(
            '<ip ', "<domain name='new'/><ip "))
        step('redefined: live', network.XMLDesc)
        step('redefined: inactive', network.XMLDesc, libvirt.VIR_NETWORK_XML_INACTIVE)
        step('another UUID', connection.networkDefineXML, _network(
            f'<uuid>{self.world.uuid("other")}</uuid>', _UPDATED))
        step('another name', connection.networkDefineXML, _network(
            f'<uuid>{network.UUIDString()}</uuid>', 'else'))
        step('create an active one', connection.networkCreateXML, network.XMLDesc())
        step('the same bridge', connection.networkDefineXML, _network(
            f"<bridge name='{network.bridgeName()}'/>", 'else'))
        step('undefine', network.undefine)
        step('undefine again', network.undefine)
        step('transient: persistent', network.isPersistent)
        step('transient: autostart', network.setAutostart, 1)
        step('transient: update', network.update, _SECTIONS['dns_txt'], _LAST, -1,
             "<txt name='x' value='v'/>", 2)
        step('destroy', network.destroy)
        step('destroyed', network.isActive)
        step('no name', connection.networkLookupByName, 'none')
        step('no UUID', connection.networkLookupByUUIDString, self.world.uuid('none'))
        step('bad filters', connection.listAllNetworks, 64)
        step('bad flags of define', connection.networkDefineXMLFlags, _network(''), 8)
        step('validate', connection.networkDefineXMLFlags, _network('<x/>'),
             libvirt.VIR_NETWORK_DEFINE_VALIDATE)

    def outcomes(self) -> dict[str, Outcome]:
        return with_texts(self.world.outcomes, self._plain)

    def _plain(self, text: str) -> str:
        text = text.replace(MAC, '{mac}').replace(GROUP, '{group}')
        return re.sub(r"(?m)^  <mac address='52:54:00:(?!01:02:0a)[^']*'/>$",
                      "  <mac address='random'/>", text)


def outcomes(uri: str) -> dict[str, Outcome]:
    """Run the session; return the outcome of each step by its name."""
    session = _Session(World(uri))
    try:
        session.definitions()
        session.life()
    finally:
        for network in session.connection.listAllNetworks():
            if network.name() != 'default':
                with contextlib.suppress(libvirt.libvirtError):
                    network.destroy()
                with contextlib.suppress(libvirt.libvirtError):
                    network.undefine()
        session.world.close()
    return session.outcomes()
