"""A definition as XML: as it is now, as it will be, or as another host can take it."""

from __future__ import annotations

from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain_layout import arrange


def domain(definition: Definition, *, inactive: bool = False, secure: bool = False,
           migratable: bool = False) -> str:
    """The XML of a definition.

    :param inactive: leave out what only a running domain has.
    :param secure: with passwords.
    :param migratable: leave out what an older libvirt does not know.
    """
    root = arrange(definition).root
    if not secure:
        for graphics in root.findall('devices/graphics'):
            etree.unset(graphics, 'passwd', 'passwdValidTo')
    if inactive or migratable:
        etree.unset(root, 'id')
    return etree.serialize(root)
