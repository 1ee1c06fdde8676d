"""Validation against libvirt's RelaxNG schemas, if libvirt is installed."""

from __future__ import annotations

import functools
from pathlib import Path

import libvirt
from lxml import etree

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml import reading

#: Directories in which distributions install the schemas.
DIRECTORIES = (Path('/usr/share/libvirt/schemas'), Path('/usr/local/share/libvirt/schemas'))


@functools.cache
def load(name: str) -> etree.RelaxNG | None:
    """Load a schema by file name; None if libvirt's schemas are not installed."""
    for directory in DIRECTORIES:
        path = directory / name
        if path.is_file():
            return etree.RelaxNG(etree.parse(str(path)))
    return None


def check(text: str, name: str) -> None:
    """Refuse a document that a schema does not allow; accept it if the schema is missing.

    :param text: the document, which must be well-formed.
    :raises LibvirtError: VIR_ERR_XML_INVALID_SCHEMA, as libvirt reports it.
    """
    schema = load(name)
    if schema is None or schema.validate(reading.tree(text, name)):
        return
    errors = ''.join(f'{entry.message}\n' for entry in schema.error_log)
    raise LibvirtError(libvirt.VIR_ERR_XML_INVALID_SCHEMA,
                       f'Unable to validate doc against {_path(name)}\n{errors}',
                       domain=libvirt.VIR_FROM_XML)


def _path(name: str) -> Path:
    return next((directory / name for directory in DIRECTORIES
                 if (directory / name).is_file()), DIRECTORIES[0] / name)
