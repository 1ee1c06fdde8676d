"""Procedures for a domain's title, description and metadata.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDefSetMetadata).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, bad_xml
from vpmem_harness.libvirtd.hypervisor.domain.definitions import CONFIG, LIVE, get_defs, get_one_def
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import metadata
from vpmem_harness.libvirtd.xml.etree import add, drop

_TEXTS = {libvirt.VIR_DOMAIN_METADATA_DESCRIPTION: 'description',
          libvirt.VIR_DOMAIN_METADATA_TITLE: 'title'}


class MetadataProcedures(ProcedureGroup):
    """Procedures for a domain's title, description and metadata."""

    @procedure
    def domain_get_metadata(self, handle: DomainHandle, kind: int, uri: str | None,
                            flags: int) -> str:
        """Return a domain's description, title, or metadata element of a namespace."""
        domain = self.domain(handle)
        check_flags('virDomainObjGetMetadata', flags, LIVE | CONFIG,
                    domain=libvirt.VIR_FROM_DOMAIN)
        definition = get_one_def(domain, flags)
        found: str | None = None
        if kind in _TEXTS:
            found = definition.root.findtext(_TEXTS[kind])
        elif kind == libvirt.VIR_DOMAIN_METADATA_ELEMENT:
            found = metadata.get(definition, uri or '')
        else:
            raise bad_argument(f"unknown metadata type '{kind}'", domain=libvirt.VIR_FROM_DOMAIN)
        if not found:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_METADATA,
                               'Requested metadata element is not present',
                               domain=libvirt.VIR_FROM_DOMAIN)
        return found

    @procedure
    def domain_set_metadata(self, handle: DomainHandle, kind: int, metadata: str | None,
                            key: str | None, uri: str | None, flags: int) -> None:
        """Set or, with None, remove a domain's description, title, or metadata element."""
        check_flags('qemuDomainSetMetadata', flags, LIVE | CONFIG)
        domain = self.domain(handle)
        definitions = get_defs(domain, flags)
        for definition in definitions:
            if definition is not None:
                _set_metadata(definition, kind, metadata, key, uri)
        self.hypervisor.events.publish(
            libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, domain, kind,
            uri if kind == libvirt.VIR_DOMAIN_METADATA_ELEMENT else None)


def _set_metadata(definition: Definition, kind: int, text: str | None, key: str | None,
                  uri: str | None) -> None:
    root = definition.root
    if kind in _TEXTS:
        if kind == libvirt.VIR_DOMAIN_METADATA_TITLE and '\n' in (text or ''):
            raise bad_xml("Domain title can't contain newlines")
        drop(root, _TEXTS[kind])
        if text:
            add(root, _TEXTS[kind], text)
        return
    if kind != libvirt.VIR_DOMAIN_METADATA_ELEMENT:
        raise bad_argument(f"unknown metadata type '{kind}'", domain=libvirt.VIR_FROM_DOMAIN)
    metadata.put(definition, text or None, key or '', uri or '')
