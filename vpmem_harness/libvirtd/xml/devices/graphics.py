"""Graphics: listen addresses and ports.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainGraphicsDefParseXML).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import internal
from vpmem_harness.libvirtd.xml.etree import Element, element, unset
from vpmem_harness.libvirtd.xml.host import XmlHost

LISTENING = ('vnc', 'spice', 'rdp')
#: The default listen address in libvirt's qemu.conf.
DEFAULT_ADDRESS = '127.0.0.1'
FIRST_PORT = 5900


def complete(device: Element) -> None:
    """Complete ports and listen addresses."""
    kind = device.get('type')
    if kind not in LISTENING:
        return
    _complete_listen(device)
    if kind == 'rdp':
        return
    first = device.find('listen')
    if first is not None and first.get('type') in ('socket', 'none'):
        unset(device, 'port', 'autoport', 'listen', 'tlsPort')
        if first.get('type') == 'socket' and kind == 'vnc' and first.get('socket'):
            device.set('socket', first.get('socket', ''))
        return
    if kind == 'vnc':
        port = device.get('port')
        automatic = port in (None, '-1') or device.get('autoport') == 'yes'
        device.set('autoport', 'yes' if automatic else 'no')
        if automatic:
            device.set('port', '-1')
        return
    ports = (device.get('port'), device.get('tlsPort'))
    automatic = device.get('autoport') == 'yes' or ports == ('-1', '-1')
    if automatic or ports == ('-1', None):
        unset(device, 'port', 'tlsPort')
    for name in ('port', 'tlsPort'):
        if device.get(name) == '0':
            unset(device, name)
    device.set('autoport', 'yes' if automatic else 'no')
    if not automatic and device.get('port') is None and device.get('tlsPort') is None:
        for listen in device.findall('listen'):
            if listen.get('type') == 'address':
                listen.attrib.clear()
                listen.set('type', 'none')
        unset(device, 'listen')
        if first is None or first.get('type') == 'none':
            unset(device, 'autoport')


def _complete_listen(device: Element) -> None:
    address = device.get('listen')
    socket = device.get('socket')
    listens = device.findall('listen')
    if device.get('type') == 'vnc' and socket is not None and listens \
            and listens[0].get('type') != 'socket':
        for listen in listens:
            device.remove(listen)
        listens = []
    if not listens:
        if socket is not None:
            device.append(element('listen', type='socket', socket=socket))
        else:
            device.append(element('listen', type='address', address=address or None))
        return
    for listen in listens:
        if listen.get('type') is None:
            listen.set('type', 'address')
        if listen.get('type') == 'network':
            unset(listen, 'address')
        if not listen.get('address'):
            unset(listen, 'address')
    first = listens[0]
    if first.get('type') == 'address':
        if address and not first.get('address'):
            first.set('address', address)
        if first.get('address'):
            device.set('listen', first.get('address', ''))
    else:
        unset(device, 'listen')


def start(device: Element, host: XmlHost, directory: str) -> None:
    """Assign ports, addresses and sockets at the start of a domain.

    :param directory: the directory of the domain's sockets.
    :raises LibvirtError: a port is in use, or the network to listen on does not exist.
    """
    taken = host.ports_in_use
    kind = device.get('type')
    if kind not in LISTENING:
        return
    names = ('port',) if kind == 'vnc' else ('port', 'tlsPort')
    if device.get('autoport') == 'yes':
        for name in names[:1]:
            free = next(port for port in range(FIRST_PORT, 65536) if port not in taken)
            taken.add(free)
            device.set(name, str(free))
    for name in names:
        if (device.get(name) or '').isdigit():
            if device.get('autoport') != 'yes' and int(device.get(name, '0')) in taken:
                raise internal(f'Failed to reserve port {device.get(name)}',
                               domain=libvirt.VIR_FROM_NONE)
            taken.add(int(device.get(name, '0')))
    if device.get('websocket') == '-1' and device.get('port'):
        free = next(port for port in range(5700, 65536) if port not in taken)
        taken.add(free)
        device.set('websocket', str(free))
    for listen in device.findall('listen'):
        if listen.get('type') == 'address' and not listen.get('address'):
            listen.set('address', DEFAULT_ADDRESS)
            listen.set('fromConfig', '1')
            if device.get('listen') is None:
                device.set('listen', DEFAULT_ADDRESS)
        elif listen.get('type') == 'network' and listen.get('network'):
            address = host.network_address(listen.get('network', ''))
            if address:
                listen.set('address', address)
                listen.set('fromConfig', '1')
                device.set('listen', address)
        elif listen.get('type') == 'socket' and not listen.get('socket'):
            listen.set('socket', f'{directory}/{kind}.sock')
            listen.set('fromConfig', '1')
            if kind == 'vnc':
                device.set('socket', f'{directory}/{kind}.sock')


def stop(device: Element, *, migratable: bool) -> None:
    """Remove the ports and addresses that the start assigned."""
    if device.get('autoport') == 'yes':
        if device.get('type') == 'vnc':
            device.set('port', '-1')
        elif not migratable:
            unset(device, 'port', 'tlsPort')
    for listen in device.findall('listen'):
        if listen.get('fromConfig'):
            unset(device, 'listen', *(('socket',) if listen.get('socket') else ()))
            unset(listen, 'address', 'socket', 'fromConfig')
