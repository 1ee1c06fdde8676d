"""A session with storage pools and volumes, step by step, for any daemon.

Everything happens in one directory, whose path, UUIDs, times and owners are replaced in outcomes.
"""

from __future__ import annotations

import os
import re
from typing import Any

import libvirt

from tests.conformance.calls.world import Outcome, Session, World, with_texts

_MIB = 1024**2
_POOL = '<pool type="{kind}"><name>{name}</name>{more}<target><path>{path}</path></target></pool>'
_VOLUME = '<volume><name>{name}</name><capacity>{capacity}</capacity>{more}</volume>'
_QCOW2 = '<allocation>0</allocation><target><format type="qcow2"/>{more}</target>'

#: Definitions of pools that are refused, or completed.
_POOLS = {
    'nothing': '', 'no type': '<pool/>', 'bad type': '<pool type="x"/>',
    'no name': '<pool type="dir"/>', 'slash': '<pool type="dir"><name>a/b</name></pool>',
    'no target': '<pool type="dir"><name>a</name></pool>',
    'bad uuid': '<pool type="dir"><name>a</name><uuid>x</uuid></pool>',
    'bad root': '<volume/>',
    'bad mode': _POOL.format(kind='dir', name='a', more='', path='/x').replace(
        '</target>', '<permissions><mode>9</mode></permissions></target>'),
    'bad owner': _POOL.format(kind='dir', name='a', more='', path='/x').replace(
        '</target>', '<permissions><owner>x</owner></permissions></target>'),
    'no host': _POOL.format(kind='netfs', name='a', more='<source/>', path='/x'),
    'no export': _POOL.format(kind='netfs', name='a', path='/x',
                              more='<source><host name="h"/></source>'),
    'unnamed host': _POOL.format(kind='netfs', name='a', path='/x',
                                 more='<source><host/></source>'),
    'bad port': _POOL.format(kind='netfs', name='a', path='/x',
                             more='<source><host name="h" port="x"/><dir path="/"/></source>'),
    'no device': _POOL.format(kind='fs', name='a', more='<source/>', path='/x'),
    'no path': _POOL.format(kind='fs', name='a', more='<source><device/></source>', path='/x'),
    'bad format': _POOL.format(kind='fs', name='a', path='/x',
                               more='<source><format type="x"/><device path="/y"/></source>'),
    'bad protocol': _POOL.format(
        kind='netfs', name='a', path='/x', more='<source><host name="h"/><dir path="/"/>'
        '<format type="cifs"/><protocol ver="4"/></source>'),
    'list of protocols': _POOL.format(
        kind='netfs', name='a', path='/x', more='<source><host name="h"/><dir path="/"/>'
        '<format type="nfs"/><protocol ver="4,3"/></source>'),
    'bad cow': _POOL.format(kind='dir', name='a', path='/x',
                            more='<features><cow state="x"/></features>'),
    'cow': _POOL.format(kind='netfs', name='a', path='/x', more='<features><cow state="yes"/>'
                        '</features><source><host name="h"/><dir path="/"/></source>'),
    'bad refresh': _POOL.format(kind='dir', name='a', path='/x',
                                more='<refresh><volume allocation="x"/></refresh>'),
    'no backend': '<pool type="rbd"><name>a</name><source><name>b</name><host name="h"/></source>'
                  '</pool>',
    'conflict': _POOL.format(kind='dir', name='other', path='{directory}/pool', more=''),
}

#: Definitions of volumes that are refused, or completed.
_VOLUMES = {
    'nothing': '', 'no name': '<volume/>', 'no capacity': '<volume><name>v</name></volume>',
    'bad root': '<pool/>',
    'bad capacity': _VOLUME.format(name='v', capacity='x', more=''),
    'bad unit': '<volume><name>v</name><capacity unit="x">1</capacity></volume>',
    'too large': '<volume><name>v</name><capacity unit="EiB">9</capacity></volume>',
    'bad type': '<volume type="x"><name>v</name></volume>',
    'bad format': _VOLUME.format(name='v', capacity=1, more='<target><format type="x"/></target>'),
    'bad mode': _VOLUME.format(name='v', capacity=1, more='<target><permissions><mode>1777</mode>'
                               '</permissions></target>'),
    'bad compat': _VOLUME.format(name='v', capacity=1, more='<target><compat>x</compat></target>'),
    'bad feature': _VOLUME.format(
        name='v', capacity=1, more='<target><features><x/></features></target>'),
    'slash': _VOLUME.format(name='a/b', capacity=1, more=''),
    'raw with a backing file': _VOLUME.format(
        name='v', capacity=1, more='<backingStore><path>/x</path></backingStore>'),
    'no backing file': _VOLUME.format(
        name='v', capacity=1, more='<target><format type="qcow2"/></target><backingStore><path>'
        '/nowhere/x</path><format type="raw"/></backingStore>'),
    'old with features': _VOLUME.format(
        name='v', capacity=1, more='<target><format type="qcow2"/><compat>0.10</compat><features>'
        '<lazy_refcounts/></features></target>'),
    'raw with compat': _VOLUME.format(name='v', capacity=1, more='<target><format type="iso"/>'
                                      '<compat>1.1</compat></target>'),
}


class _Session(Session):

    def __init__(self, world: World, directory: str, overfull: bool) -> None:
        super().__init__(world, directory)
        self.overfull = overfull

    def outcomes(self) -> dict[str, Outcome]:
        return with_texts(self.world.outcomes, self._plain)

    def _plain(self, text: str) -> str:
        text = text.replace(self.directory, '{directory}')
        text = re.sub(r'<(.time)>[\d.]+<', r'<\1>0<', text)
        text = re.sub(r'<(owner|group)>-?\d+<', r'<\1>0<', text)
        # The sizes of the machine's file system.
        return re.sub(r"(?m)^(  <(?:capacity|allocation|available) unit='bytes'>)\d+(<.*)$",
                      r'\g<1>0\2', text) if text.startswith('<pool') else text

    def pool(self, name: str, kind: str = 'dir', more: str = '') -> str:
        return _POOL.format(kind=kind, name=name, more=more, path=f'{self.directory}/{name}')

    # The parts of the session

    def definitions(self) -> None:
        connection, step = self.connection, self.step
        first = step('define', connection.storagePoolDefineXML, self.pool('pool'))
        for name, xml in _POOLS.items():
            xml = xml.replace('{directory}', self.directory)
            made = step(f'define: {name}', connection.storagePoolDefineXML, xml)
            if made is not None:
                made.undefine()
            step(f'create: {name}', connection.storagePoolCreateXML, xml)
        for name, xml in {
                'fs': self.pool('mounted', 'fs', '<source><device path="/dev/none"/></source>'),
                'netfs': self.pool('remote', 'netfs', '<source><host name="h.invalid" port="5"/>'
                                   '<dir path="//a//b/"/><format type="nfs"/><protocol ver="4"/>'
                                   '<vendor name="v"/></source>'),
                'logical': '<pool type="logical"><name>group</name></pool>',
                'dir with everything': self.pool(
                    'full', 'dir', '<features><cow state="no"/></features><refresh><volume '
                    'allocation="capacity"/></refresh>').replace(
                        '</target>', '<permissions><mode>0700</mode><owner>-1</owner><group>5'
                        '</group><label>l</label></permissions></target>')}.items():
            made = step(f'define {name}', connection.storagePoolDefineXML, xml)
            step(f'XML of {name}', made.XMLDesc)
            made.undefine()
        for call in ('XMLDesc', 'isActive', 'isPersistent', 'autostart', 'info', 'numOfVolumes',
                     'listVolumes', 'listAllVolumes', 'refresh', 'destroy'):
            step(f'inactive: {call}', getattr(first, call))
        step('start without a directory', first.create)
        step('autostart', first.setAutostart, 1)
        step('is autostart', first.autostart)
        step('delete without a directory', first.delete)
        step('build: two flags', first.build, 3)
        step('build: bad flags', first.build, 64)
        step('build', first.build)
        step('create: two flags', first.create, 6)
        step('create: bad flags', first.create, 64)
        step('create', first.create)
        step('create again', first.create)
        step('build an active one', first.build)
        step('delete an active one', first.delete)
        step('undefine an active one', first.undefine)
        step('XML', first.XMLDesc)
        step('inactive XML', first.XMLDesc, libvirt.VIR_STORAGE_XML_INACTIVE)
        step('bad flags of XML', first.XMLDesc, 2)
        step('another UUID', connection.storagePoolDefineXML, self.pool('pool').replace(
            '<target>', f'<uuid>{self.world.uuid("other")}</uuid><target>'))
        step('another name', connection.storagePoolDefineXML, self.pool('x').replace(
            '<target>', f'<uuid>{first.UUIDString()}</uuid><target>'))
        step('redefine', connection.storagePoolDefineXML, first.XMLDesc())
        transient = step('create XML without a directory', connection.storagePoolCreateXML,
                         self.pool('transient'))
        transient = step('create XML and build', connection.storagePoolCreateXML,
                         self.pool('transient'), 1)
        step('transient: persistent', transient.isPersistent)
        step('transient: autostart', transient.setAutostart, 1)
        step('create XML of an active one', connection.storagePoolCreateXML, transient.XMLDesc())
        step('transient: destroy', transient.destroy)
        step('transient: after it', transient.isActive)
        for flags in (*(1 << bit for bit in range(20)), 3, 5, 1 << 20):
            step(f'list {flags}', lambda flags=flags: [
                pool.name() for pool in connection.listAllStoragePools(flags)
                if pool.name() == 'pool'])
        step('bad path', connection.storagePoolLookupByTargetPath, '/x//y/')
        step('target path', connection.storagePoolLookupByTargetPath, f'{self.directory}//pool/')
        step('name', connection.storagePoolLookupByName, 'none')
        step('uuid', connection.storagePoolLookupByUUIDString, self.world.uuid('none'))
        for kind in ('dir', 'none', 'netfs'):
            step(f'sources of {kind}', connection.findStoragePoolSources, kind, None, 0)
        step('sources of a host', connection.findStoragePoolSources, 'netfs',
             '<source><host/></source>', 0)

    def volumes(self) -> None:
        connection, step = self.connection, self.step
        pool = connection.storagePoolLookupByName('pool')
        for name, xml in _VOLUMES.items():
            step(f'volume: {name}', pool.createXML, xml)
        step('volume: bad flags', pool.createXML, _VOLUME.format(name='v', capacity=1, more=''), 8)
        step('volume: metadata', pool.createXML, _VOLUME.format(name='v', capacity=1, more=''), 1)
        raw = step('raw', pool.createXML, _VOLUME.format(name='raw', capacity=_MIB, more=''))
        step('raw again', pool.createXML, _VOLUME.format(name='raw', capacity=_MIB, more=''))
        sparse = step('sparse', pool.createXML, _VOLUME.format(
            name='sparse', capacity=_MIB, more='<allocation>0</allocation>'))
        small = step('unaligned', pool.createXML, _VOLUME.format(
            name='unaligned', capacity=1000, more=''))
        image = step('qcow2', pool.createXML, _VOLUME.format(
            name='image', capacity=1024 * _MIB, more=_QCOW2.format(more='')))
        new = step('new qcow2', pool.createXML, _VOLUME.format(
            name='new', capacity=3 * _MIB, more=_QCOW2.format(more='<compat>1.1</compat>'
            '<features><lazy_refcounts/></features><permissions><mode>0640</mode></permissions>')))
        step('top of nothing', pool.createXML, _VOLUME.format(
            name='top', capacity=1, more=_QCOW2.format(more='') + '<backingStore><path>'
            f'{pool.name()}</path></backingStore>'))
        top = step('top', pool.createXML, '<volume><name>top</name><target><format type="qcow2"/>'
                   f'</target><backingStore><path>{self.directory}/pool/image</path>'
                   '<format type="qcow2"/></backingStore></volume>')
        folder = step('directory', pool.createXML, _VOLUME.format(
            name='folder', capacity=0, more='<target><format type="dir"/></target>'))
        created = [volume for volume in (raw, sparse, small, image, new, top, folder) if volume]
        for volume in created:
            name = volume.name()
            step(f'{name}: path', volume.path)
            step(f'{name}: key', volume.key)
            if name != 'folder':
                step(f'{name}: info', volume.info)
                step(f'{name}: physical', volume.infoFlags, 1)
                step(f'{name}: XML', volume.XMLDesc)
        step('refresh', pool.refresh)
        step('refresh: bad flags', pool.refresh, 1)
        for volume in created[:-1]:
            step(f'{volume.name()}: XML after a refresh', volume.XMLDesc)
            step(f'{volume.name()}: info after a refresh', volume.info)
        step('names', lambda: sorted(pool.listVolumes()))
        step('number', pool.numOfVolumes)
        step('no volume', pool.storageVolLookupByName, 'none')
        step('no path', connection.storageVolLookupByPath, '/nowhere//x')
        step('no key', connection.storageVolLookupByKey, '/nowhere')
        step('by path', connection.storageVolLookupByPath, f'{self.directory}//pool/raw')
        step('by key', connection.storageVolLookupByKey, f'{self.directory}/pool/raw')
        step('pool of it', raw.storagePoolLookupByVolume)
        for name, arguments in {
                'zero': (0,), 'smaller': (_MIB // 2,), 'shrink': (_MIB // 2, 4),
                'larger': (2 * _MIB,), 'more': (_MIB, 2), 'less': (_MIB, 6),
                'allocate': (4 * _MIB, 1), 'bad flags': (5 * _MIB, 8),
                'too large': ((1 << 60), 1)}.items():
            for volume in (raw, sparse, image):
                step(f'resize {volume.name()}: {name}', volume.resize, *arguments)
                step(f'resize {volume.name()}: {name}, info',
                     lambda volume=volume: volume.info()[:2])
        step('resize over a table', image.resize, 5 << 40)
        step('resize over a table: info', lambda: image.info()[:2])
        self._copies(pool, raw, image)

    def _copies(self, pool: Any, raw: Any, image: Any) -> None:
        step = self.step
        self._send('upload', raw, b'0123456789' * 1000, 512, 0)
        if self.overfull:
            self._send('upload too much', raw, b'x' * 100, 0, 10)
        for name, arguments in {'all': (0, 0), 'piece': (512, 20), 'end': (4 * _MIB - 5, 0),
                                'beyond': (5 * _MIB, 10)}.items():
            step(f'download {name}', self._receive, raw, *arguments)
        holes = pool.createXML(_VOLUME.format(
            name='holes', capacity=_MIB, more='<allocation>0</allocation>'))
        step('sparse download', self._receive_sparse, holes)
        step('sparse upload', self._send_sparse, holes)
        step('after the sparse upload', self._receive_sparse, holes)
        step('after the sparse upload: info', lambda: holes.info()[:2])
        xml = _VOLUME.format(name='copy', capacity=0, more='')
        copy = step('copy', pool.createXMLFrom, xml, raw)
        step('copy: XML', copy.XMLDesc)
        step('copy: contents', self._receive, copy, 500, 30)
        step('copy again', pool.createXMLFrom, xml, raw)
        step('copy: bad flags', pool.createXMLFrom, xml, raw, 64)
        made = step('copy to qcow2', pool.createXMLFrom, _VOLUME.format(
            name='converted', capacity=8 * _MIB, more=_QCOW2.format(more='')), raw)
        step('converted: info', lambda: made.info()[:2])
        back = step('copy to raw', pool.createXMLFrom, _VOLUME.format(
            name='back', capacity=8 * _MIB, more='<allocation>0</allocation>'), made)
        step('back: contents', self._receive, back, 500, 30)
        back.delete()
        made.delete()
        top = step('copy a top', pool.createXMLFrom, _VOLUME.format(
            name='flat', capacity=0, more=_QCOW2.format(more='')), image)
        step('flat: XML', top.XMLDesc)
        step('wipe', raw.wipe)
        step('wiped', self._receive, raw, 500, 30)
        step('wiped: info', raw.info)
        step('wipe: bad flags', raw.wipe, 1)
        for algorithm in (0, 9, 10, 99):
            step(f'wipe pattern {algorithm}', raw.wipePattern, algorithm, 0)
        new = pool.storageVolLookupByName('new')
        step('wipe an image', new.wipe)
        step('wiped image', new.XMLDesc)
        step('delete: bad flags', copy.delete, 8)
        step('delete', copy.delete)
        step('deleted', copy.info)
        os.unlink(f'{self.directory}/pool/sparse')
        step('lost', pool.storageVolLookupByName('sparse').info)
        step('lost: delete', pool.storageVolLookupByName('sparse').delete)
        with open(f'{self.directory}/pool/found', 'wb') as stream:
            stream.write(b'x' * 10000)
        step('refresh for a new file', pool.refresh)
        step('found', lambda: pool.storageVolLookupByName('found').info()[:2])

    def _send(self, name: str, volume: Any, data: bytes, offset: int, length: int) -> None:
        stream = self.connection.newStream()
        if self.step(name, volume.upload, stream, offset, length) is None:
            return
        self.step(f'{name}: send', stream.send, data)
        self.step(f'{name}: finish', stream.finish)

    def _receive(self, volume: Any, offset: int, length: int) -> str:
        stream = self.connection.newStream()
        volume.download(stream, offset, length)
        received: list[bytes] = []
        stream.recvAll(lambda _stream, data, _opaque: received.append(data), None)
        stream.finish()
        data = b''.join(received)
        return f'{len(data)} bytes, {data.count(0)} zeroes, {data.strip(chr(0).encode())[:30]!r}'

    def _receive_sparse(self, volume: Any) -> list[Any]:
        stream = self.connection.newStream()
        volume.download(stream, 0, 0, libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM)
        pieces: list[Any] = []
        stream.sparseRecvAll(
            lambda _stream, data, _opaque: pieces.append(len(data)),
            lambda _stream, length, _opaque: pieces.append(f'hole {length}'), None)
        stream.finish()
        return pieces

    def _send_sparse(self, volume: Any) -> None:
        stream = self.connection.newStream()
        volume.upload(stream, 0, 0, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        stream.send(b'a' * 4096)
        stream.sendHole(65536)
        stream.send(b'b' * 4096)
        stream.finish()

    def end(self) -> None:
        pool, step = self.connection.storagePoolLookupByName('pool'), self.step
        step('destroy', pool.destroy)
        step('volume of an inactive pool', self.connection.storageVolLookupByPath,
             f'{self.directory}/pool/raw')
        step('delete a pool with volumes', pool.delete)
        step('undefine', pool.undefine)
        step('undefine again', pool.undefine)


def outcomes(uri: str, directory: str, *, overfull: bool = True) -> dict[str, Outcome]:
    """Run the session; return the outcome of each step by its name.

    :param overfull: whether to upload too much, which libvirtd 11.3 does not answer.
    """
    session = _Session(World(uri), directory, overfull)
    try:
        session.definitions()
        session.volumes()
        session.end()
    finally:
        for pool in session.connection.listAllStoragePools():
            if pool.name() != 'default':
                if pool.isActive():
                    pool.destroy()
                pool.undefine()
        session.world.close()
    return session.outcomes()
