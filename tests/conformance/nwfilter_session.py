"""A session with network filters and their bindings, step by step, for any privileged daemon.

UUIDs that the daemon makes are replaced in outcomes. Addresses are those for documentation
(RFC 5737, RFC 3849).
"""

from __future__ import annotations

import contextlib

import libvirt

from tests.conformance.calls.world import Outcome, Session, World, with_texts
from vpmem_harness.randomness import Randomness

_MAC = Randomness(5).mac()
_V4, _V6 = '198.51.100.7', '2001:db8::7'


def _filter(more: str = '', attributes: str = '', name: str = 'own') -> str:
    return f"<filter name='{name}'{attributes}>{more}</filter>"


def _rule(more: str = '', attributes: str = "action='drop' direction='in'") -> str:
    return _filter(f'<rule {attributes}>{more}</rule>')


#: Protocol to the attributes of rules that are tried alone, as ``attribute=value`` each.
_MACS = 'srcmacaddr=52:54:0:1:2:A srcmacaddr=x srcmacmask=ff:ff:ff:0:0:0 srcmacmask=ff:0:ff:0:0:0' \
    ' dstmacaddr=$MAC dstmacmask=ff:ff:ff:ff:ff:ff'
_IP = f'srcipaddr={_V4} srcipaddr=x srcipmask=24 srcipmask=33 srcipmask=255.255.255.0 ' \
    f'srcipmask=255.255.255.1 dstipaddr=$IP dstipmask=$MASK[@1] dstipaddr={_V6} dscp=63 dscp=64 ' \
    'dscp=0x10 comment=text'
_PORTS = 'srcportstart=1 srcportstart=0x10 srcportstart=65536 srcportend=x dstportstart=$P[2] ' \
    'dstportend=9'
_STATES = 'state=NEW state=new,ESTABLISHED state=RELATED,INVALID,NONE state=x connlimit-above=5 ' \
    'connlimit-above=0x5 ipset=name ipset=na{me ipsetflags=src ipsetflags=src,dst ipsetflags=x ' \
    f'srcipfrom={_V4} srcipto={_V4} dstipfrom={_V4} dstipto={_V4}'
_V6S = f'srcmacaddr={_MAC} srcipaddr={_V6} srcipaddr={_V4} srcipmask=64 srcipmask=129 ' \
    f'srcipmask=ffff:: dstipto={_V4} dstipto={_V6} dstipfrom={_V6}'
ATTRIBUTES = {
    'mac': f'{_MACS} protocolid=arp protocolid=IPv4 protocolid=rarp protocolid=ipv6 '
           'protocolid=vlan protocolid=x protocolid=0x600 protocolid=1536 protocolid=5 '
           'protocolid=0x800 protocolid=70000 comment=text',
    'vlan': f'{_MACS} vlanid=5 vlanid=0x10 vlanid=4096 vlanid=x vlanid=$V encap-protocol=arp '
            'encap-protocol=0x50 encap-protocol=60 encap-protocol=5 encap-protocol=x '
            'comment=a&amp;b',
    'stp': 'srcmacaddr=52:54:0:1:2:A srcmacmask=ff:ff:ff:0:0:0 type=5 type=0x80 type=256 flags=1 '
           'root-priority=1 root-priority-hi=2 root-address=52:54:0:1:2:A '
           'root-address-mask=ff:ff:0:0:0:0 root-cost=5000000000 root-cost=70000 '
           'root-cost=0x10 root-cost-hi=5 sender-priority=1 sender-priority-hi=0x2 '
           'sender-address=x sender-address-mask=0:0:0:0:0:0 port=1 port-hi=2 age=3 age-hi=4 '
           'max-age=5 max-age-hi=6 hello-time=7 hello-time-hi=8 forward-delay=9 '
           'forward-delay-hi=10 dstmacaddr=52:54:0:1:2:A',
    'arp': f'{_MACS} hwtype=1 hwtype=x protocoltype=0x800 opcode=Request opcode=reply opcode=9 '
           f'opcode=10 opcode=0xA opcode=x arpsrcmacaddr={_MAC} arpdstmacaddr=$MAC '
           f'arpsrcipaddr={_V4} arpsrcipmask=24 arpdstipaddr=x arpdstipmask=255.255.255.128 '
           'gratuitous=true gratuitous=yes gratuitous=1 gratuitous=no gratuitous=x comment=text',
    'rarp': 'opcode=Request_Reverse opcode=DRARP_Error opcode=inarp_request opcode=0',
    'ip': f'{_MACS} {_IP} {_PORTS} protocol=tcp protocol=UDP protocol=6 protocol=0x11 '
          'protocol=200 protocol=0xc8 protocol=256 protocol=x protocol=icmpv6 protocol=udplite',
    'ipv6': f'{_V6S} protocol=tcp protocol=58 type=1 typeend=255 code=0x1 codeend=256 dscp=5 '
            'comment=text',
    'tcp': f'{_MACS} {_IP} {_PORTS} {_STATES} option=5 option=256 option=x flags=SYN/ALL '
           'flags=syn,ACK/SYN flags=NONE/NONE flags=ALL/FIN,SYN,RST,PSH,ACK,URG flags=SYN '
           'flags=x/SYN',
    'udp': f'srcipaddr={_V4} srcportstart=5 state=NEW comment=text',
    'udplite': f'srcipaddr={_V4} srcportstart=5', 'esp': f'dstipaddr={_V4}',
    'ah': f'dstipaddr={_V4}', 'sctp': 'dstportstart=5 flags=SYN/ALL',
    'icmp': 'type=8 type=256 code=0 code=0xf typeend=5 state=NONE',
    'all': f'srcmacaddr={_MAC} srcmacmask=ff:ff:ff:ff:ff:ff dscp=5', 'igmp': f'srcipaddr={_V4}',
    'tcp-ipv6': f'{_V6S} flags=SYN/ALL option=3 dstportend=7', 'udp-ipv6': f'srcipaddr={_V6}',
    'udplite-ipv6': f'srcipaddr={_V6}', 'esp-ipv6': f'srcipmask={_V6}', 'ah-ipv6': 'dscp=1',
    'sctp-ipv6': 'srcportend=6', 'icmpv6': 'type=128 code=5', 'all-ipv6': f'dstipaddr={_V6}',
    'none': 'a=b'}
#: Further definitions that are completed or refused.
DEFINITIONS = {
    'nothing': '', 'root': '<network/>', 'no name': '<filter/>', 'empty name': "<filter name=''/>",
    'empty': _filter(), 'slash': _filter(name='a/b'), 'quoted': _filter(name='a&lt;b'),
    'not closed': "<filter name='own'>", 'bad uuid': _filter('<uuid>x</uuid>'),
    'empty uuid': _filter('<uuid/>'), 'unknown': _filter('<other/>', " other='1'"),
    'priority': _filter('', " priority='5'"), 'priority 0': _filter('', " priority='0'"),
    'bad priority': _filter('', " priority='x'"), 'low priority': _filter('', " priority='-1001'"),
    'high priority': _filter('', " priority='1001'"),
    'hexadecimal priority': _filter('', " priority='0x5'"),
    'priority and chain': _filter('', " chain='arp' priority='5'"),
    'priority 0 and chain': _filter('', " chain='arp' priority='0'"),
    'long chain': _filter('', " chain='ipv4-567890123'"),
    'longest chain': _filter('', " chain='ipv4-5678901'"),
    'bad character in chain': _filter('', " chain='ipv4/a'"),
    'bad chain': _filter('', " chain='x'"),
    'empty chain': _filter('', " chain=''"), 'prefix root': _filter('', " chain='root-a'"),
    **{f'chain {chain}': _filter('', f" chain='{chain}'") for chain in (
        'root', 'mac', 'vlan', 'stp', 'arp', 'rarp', 'ipv4', 'ipv6', 'ipv4-a_b.c', 'stp-x')},
    'no action': _rule('', "direction='in'"), 'bad action': _rule('', "action='x' direction='in'"),
    'no direction': _rule('', "action='drop'"),
    'bad direction': _rule('', "action='drop' direction='x'"),
    **{f'action {action}': _rule('', f"action='{action}' direction='inout'") for action in (
        'drop', 'accept', 'reject', 'return', 'continue')},
    **{f'rule priority {number}': _rule('', f"action='drop' direction='out' priority='{number}'")
       for number in ('7', '-1000', '1000', '1001', '-1001', 'x', '')},
    **{f'statematch {text}': _rule('', f"action='drop' direction='out' statematch='{text}'")
       for text in ('0', 'false', 'FALSE', 'true', '1', 'x')},
    'two protocols': _rule("<tcp/><udp dstportstart='5'/>"),
    'one protocol twice': _rule("<tcp dstportstart='5'/><tcp srcportstart='6' dstportstart='7'/>"),
    'unknown before protocol': _rule("<x/><udp dstportstart='5'/>"),
    'match no': _rule(f"<ip match='no' srcipaddr='{_V4}' srcipmask='24'/>"),
    'match yes': _rule(f"<ip match='yes' srcipaddr='{_V4}'/>"),
    'match no and yes': _rule(f"<ip match='no' srcipaddr='{_V4}'/><ip protocol='tcp'/>"),
    'match yes and no': _rule(f"<ip srcipaddr='{_V4}'/><ip match='no' protocol='tcp'/>"),
    'match no of ports': _rule(
        "<tcp match='no' srcportstart='1' srcportend='2' dstportstart='3'/>"),
    'match no of end alone': _rule("<tcp match='no' srcportend='2' dstportstart='3'/>"),
    'match no of mask alone': _rule("<tcp match='no' srcipmask='24'/>"),
    'match no of codes': _rule("<icmp match='no' type='1' code='2'/>"),
    'match no of code alone': _rule("<icmp match='no' code='2'/>"),
    'match no of mac mask': _rule(f"<mac match='no' srcmacaddr='{_MAC}' "
                                  "srcmacmask='ff:ff:ff:0:0:0'/>"),
    'match no of vlan mask': _rule("<vlan match='no' srcmacmask='ff:ff:ff:0:0:0' vlanid='4'/>"),
    'match no of stp': _rule("<stp match='no' root-priority='1' root-priority-hi='2' type='1'/>"),
    'match no of arp': _rule("<arp match='no' opcode='1' gratuitous='yes'/>"),
    'match no of ipv6': _rule("<ipv6 match='no' type='1' typeend='2' code='3' codeend='4'/>"),
    'ports of tcp': _rule("<ip protocol='tcp' dstportstart='1' dstportend='2'/>"),
    'ports of sctp': _rule("<ipv6 protocol='132' dstportstart='1'/>"),
    'ports of icmp': _rule("<ip protocol='icmp' dstportstart='1'/>"),
    'ports of nothing': _rule("<ipv6 srcportend='1'/>"),
    'ports of a variable': _rule("<ip protocol='$P' srcportend='1'/>"),
    'ipset with flags': _rule("<tcp ipset='name' ipsetflags='dst,src'/>"),
    'ipset of all': _rule("<all ipset='name' ipsetflags='dst,SRC'/>"),
    'ipset of all without flags': _rule("<all ipset='name'/>"),
    'flags of all without ipset': _rule("<all ipsetflags='src,src,src,src,src,src,dst'/>"),
    'long ipset': _rule(f"<all ipset='{'a' * 32}'/>"),
    'longest ipset': _rule(f"<all ipset='{'a' * 31}'/>"),
    'long comment': _rule(f"<all comment='{'a' * 257}'/>"),
    'comment with quotes': _rule('<all comment="a\'b&quot;c"/>'),
    'two bad values': _rule("<tcp srcmacaddr='x' srcipaddr='y'/>"),
    **{f'variable {text}': _rule(f"<ip srcipaddr='${text}'/>") for text in (
        'A', 'A[1]', 'A[@1]', 'A[ @1 ]', 'A[@0]', 'A[@1001]', 'A[@1000]', 'A[x]', 'A[@x]', 'A[1',
        'A-b', '')},
    'reference': _filter("<filterref filter='clean-traffic'/>"),
    'missing reference': _filter("<filterref filter='absent'/>"),
    'reference without name': _filter('<filterref/>'),
    'reference to itself': _filter("<filterref filter='own'/>"),
    'parameters': _filter(
        "<filterref filter='clean-traffic'><parameter name='IP' value='198.51.100.7'/><parameter "
        "name='IP' value='198.51.100.8'/><parameter name='A' value='b'/><parameter name='B-' "
        "value='b'/><parameter name='C' value=''/><parameter name='D'/><parameter name='E' "
        "value='a b'/><parameter name='F' value='a;b'/><other/></filterref>"),
    'mixed': _filter("<rule action='drop' direction='in'/><filterref filter='allow-arp'/><rule "
                     "action='accept' direction='out' priority='-5'><all/></rule>"),
}


def _binding(more: str = '', *, port: str = "<portdev name='port0'/>", owner: str = '',
             mac: str = f"<mac address='{_MAC}'/>",
             reference: str = "<filterref filter='allow-arp'/>") -> str:
    owner = owner or f"<owner><name>g</name><uuid>{Randomness(5).uuid()}</uuid></owner>"
    return f'<filterbinding>{owner}{port}{mac}{reference}{more}</filterbinding>'


#: Bindings that are created or refused.
BINDINGS = {
    'nothing': '', 'root': '<filter/>', 'plain': _binding(), 'no port': _binding(port=' '),
    'unnamed port': _binding(port='<portdev/>'), 'no owner': _binding(owner=' '),
    'owner without uuid': _binding(owner='<owner><name>g</name></owner>'),
    'owner with bad uuid': _binding(owner='<owner><name>g</name><uuid>x</uuid></owner>'),
    'no mac': _binding(mac=' '), 'bad mac': _binding(mac="<mac address='x'/>"),
    'capital mac': _binding(mac="<mac address='52:54:0:A:B:C'/>"),
    'no reference': _binding(reference=' '), 'link': _binding("<linkdev name='eth7'/>"),
    'unnamed link': _binding('<linkdev/>'),
    'missing filter': _binding(reference="<filterref filter='absent'/>"),
    'parameters': _binding(reference="<filterref filter='clean-traffic'><parameter name='IP' "
                                     f"value='{_V4}'/></filterref>"),
    'no variable': _binding(reference="<filterref filter='clean-traffic'/>"),
}


#: Rules with a variable.
_USED = "<rule action='drop' direction='in'><ip srcipaddr='{0}'/></rule>"
_MACS_USED = "<rule action='drop' direction='in'><mac srcmacaddr='{0}'/></rule>"


def _interface(mac: str, port: str, reference: str,
               parameters: str = "<parameter name='A' value='198.51.100.9'/>") -> str:
    more = reference and f"<filterref filter='{reference}'>{parameters}</filterref>"
    return (f"<interface type='ethernet'><mac address='{mac}'/><target dev='{port}'/>"
            f"<model type='rtl8139'/>{more}</interface>")


class _Session(Session):

    def packaged(self) -> None:
        connection, step = self.connection, self.step
        step('number', connection.numOfNWFilters)
        step('names', lambda: sorted(connection.listNWFilters()))
        step('all', connection.listAllNWFilters)
        for name in sorted(connection.listNWFilters()):
            step(f'packaged: {name}', connection.nwfilterLookupByName(name).XMLDesc)

    def _define(self, name: str, xml: str) -> None:
        found = self.step(f'define: {name}', self.connection.nwfilterDefineXML, xml)
        if found is not None:
            self.step(f'XML: {name}', found.XMLDesc)
            self.step(f'undefine: {name}', found.undefine)

    def definitions(self) -> None:
        for name, xml in DEFINITIONS.items():
            self._define(name, xml)
        for protocol, attributes in ATTRIBUTES.items():
            self._define(f'{protocol} alone', _rule(f'<{protocol}/>'))
            for attribute in attributes.split():
                name, _, value = attribute.partition('=')
                self._define(f'{protocol} {attribute}', _rule(f"<{protocol} {name}='{value}'/>"))

    def life(self) -> None:
        connection, step = self.connection, self.step
        uuid, other = self.world.uuid('filter'), self.world.uuid('other')
        found = step('define', connection.nwfilterDefineXML, _filter(f'<uuid>{uuid}</uuid>'))
        step('UUID', found.UUIDString)
        step('XML', found.XMLDesc)
        step('bad flags of XML', found.XMLDesc, 1)
        step('by name', connection.nwfilterLookupByName, 'own')
        step('by UUID', connection.nwfilterLookupByUUIDString, uuid)
        step('no name', connection.nwfilterLookupByName, 'absent')
        step('no UUID', connection.nwfilterLookupByUUIDString, other)
        step('bad flags of list', connection.listAllNWFilters, 1)
        step('bad flags of define', connection.nwfilterDefineXMLFlags, _filter(), 2)
        step('validate', connection.nwfilterDefineXMLFlags, _filter('<x/>'), 1)
        step('validated', connection.nwfilterDefineXMLFlags, _filter(f'<uuid>{uuid}</uuid>'), 1)
        step('without UUID', connection.nwfilterDefineXML, _filter())
        step('another UUID', connection.nwfilterDefineXML, _filter(f'<uuid>{other}</uuid>'))
        step('another name', connection.nwfilterDefineXML, _filter(f'<uuid>{uuid}</uuid>',
                                                                   name='else'))
        step('redefine', connection.nwfilterDefineXML, _filter(
            f"<uuid>{uuid}</uuid><rule action='drop' direction='in'/>"))
        step('redefined', found.XMLDesc)
        above = step('above', connection.nwfilterDefineXML, _filter(
            "<filterref filter='own'/>", name='above'))
        step('top', connection.nwfilterDefineXML, _filter(
            "<filterref filter='above'/>", name='top'))
        step('loop', connection.nwfilterDefineXML, _filter(
            f"<uuid>{uuid}</uuid><filterref filter='top'/>"))
        step('undefine one that a filter uses', found.undefine)
        step('above it', above.XMLDesc)
        step('undefine again', found.undefine)
        step('XML of none', found.XMLDesc)
        step('read only: define', self.world.read.nwfilterDefineXML, _filter())
        step('read only: undefine', self.world.read.nwfilterLookupByName('top').undefine)
        step('read only: list', lambda: len(self.world.read.listAllNWFilters()))
        step('read only: names', self.world.read.numOfNWFilters)

    def bindings(self) -> None:
        connection, step = self.connection, self.step
        for name, xml in BINDINGS.items():
            found = step(f'bind: {name}', connection.nwfilterBindingCreateXML, xml)
            if found is not None:
                step(f'binding: {name}', found.XMLDesc)
                found.delete()
        used = connection.nwfilterDefineXML(_filter(name='used'))
        uuid = used.UUIDString()
        users = connection.nwfilterDefineXML(_filter("<filterref filter='used'/>", name='users'))
        reference = "<filterref filter='users'/>"
        found = step('bind', connection.nwfilterBindingCreateXML, _binding(reference=reference))
        step('port', found.portDev)
        step('filter', found.filterName)
        step('bindings', lambda: [each.portDev() for each in connection.listAllNWFilterBindings()])
        step('bad flags of bindings', connection.listAllNWFilterBindings, 1)
        step('by port', lambda: connection.nwfilterBindingLookupByPortDev('port0').filterName())
        step('no such port', connection.nwfilterBindingLookupByPortDev, 'absent')
        step('bind again', connection.nwfilterBindingCreateXML, _binding(reference=reference))
        step('bad flags of bind', connection.nwfilterBindingCreateXML, _binding(), 2)
        step('validate a binding', connection.nwfilterBindingCreateXML, _binding('<x/>'), 1)
        step('bad flags of XML of binding', found.XMLDesc, 1)
        step('undefine a bound filter', users.undefine)
        step('undefine a filter of a bound one', used.undefine)
        step('redefine with a missing reference', connection.nwfilterDefineXML, _filter(
            f"<uuid>{uuid}</uuid><filterref filter='absent'/>", name='used'))
        step('not redefined', used.XMLDesc)
        step('redefine with a variable', connection.nwfilterDefineXML, _filter(
            f"<uuid>{uuid}</uuid>{_USED.format('$OTHER')}", name='used'))
        step('redefined with a variable', used.XMLDesc)
        step('delete', found.delete)
        step('delete again', found.delete)
        step('XML of no binding', found.XMLDesc)
        step('undefine afterwards', users.undefine)
        step('read only: bind', self.world.read.nwfilterBindingCreateXML, _binding())

    def guests(self) -> None:
        connection, step = self.connection, self.step
        own = connection.nwfilterDefineXML(_filter(name='guests'))
        step('start without the filter', self._guest(_interface(_MAC, 'port1', 'absent')).create)
        domain = self._guest(_interface(_MAC, 'port1', 'guests'))
        step('undefine before the start', own.undefine)
        step('start after it', domain.create)
        inner = connection.nwfilterDefineXML(_filter(name='inner'))
        own = connection.nwfilterDefineXML(_filter("<filterref filter='inner'/>", name='guests'))
        step('start', domain.create)
        self._bindings('a guest')
        step('binding', lambda: connection.nwfilterBindingLookupByPortDev('port1').XMLDesc())
        step('undefine beside a guest', own.undefine)
        step('undefine the inner one beside a guest', inner.undefine)
        uuid = own.UUIDString()
        for name, more in (('a missing reference', "<filterref filter='absent'/>"),
                           ('a variable', _USED.format('$OTHER')),
                           ('its variable', _USED.format('$A')),
                           ('its MAC address', _MACS_USED.format('$MAC')),
                           ('its address', _USED.format('$IP')),
                           ('the address of DHCP', _USED.format('$DHCPSERVER')),
                           ('an element', _USED.format('$A[0]')),
                           ('a missing element', _USED.format('$A[1]'))):
            step(f'redefine one in use with {name}', connection.nwfilterDefineXML, _filter(
                f'<uuid>{uuid}</uuid>{more}', name='guests'))
            step(f'in use, with {name}', own.XMLDesc)
        connection.nwfilterDefineXML(_filter(
            f"<uuid>{uuid}</uuid><filterref filter='inner'/>", name='guests'))
        self._plug(domain)
        step('delete the binding of a guest', lambda: connection.nwfilterBindingLookupByPortDev(
            'port1').delete())
        self._bindings('the deletion')
        step('bind the port of a guest', lambda: connection.nwfilterBindingCreateXML(_binding(
            port="<portdev name='port1'/>", reference="<filterref filter='guests'/>")).XMLDesc())
        connection.nwfilterBindingLookupByPortDev('port1').delete()
        step('bind it to a missing filter', connection.nwfilterBindingCreateXML, _binding(
            port="<portdev name='port1'/>", reference="<filterref filter='absent'/>"))
        step('undefine without the binding', own.undefine)
        step('destroy', domain.destroy)
        self._bindings('the guest')

    def _guest(self, devices: str) -> libvirt.virDomain:
        return self.world.define(
            'guest', more=f'<features><acpi/></features><devices>{devices}</devices>')

    def _bindings(self, name: str) -> None:
        self.step(f'bindings of {name}', lambda: sorted(
            each.portDev() for each in self.connection.listAllNWFilterBindings()))

    def _filter_of(self, name: str) -> None:
        self.step(f'filter after {name}', lambda: self.connection.nwfilterBindingLookupByPortDev(
            'port1').filterName())

    def _plug(self, domain: libvirt.virDomain) -> None:
        step, live = self.step, libvirt.VIR_DOMAIN_AFFECT_LIVE
        second = _interface(self.world.mac('b'), 'port2', 'guests')
        step('plug', domain.attachDeviceFlags, second, live)
        step('plug without the filter', domain.attachDeviceFlags,
             _interface(self.world.mac('c'), 'port3', 'absent'), live)
        self._bindings('two ports')
        step('update', domain.updateDeviceFlags, _interface(_MAC, 'port1', 'allow-arp'), live)
        self._filter_of('the update')
        step('update to a missing one', domain.updateDeviceFlags,
             _interface(_MAC, 'port1', 'absent'), live)
        self._filter_of('the refusal')
        step('update to none', domain.updateDeviceFlags, _interface(_MAC, 'port1', ''), live)
        self._bindings('an update to none')
        step('update to one', domain.updateDeviceFlags, _interface(_MAC, 'port1', 'guests'), live)
        self._bindings('an update to one')

    def addresses(self) -> None:
        """Start guests whose filters need the guest's address."""
        for name, filtered, parameter in (
                ('unknown address', 'clean-traffic', ''),
                ('known address', 'clean-traffic', f"<parameter name='IP' value='{_V4}'/>"),
                ('no learning', 'clean-traffic',
                 "<parameter name='CTRL_IP_LEARNING' value='none'/>"),
                ('bad learning', 'clean-traffic',
                 "<parameter name='CTRL_IP_LEARNING' value='x'/>"),
                ('learning by DHCP', 'clean-traffic',
                 "<parameter name='CTRL_IP_LEARNING' value='DHCP'/>"),
                ('gateway', 'clean-traffic-gateway', ''),
                ('DHCP server', 'allow-dhcp-server', ''),
                ('unknown variable', 'unknown', '')):
            if name == 'unknown variable':
                self.connection.nwfilterDefineXML(_filter(_USED.format('$OTHER'), name='unknown'))
            domain = self._guest(_interface(_MAC, 'port4', filtered, parameter))
            self.step(f'start: {name}', domain.create)
            self._bindings(f'one with {name}')
            if domain.isActive():
                domain.destroy()

    def outcomes(self) -> dict[str, Outcome]:
        return with_texts(self.world.outcomes, self._plain)

    def _plain(self, text: str) -> str:
        for mac, name in ((_MAC, 'mac'), (self.world.mac('b'), 'b'), (self.world.mac('c'), 'c')):
            text = text.replace(mac, f'{{{name}}}')
        return text


def outcomes(uri: str) -> dict[str, Outcome]:
    """Run the session; return the outcome of each step by its name."""
    session = _Session(World(uri))
    packaged = session.connection.listNWFilters()
    try:
        session.packaged()
        session.definitions()
        session.life()
        session.bindings()
        session.guests()
        session.addresses()
    finally:
        for binding in session.connection.listAllNWFilterBindings():
            with contextlib.suppress(libvirt.libvirtError):
                binding.delete()
        for found in session.connection.listAllNWFilters():
            if found.name() not in packaged:
                with contextlib.suppress(libvirt.libvirtError):
                    found.undefine()
        session.world.close()
    return session.outcomes()
