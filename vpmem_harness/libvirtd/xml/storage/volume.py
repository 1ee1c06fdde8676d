"""The definition of a storage volume: parse, check and format.

Source: libvirt 9.0.0, src/conf/storage_conf.c (virStorageVolDefParseXML,
virStorageVolDefFormat).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from vpmem_harness.libvirtd.errors import bad_xml, unsupported
from vpmem_harness.libvirtd.xml import numbers, reading, schema
from vpmem_harness.libvirtd.xml.etree import Element, add, element, first, serialize
from vpmem_harness.libvirtd.xml.storage.common import (
    FILE_FORMATS,
    FROM,
    Permissions,
    add_permissions,
    read_permissions,
    scaled,
    size,
    string,
)

#: The types of volumes, by libvirt's number.
TYPES: Final = ('file', 'block', 'dir', 'network', 'netdir', 'ploop')
#: Features of an image, in libvirt's order.
FEATURES: Final = ('lazy_refcounts', 'extended_l2')


#: The formats of encryption.
ENCRYPTIONS: Final = ('default', 'qcow', 'luks', 'luks2')


@dataclass(frozen=True)
class Encryption:
    """How a volume is encrypted: a format, and the types and UUIDs of secrets."""

    format: str
    secrets: tuple[tuple[str, str], ...] = ()


@dataclass
class Target:
    """A volume's file, or its backing file: what is asked for, or what is there.

    :ivar timestamps: seconds since the epoch of the last access, modification and change, with
        their nanoseconds, or None.
    """

    path: str | None = None
    format: str | None = None
    permissions: Permissions = field(default_factory=Permissions)
    timestamps: tuple[tuple[int, int], ...] | None = None
    compat: str | None = None
    cluster_size: int = 0
    features: tuple[str, ...] | None = None
    encryption: Encryption | None = None

    def add_to(self, parent: Element, tag: str) -> None:
        """Append the element ``tag``."""
        made = add(parent, tag)
        if self.path:
            add(made, 'path', self.path)
        if self.format is not None:
            add(made, 'format', type=self.format)
        add_permissions(made, self.permissions)
        if self.timestamps is not None:
            times = add(made, 'timestamps')
            for name, (seconds, nanoseconds) in zip(
                    ('atime', 'mtime', 'ctime', 'btime'), (*self.timestamps, (0, 0)), strict=True):
                fraction = f'.{nanoseconds:09}' if nanoseconds else ''
                add(times, name, f'{seconds}{fraction}')
        if self.encryption is not None:
            encryption = add(made, 'encryption', format=self.encryption.format)
            for kind, uuid in self.encryption.secrets:
                add(encryption, 'secret', type=kind, uuid=uuid)
        if self.compat:
            add(made, 'compat', self.compat)
        if self.cluster_size:
            add(made, 'clusterSize', self.cluster_size, unit='B')
        if self.features is not None:
            features = add(made, 'features')
            for name in FEATURES:
                if name in self.features:
                    add(features, name)


@dataclass
class VolumeDefinition:
    """A volume's definition; sizes are in bytes.

    :ivar capacity: None if the definition names none.
    :ivar allocation: None if the definition names none: the volume is fully allocated.
    """

    name: str
    target: Target
    capacity: int | None = None
    allocation: int | None = None
    backing: Target | None = None


def parse(text: str, *, files: bool, backed: bool = False, cloned: bool = False,
          validate: bool = False) -> VolumeDefinition:
    """Parse a volume's definition.

    :param files: whether the pool's volumes are files, which have a format.
    :param backed: whether a volume with a backing file may lack a capacity.
    :param cloned: whether the capacity may be missing: another volume is copied.
    :param validate: whether to check the definition with libvirt's schema.
    :raises LibvirtError: it is not well-formed, or something in it is missing or unknown.
    """
    root = reading.parse(text, root='volume', document='storage_volume_definition', domain=FROM)
    if validate:
        schema.check(text, 'storagevol.rng')
    name = string(root, 'name')
    if name is None:
        raise bad_xml('missing volume name element', domain=FROM)
    kind = root.get('type')
    if kind and kind not in TYPES:
        raise unsupported(f"unknown volume type '{kind}'", domain=FROM)
    backing = None
    if string(root, 'backingStore/path') is not None:
        backing = Target(string(root, 'backingStore/path'),
                         _format(root, 'backingStore/format/@type') if files else None,
                         read_permissions(root, 'backingStore/permissions'))
    capacity = _size(root, 'capacity')
    if capacity is None and not cloned and not (backed and backing is not None):
        raise bad_xml('missing capacity element', domain=FROM)
    allocation = _size(root, 'allocation')
    target = Target(None, _format(root, 'target/format/@type') if files else None,
                    read_permissions(root, 'target/permissions'), compat=_compat(root),
                    cluster_size=_cluster_size(root))
    target.encryption = _encryption(root)
    features = first(root, 'target/features')
    if features is not None:
        target.compat = target.compat or '1.1'
        for feature in features:
            if feature.tag not in FEATURES:
                raise unsupported(f'unsupported feature {feature.tag}', domain=FROM)
        target.features = tuple(feature.tag for feature in features)
    return VolumeDefinition(name, target, capacity, allocation, backing)


def _encryption(root: Element) -> Encryption | None:
    found = first(root, 'target/encryption')
    if found is None:
        return None
    form = found.get('format') or ''
    if form not in ENCRYPTIONS:
        raise unsupported(f'unknown volume encryption format type {form}', domain=FROM)
    return Encryption(form, tuple((secret.get('type', ''), secret.get('uuid', ''))
                                  for secret in found.findall('secret')))


def _format(root: Element, path: str) -> str:
    form = string(root, path)
    if form is None:
        return 'raw'
    if form not in FILE_FORMATS or form == 'none':
        raise unsupported(f'unknown volume format type {form}', domain=FROM)
    return form


def _size(root: Element, name: str) -> int | None:
    text = string(root, name)
    return None if text is None else size(text, string(root, f'{name}/@unit'))


def _compat(root: Element) -> str | None:
    compat = string(root, 'target/compat')
    if compat is not None and not re.fullmatch(r'\s*\+?[0-9]+\.\s*\+?[0-9]+', compat):
        raise bad_xml("forbidden characters in 'compat' attribute", domain=FROM)
    return compat


def _cluster_size(root: Element) -> int:
    text = string(root, 'target/clusterSize')
    if text is None:
        return 0
    number = numbers.whole(text)
    if number is None:
        raise bad_xml(f"Invalid value '{text}' for element or attribute './target/clusterSize'",
                      domain=FROM)
    return scaled(number, string(root, 'target/clusterSize/@unit'), (1 << 64) - 1)


def xml(kind: str, name: str, key: str, sizes: tuple[int, int, int], target: Target,
        backing: Target | None, extents: list[tuple[str, int, int]]) -> str:
    """Return a volume's XML.

    :param sizes: capacity, allocation and physical size in bytes.
    :param extents: the device, start and end in bytes of each piece of a logical volume.
    """
    root = element('volume', type=kind)
    add(root, 'name', name)
    if key:
        add(root, 'key', key)
    if extents:
        source = add(root, 'source')
        for path, start, end in extents:
            add(add(source, 'device', path=path), 'extent', start=start, end=end)
    for tag, value in zip(('capacity', 'allocation', 'physical'), sizes, strict=True):
        if value or tag != 'physical':
            add(root, tag, value, unit='bytes')
    target.add_to(root, 'target')
    if backing is not None:
        backing.add_to(root, 'backingStore')
    return serialize(root)
