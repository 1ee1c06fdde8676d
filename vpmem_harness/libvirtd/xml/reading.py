"""Reading XML as libvirt reads it, into plain elements.

lxml reads, as it gives libxml2's messages and its idea of blank text. What it read is taken over
at once into elements of the standard library's: each of lxml's is a stand-in that is made anew at
every look, and a definition is looked at a thousand times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

import libvirt
from lxml import etree

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.etree import Element

#: Namespaces whose elements have a place in a document of libvirt's, and their prefixes there.
PREFIXES: Final = {'http://libvirt.org/schemas/domain/qemu/1.0': 'qemu'}


def read(text: str, document: str, domain: int = libvirt.VIR_FROM_DOMAIN) -> Element:
    """The root element of ``text``.

    Comments and blank text are dropped, no entity is resolved, nothing is fetched. A name in a
    namespace reads ``{uri}name``, or ``prefix:name`` for one of :data:`PREFIXES`. What is within
    ``<metadata>`` is the client's own and keeps its prefixes: there an element's tag is as it is
    written, and ``xmlns:prefix`` is an attribute as others are.

    :param document: what libvirt calls the document in its errors.
    :param domain: the part of libvirt that reports that the text is not well formed.
    :raises LibvirtError: VIR_ERR_XML_DETAIL with the place and the cause.
    """
    root = _taken_over(tree(text, document, domain))
    for uri, prefix in PREFIXES.items():
        if any(child.tag.startswith(f'{prefix}:') for child in root):
            root.set(f'xmlns:{prefix}', uri)
    return root


def parse(text: str, *, root: str, document: str,
          domain: int = libvirt.VIR_FROM_DOMAIN) -> Element:
    """The root element of ``text`` as :func:`read` gives it, which must be named ``root``.

    :raises LibvirtError: VIR_ERR_XML_ERROR for another root.
    """
    element = read(text, document, domain)
    if element.tag != root:
        raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                           f"expecting root element of '{root}', not '{element.tag}'",
                           domain=libvirt.VIR_FROM_XML)
    return element


def tree(text: str, document: str, domain: int = libvirt.VIR_FROM_DOMAIN) -> etree._Element:
    """The root element of ``text`` in lxml's form, for what only lxml does.

    :raises LibvirtError: as :func:`read`.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True,
                             remove_pis=True, remove_blank_text=True, load_dtd=False)
    try:
        return etree.fromstring(text.encode('utf-8', 'surrogateescape'), parser)
    except etree.XMLSyntaxError:
        raise _syntax_error(text, document, parser.error_log, domain) from None


def _syntax_error(text: str, document: str, log: Iterable[Any],
                  domain: int) -> LibvirtError:
    """libvirt's message: place, cause, the offending line, and a mark below the column.

    Source: libvirt 9.0.0, src/util/virxml.c (catchXMLError).
    """
    entries = [entry for entry in log if entry.level == etree.ErrorLevels.FATAL]
    if not entries:
        return LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                            f"failed to parse xml document '{document}'", domain=domain)
    entry = entries[0]
    lines = text.split('\n')
    line = lines[entry.line - 1] if 0 < entry.line <= len(lines) else ''
    shown = line or '(null)'
    pad = ''.join('\t' if letter == '\t' else '-' for letter in line[:max(entry.column - 1, 0)])
    return LibvirtError(libvirt.VIR_ERR_XML_DETAIL,
                        f'({document}):{entry.line}: {entry.message}\n{shown}\n{pad}^',
                        domain=domain)


def _taken_over(source: Any) -> Element:
    tag = source.tag
    if tag == 'metadata':
        return metadata(source)
    element = Element(_name(tag) if tag[0] == '{' else tag, dict(source.items()))
    element.text = source.text
    for child in source:
        if isinstance(child.tag, str):          # no reference to an entity
            element.append(_taken_over(child))
    return element


def _name(tag: str) -> str:
    uri, _, name = tag[1:].partition('}')
    return f'{PREFIXES[uri]}:{name}' if uri in PREFIXES else tag


def metadata(source: etree._Element) -> Element:
    """The client's own part of a document, from lxml's form.

    What has no namespace, or that of an element before it, is dropped. A prefix that is declared
    further out is declared here, as libxml2 copies elements.
    Source: libvirt 9.0.0, src/util/virxml.c (virXMLNodeSanitizeNamespaces).
    """
    copied = deepcopy(source)
    copied.text = None
    seen: set[str | None] = {None}
    for child in list(copied):
        uri = etree.QName(child).namespace if isinstance(child.tag, str) else None
        child.tail = None
        if uri in seen:
            copied.remove(child)
        seen.add(uri)
    return foreign(copied, {})


def foreign(source: Any, known: Mapping[str | None, str]) -> Element:
    """An element of a client's own, from lxml's form, with the names that it is written with.

    :param known: the prefixes that are declared further out, and what they stand for.
    """
    name, nsmap = etree.QName(source).localname, source.nsmap
    element = Element(f'{source.prefix}:{name}' if source.prefix else name)
    for prefix, uri in nsmap.items():
        if known.get(prefix) != uri:
            element.set(f'xmlns:{prefix}' if prefix else 'xmlns', uri)
    for key, value in source.items():
        element.set(_attribute(key, nsmap), value)
    element.text, element.tail = source.text, source.tail
    element.extend([foreign(child, nsmap) for child in source if isinstance(child.tag, str)])
    return element


def _attribute(key: str, nsmap: Mapping[str | None, str]) -> str:
    if not key.startswith('{'):
        return key
    name = etree.QName(key)
    prefix = next((prefix for prefix, uri in nsmap.items() if uri == name.namespace and prefix),
                  'xml')
    return f'{prefix}:{name.localname}'
