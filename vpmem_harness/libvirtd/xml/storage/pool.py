"""The definition of a storage pool: parse, check and format.

Source: libvirt 9.0.0, src/conf/storage_conf.c (virStoragePoolDefParseXML,
virStoragePoolDefFormatBuf), src/storage/storage_backend_fs.c (mount options).
"""

from __future__ import annotations

import re
import uuid as uuids
from dataclasses import dataclass, field
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_attribute,
    bad_xml,
    internal,
    unsupported,
    xml_detail,
)
from vpmem_harness.libvirtd.xml import reading, schema
from vpmem_harness.libvirtd.xml.etree import Element, add, element, every, first, serialize
from vpmem_harness.libvirtd.xml.storage.common import (
    FROM,
    Permissions,
    add_permissions,
    read_permissions,
    sanitize,
    string,
)

#: The types of pools, in libvirt's order.
TYPES: Final = ('dir', 'fs', 'netfs', 'logical', 'disk', 'iscsi', 'iscsi-direct', 'scsi', 'mpath',
                'rbd', 'sheepdog', 'gluster', 'zfs', 'vstorage')
#: The types that a host supports; libvirt's others are packages that are not installed.
SUPPORTED: Final = ('dir', 'fs', 'netfs', 'logical')

#: The formats of a pool's source by its type; the default is first or named below.
FORMATS: Final = {
    'fs': ('auto', 'ext2', 'ext3', 'ext4', 'ufs', 'iso9660', 'udf', 'gfs', 'gfs2', 'vfat', 'hfs+',
           'xfs', 'ocfs2', 'vmfs'),
    'netfs': ('auto', 'nfs', 'glusterfs', 'cifs'),
    'logical': ('unknown', 'lvm2'),
    'disk': ('unknown', 'dos', 'dvh', 'gpt', 'mac', 'bsd', 'pc98', 'sun', 'lvm2')}
DEFAULT_FORMATS: Final = {'fs': 'auto', 'netfs': 'auto', 'logical': 'lvm2', 'disk': 'unknown'}

#: The namespace of mount options.
FS_NAMESPACE: Final = 'http://libvirt.org/schemas/storagepool/fs/1.0'
_STATES: Final = ('yes', 'no')


@dataclass
class Source:
    """The source of a pool: what it is made of, by its type."""

    hosts: list[tuple[str, int]] = field(default_factory=list)
    devices: list[tuple[str, str | None]] = field(default_factory=list)
    dir: str | None = None
    name: str | None = None
    format: str | None = None
    protocol: str | None = None
    vendor: str | None = None
    product: str | None = None

    def add_to(self, parent: Element, kind: str) -> Element:
        """Append the ``<source>`` of a pool of type ``kind``."""
        source = add(parent, 'source')
        if kind == 'netfs':
            for host, port in self.hosts:
                add(source, 'host', name=host, port=port or None)
        if kind in ('fs', 'logical'):
            for path, separator in self.devices:
                add(source, 'device', path=path, part_separator=separator)
        if kind == 'netfs' and self.dir:
            add(source, 'dir', path=self.dir)
        if kind == 'logical' and self.name:
            add(source, 'name', self.name)
        if self.format is not None:
            add(source, 'format', type=self.format)
        for tag, name, value in (('protocol', 'ver', self.protocol),
                                 ('vendor', 'name', self.vendor),
                                 ('product', 'name', self.product)):
            if value:
                add(source, tag, **{name: value})
        return source


@dataclass
class PoolDefinition:
    """A pool's definition; ``uuid`` is its canonical form."""

    type: str
    name: str
    uuid: str
    source: Source
    path: str
    permissions: Permissions
    cow: str | None = None
    refresh: str | None = None
    mount_options: list[str] = field(default_factory=list)

    def xml(self, capacity: int, allocation: int, available: int) -> str:
        """Return the definition with sizes in bytes."""
        options = self.mount_options
        root = element('pool', type=self.type)
        if options:
            root.set('xmlns:fs', FS_NAMESPACE)
        add(root, 'name', self.name)
        add(root, 'uuid', self.uuid)
        for name, size in (('capacity', capacity), ('allocation', allocation),
                           ('available', available)):
            add(root, name, size, unit='bytes')
        if self.cow is not None:
            add(add(root, 'features'), 'cow', state=self.cow)
        self.source.add_to(root, self.type)
        target = add(root, 'target')
        add(target, 'path', self.path)
        add_permissions(target, self.permissions)
        if self.refresh is not None:
            add(add(root, 'refresh'), 'volume', allocation=self.refresh)
        if options:
            listed = add(root, 'fs:mount_opts')
            for option in options:
                add(listed, 'fs:option', name=option)
        return formatted(root)


def formatted(root: Element) -> str:
    """Serialize; libvirt opens and closes an empty ``<source>`` and ``<target>`` on two lines."""
    return re.sub(r'^( *)<(source)/>$', r'\1<\2>\n\1</\2>', serialize(root), flags=re.MULTILINE)


def parse(text: str, new_uuid: str, *, validate: bool = False) -> PoolDefinition:
    """Parse a pool's definition.

    :param new_uuid: the UUID for a definition without one.
    :param validate: whether to check the definition with libvirt's schema.
    :raises LibvirtError: it is not well-formed, or something in it is missing or unknown.
    """
    root = reading.parse(text, root='pool', document='storage_pool_definition', domain=FROM)
    if validate:
        schema.check(text, 'storagepool.rng')
    kind = root.get('type')
    if kind is None:
        raise bad_xml("Missing required attribute 'type' in element 'pool'",
                      domain=libvirt.VIR_FROM_XML)
    if kind not in TYPES:
        raise bad_attribute('pool', 'type', kind)
    found = first(root, 'source')
    source = Source(format=DEFAULT_FORMATS.get(kind)) if found is None else read_source(found, kind)
    name = string(root, 'name') or (source.name if kind == 'logical' else None)
    if name is None:
        raise bad_xml('missing pool source name element', domain=FROM)
    if '/' in name:
        raise bad_xml(f"name {name} cannot contain '/'", domain=FROM)
    uuid = _uuid(string(root, 'uuid') or new_uuid)
    cow = _cow(root, kind)
    _require(source, kind, name)
    path = f'/dev/{source.name}' if kind == 'logical' else string(root, 'target/path')
    if path is None and kind in ('dir', 'fs', 'netfs', 'disk', 'iscsi', 'scsi', 'mpath'):
        raise bad_xml('missing storage pool target path', domain=FROM)
    permissions = read_permissions(root, 'target/permissions')
    refresh = string(root, 'refresh/volume/@allocation')
    if refresh not in (None, 'default', 'capacity'):
        raise unsupported(f'unknown storage pool volume refresh allocation type {refresh}',
                          domain=FROM)
    return PoolDefinition(kind, name, uuid, source, sanitize(path or ''), permissions, cow, refresh,
                          _mount_options(root) if kind in ('fs', 'netfs') else [])


def _uuid(text: str) -> str:
    try:
        return str(uuids.UUID(text.strip()))
    except ValueError:
        raise bad_xml('malformed uuid element', domain=FROM) from None


def _cow(root: Element, kind: str) -> str | None:
    found = first(root, 'features/cow')
    state = None if found is None else found.get('state')
    if state is None:
        return None
    if state not in _STATES:
        raise bad_attribute('cow', 'state', state)
    if kind not in ('dir', 'fs'):
        raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT,
                           "cow feature may only be used for 'fs' and 'dir' pools", domain=FROM)
    return state


def _require(source: Source, kind: str, name: str) -> None:
    """Refuse a source that lacks what its type needs."""
    if kind in ('netfs', 'iscsi') and not source.hosts:
        raise bad_xml('missing storage pool source host name', domain=FROM)
    if kind == 'netfs' and source.dir is None:
        raise bad_xml('missing storage pool source path', domain=FROM)
    if kind == 'logical' and source.name is None:
        source.name = name
    if kind in ('fs', 'disk') and not source.devices:
        raise bad_xml('missing storage pool source device name', domain=FROM)


def read_source(found: Element, kind: str) -> Source:
    """Read the ``<source>`` of a pool of type ``kind``."""
    name = string(found, 'name')
    form = string(found, 'format/@type') or DEFAULT_FORMATS.get(kind)
    if kind in FORMATS and form not in FORMATS[kind]:
        raise unsupported(f'unknown pool format type {form}', domain=FROM)
    source = Source(name=name, format=form if kind in FORMATS else None)
    for host in found.findall('host'):
        if not host.get('name'):
            raise bad_xml('missing storage pool host name', domain=FROM)
        port = host.get('port')
        if port is not None and not re.fullmatch(r'\s*[+-]?[0-9]{1,9}', port):
            raise bad_attribute('host', 'port', port, expected='integer value')
        source.hosts.append((host.get('name', ''), int(port or '0')))
    for device in found.findall('device'):
        path, separator = device.get('path'), device.get('part_separator')
        if path is None:
            raise bad_xml('missing storage pool source device path', domain=FROM)
        if separator not in (None, *_STATES):
            raise bad_attribute('device', 'part_separator', str(separator))
        source.devices.append((path, separator))
    directory = string(found, 'dir/@path')
    source.dir = None if directory is None else sanitize(directory)
    source.protocol = string(found, 'protocol/@ver')
    if source.protocol is not None:
        if source.format not in ('nfs', 'auto'):
            raise unsupported('storage pool protocol ver unsupported for pool type '
                              f"'{source.format}'", domain=FROM)
        if ',' in source.protocol:
            raise xml_detail(f"storage pool protocol ver '{source.protocol}' must not contain ','",
                             domain=FROM)
    source.vendor = string(found, 'vendor/@name')
    source.product = string(found, 'product/@name')
    return source


def parse_source(text: str, kind: str) -> Source:
    """Parse the specification of a source, for the discovery of sources."""
    root = reading.parse(text, root='source', document='storage_source_specification',
                         domain=FROM)
    return read_source(root, kind)


def _mount_options(root: Element) -> list[str]:
    options = []
    for option in every(root, f'{{{FS_NAMESPACE}}}mount_opts/{{{FS_NAMESPACE}}}option'):
        if option.get('name') is None:
            raise bad_xml('no fs mount option name specified', domain=FROM)
        options.append(option.get('name', ''))
    return options


def missing_backend(kind: str) -> LibvirtError:
    """Return the error of a type of pool that the host does not support."""
    return internal(f'missing backend for pool type {TYPES.index(kind)} ({kind})', domain=FROM)
