"""Reading a stored definition again, as a daemon does at its start."""

from __future__ import annotations

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import formatter, parser
from vpmem_harness.libvirtd.xml.host import XmlHost


def reload(definition: Definition, host: XmlHost) -> Definition:
    """Return a definition as the release of ``host`` reads it.

    A definition that the release would refuse is kept: libvirt loads stored definitions without
    validation, and refuses to start them.
    """
    text = formatter.domain(definition, inactive=True, secure=True, migratable=True)
    try:
        return parser.parse(text, host)
    except LibvirtError:
        kept = definition.copy()
        kept.release = host.release
        return kept
