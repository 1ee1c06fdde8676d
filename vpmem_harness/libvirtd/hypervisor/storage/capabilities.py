"""The types and formats of storage pools that a host supports, as XML.

Source: libvirt 9.0.0, src/conf/storage_capabilities.c.
"""

from __future__ import annotations

import re
from typing import Final

from vpmem_harness.libvirtd.xml.etree import Element, add, element, serialize
from vpmem_harness.libvirtd.xml.storage import pool
from vpmem_harness.libvirtd.xml.storage.common import FILE_FORMATS

#: The formats of volumes by the type of their pool; the default is named first.
_VOLUMES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    **dict.fromkeys(('dir', 'fs', 'netfs', 'gluster', 'vstorage'), ('raw', FILE_FORMATS)),
    'disk': ('none', ('none', 'linux', 'fat16', 'fat32', 'linux-swap', 'linux-lvm', 'linux-raid',
                      'extended')),
    'rbd': ('raw', ())}


def xml() -> str:
    """Return the capabilities."""
    root = element('storagepoolCapabilities')
    for kind in pool.TYPES:
        made = add(root, 'pool', type=kind, supported='yes' if kind in pool.SUPPORTED else 'no')
        if kind in pool.FORMATS:
            _options(made, 'poolOptions', pool.DEFAULT_FORMATS[kind], 'sourceFormatType',
                     pool.FORMATS[kind])
        if kind in _VOLUMES:
            default, formats = _VOLUMES[kind]
            _options(made, 'volOptions', default, 'targetFormatType', formats)
    # libvirt opens and closes these elements on two lines even if they are empty.
    return re.sub(r'^( *)<((pool|enum) [^>]*)/>$', r'\1<\2>\n\1</\3>', serialize(root),
                  flags=re.MULTILINE)


def _options(parent: Element, tag: str, default: str, name: str,
             values: tuple[str, ...]) -> None:
    options = add(parent, tag)
    add(options, 'defaultFormat', type=default)
    listed = add(options, 'enum', name=name)
    for value in values:
        add(listed, 'value', value)
