"""Parse XML as libvirt does, into elements of the standard library.

lxml parses, because libvirt's errors contain libxml2's messages. The result is converted to
elements of the standard library: lxml creates a new proxy at each access of an element, and the
completion of a definition accesses elements a thousand times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

import libvirt
from lxml import etree

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.numbers import MOST_DIGITS, shortened

#: Elements whose text is not changed.
_FREE_TEXT: Final = ('metadata', 'title', 'description', 'name')

#: Namespaces of elements that libvirt's documents contain, with their prefixes.
PREFIXES: Final = {'http://libvirt.org/schemas/domain/qemu/1.0': 'qemu'}


def read(text: str, document: str, domain: int = libvirt.VIR_FROM_DOMAIN) -> Element:
    """Parse ``text`` and return its root element.

    Comments and blank text are dropped, no entity is resolved, and nothing is fetched. A name in a
    namespace becomes ``{uri}name``, or ``prefix:name`` for one of :data:`PREFIXES`. Content of
    ``<metadata>`` keeps its prefixes: tags stay as written, and ``xmlns:prefix`` is an ordinary
    attribute.

    :param document: the name of the document in libvirt's errors.
    :param domain: the error domain for text that is not well-formed.
    :raises LibvirtError: VIR_ERR_XML_DETAIL with position and cause.
    """
    root = _taken_over(tree(text, document, domain))
    if max(map(len, text.split()), default=0) > MOST_DIGITS:
        _shorten_numbers(root)
    for uri, prefix in PREFIXES.items():
        if any(child.tag.startswith(f'{prefix}:') for child in root):
            root.set(f'xmlns:{prefix}', uri)
    return root


def parse(text: str, *, root: str, document: str,
          domain: int = libvirt.VIR_FROM_DOMAIN) -> Element:
    """Parse ``text`` like :func:`read`, and require a root element named ``root``.

    :raises LibvirtError: VIR_ERR_XML_ERROR if the root has another name.
    """
    element = read(text, document, domain)
    if element.tag != root:
        raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                           f"expecting root element of '{root}', not '{element.tag}'",
                           domain=libvirt.VIR_FROM_XML)
    return element


def tree(text: str, document: str, domain: int = libvirt.VIR_FROM_DOMAIN) -> etree._Element:
    """Parse ``text`` into lxml elements, for what only lxml supports.

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
    """Return libvirt's error: position, cause, the line, and a marker below the column.

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
    error = LibvirtError(libvirt.VIR_ERR_XML_DETAIL,
                         f'({document}):{entry.line}: {entry.message}\n{shown}\n{pad}^',
                         domain=domain)
    # Recording: golden/libvirt/debian13/libvirt-11.3-calls-qemu.json.
    marked = f'{line}\n{pad}^' if line else ''
    return error.renewed('names_lines', LibvirtError(
        libvirt.VIR_ERR_XML_DETAIL, f'at line {entry.line}: {entry.message}\n{marked}',
        domain=domain))


def _taken_over(source: Any) -> Element:
    tag = source.tag
    if tag == 'metadata':
        return metadata(source)
    element = Element(_name(tag) if tag[0] == '{' else tag, dict(source.items()))
    element.text = source.text
    for child in source:
        if isinstance(child.tag, str):          # not an entity reference
            element.append(_taken_over(child))
    return element


def _shorten_numbers(element: Element) -> None:
    """Shorten the numbers in attributes and text; see :func:`numbers.shortened`."""
    if element.tag in _FREE_TEXT:
        return
    for key, value in element.items():
        element.set(key, shortened(value))
    element.text = element.text and shortened(element.text)
    for child in element:
        _shorten_numbers(child)


def _name(tag: str) -> str:
    uri, _, name = tag[1:].partition('}')
    return f'{PREFIXES[uri]}:{name}' if uri in PREFIXES else tag


def metadata(source: etree._Element) -> Element:
    """Convert ``<metadata>`` from lxml elements.

    Elements without a namespace, or with the namespace of an earlier element, are dropped. Prefixes
    that an outer element declares are declared here, as libxml2 does when it copies elements.
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
    """Convert a client's element from lxml, with names as they are written.

    :param known: prefixes that outer elements declare, with their namespaces.
    """
    name, nsmap = source.tag.rpartition('}')[2], source.nsmap
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
