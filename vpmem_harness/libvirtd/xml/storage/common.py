"""What the definitions of pools and volumes have in common: texts, sizes and permissions.

Source: libvirt 9.0.0, src/conf/storage_conf.c, src/util/virfile.c (virFileSanitizePath),
src/util/virutil.c (virScaleInteger).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_xml
from vpmem_harness.libvirtd.values import signed
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, add, first, text_of

FROM = libvirt.VIR_FROM_STORAGE

#: The formats of files, in libvirt's order.
FILE_FORMATS = ('none', 'raw', 'dir', 'bochs', 'cloop', 'dmg', 'iso', 'vpc', 'vdi', 'fat', 'vhd',
                'ploop', 'cow', 'qcow', 'qcow2', 'qed', 'vmdk')


@dataclass
class Permissions:
    """Mode, owner, group and label of a file; None where nothing is said."""

    mode: int | None = None
    owner: int | None = None
    group: int | None = None
    label: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None
                   for value in (self.mode, self.owner, self.group, self.label))


def string(root: Element, path: str) -> str | None:
    """Return the text of an element or, with ``/@name`` at the end, an attribute; None if empty."""
    path, _, attribute = path.partition('/@')
    if not attribute:
        return text_of(root, path) or None
    found = first(root, path)
    return None if found is None else found.get(attribute) or None


def sanitize(path: str) -> str:
    """Remove repeated and trailing slashes from a path; exactly two at its start stay.

    A URI stays as it is.  Source: libvirt 9.0.0, src/util/virfile.c (virFileSanitizePath).
    """
    if '://' in path:
        return path
    start = '/' if path.startswith('//') and not path.startswith('///') else ''
    clean = re.sub('/+', '/', path)
    if len(clean) > 1:
        clean = clean.rstrip('/')
    return start + clean


def size(text: str, unit: str | None) -> int:
    """Return a size in bytes.

    :raises LibvirtError: it is not a number, its unit is unknown, or it is too large.
    """
    number = numbers.whole(text)
    if number is None:
        raise bad_xml('malformed capacity element', domain=FROM)
    return scaled(number, unit)


def scaled(number: int, unit: str | None, limit: int = numbers.MAX_BYTES) -> int:
    """Return a number of units in bytes; raise an error if the unit or the size is wrong."""
    factor = numbers.unit_bytes(unit) if unit else 1
    if factor is None:
        raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG, f"unknown suffix '{unit}'",
                           domain=libvirt.VIR_FROM_NONE)
    if number * factor > limit:
        raise LibvirtError(libvirt.VIR_ERR_OVERFLOW, f'value too large: {number}{unit or ""}',
                           domain=libvirt.VIR_FROM_NONE)
    return number * factor


def read_permissions(root: Element, path: str) -> Permissions:
    """Read the ``<permissions>`` at ``path``."""
    found = first(root, path)
    if found is None:
        return Permissions()
    mode = string(found, 'mode')
    if mode is not None and (not re.fullmatch(r'\s*\+?[0-7]+', mode) or int(mode, 8) > 0o777):
        raise bad_xml('malformed octal mode', domain=FROM)
    return Permissions(None if mode is None else int(mode, 8), _identifier(found, 'owner'),
                       _identifier(found, 'group'), string(found, 'label'))


def _identifier(permissions: Element, name: str) -> int | None:
    """Return the number of a user or group; None if it is missing or -1."""
    text = text_of(permissions, name)
    if text is None:
        return None
    match = re.fullmatch(r'\s*([+-]?[0-9]+)', text)
    number = -2 if match is None else int(match[1])
    if not -1 <= number < 1 << 32:
        raise bad_xml(f'malformed {name} element', domain=FROM)
    return None if number in (-1, (1 << 32) - 1) else number


def add_permissions(parent: Element, permissions: Permissions) -> None:
    """Append a ``<permissions>`` element, unless nothing is said."""
    if not permissions:
        return
    made = add(parent, 'permissions')
    if permissions.mode is not None:
        add(made, 'mode', f'0{permissions.mode:o}')
    for name, value in (('owner', permissions.owner), ('group', permissions.group)):
        if value is not None:
            add(made, name, signed(value))
    if permissions.label:
        add(made, 'label', permissions.label)
