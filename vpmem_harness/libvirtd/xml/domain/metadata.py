"""Metadata of clients in a definition: one element per XML namespace.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDefSetMetadata), src/util/virxml.c.
"""

from __future__ import annotations

from copy import deepcopy

from lxml import etree as lxml

from vpmem_harness.libvirtd.xml import reading
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import add, replace, serialize


def get(definition: Definition, uri: str) -> str | None:
    """Return the element of a namespace, without the namespace; None if there is none."""
    metadata = _tree(definition)
    found = None if metadata is None else _of(metadata, uri)
    if found is None:
        return None
    return lxml.tostring(_out_of_namespace(found, uri), encoding='unicode', with_tail=False,
                         pretty_print=True).strip()


def put(definition: Definition, text: str | None, key: str, uri: str) -> None:
    """Set the element of a namespace with the prefix ``key``; None removes it.

    :raises LibvirtError: if the text is not well-formed.
    """
    root = definition.root
    metadata = _tree(definition)
    new = None if text is None else _in_namespace(reading.tree(text, 'metadata_xml'), key, uri)
    if metadata is None:
        if new is None:
            return
        metadata = lxml.Element('metadata')
        add(root, 'metadata')
    old = _of(metadata, uri)
    if old is not None:
        metadata.remove(old)
    if new is not None:
        metadata.append(new)
    kept = root.find('metadata')
    if kept is None:
        raise AssertionError('the metadata was there, or has been added')
    if len(metadata):
        replace(root, kept, reading.metadata(metadata))
    else:
        root.remove(kept)


def _tree(definition: Definition) -> lxml._Element | None:
    found = definition.root.find('metadata')
    return None if found is None else reading.tree(serialize(found), 'metadata')


def _of(metadata: lxml._Element, uri: str) -> lxml._Element | None:
    return next((child for child in metadata if lxml.QName(child).namespace == uri), None)


def _in_namespace(element: lxml._Element, key: str, uri: str) -> lxml._Element:
    """Return the element and its content in the namespace, with its prefix."""
    def rebuilt(source: lxml._Element, nsmap: dict[str, str] | None) -> lxml._Element:
        name = lxml.QName(source)
        tag = source.tag if name.namespace else f'{{{uri}}}{name.localname}'
        target = lxml.Element(tag, nsmap=nsmap)
        for attribute, value in source.items():
            target.set(attribute, value)
        target.text, target.tail = source.text, source.tail
        for child in source:
            target.append(rebuilt(child, None) if not lxml.QName(child).namespace
                          else deepcopy(child))
        return target
    return rebuilt(element, {key: uri})


def _out_of_namespace(element: lxml._Element, uri: str) -> lxml._Element:
    """Return a copy of the element and its content without the namespace.

    Source: libvirt 9.0.0, src/util/virxml.c (virXMLExtractNamespaceXML).
    """
    def rebuilt(source: lxml._Element, nsmap: dict[str, str]) -> lxml._Element:
        name = lxml.QName(source)
        target = lxml.Element(name.localname if name.namespace == uri else source.tag,
                              nsmap=nsmap)
        for attribute, value in source.items():
            target.set(attribute, value)
        target.text, target.tail = source.text, source.tail
        for child in source:
            target.append(rebuilt(child, {}))
        return target
    return rebuilt(element, {prefix: value for prefix, value in element.nsmap.items()
                             if prefix is not None and value != uri})
