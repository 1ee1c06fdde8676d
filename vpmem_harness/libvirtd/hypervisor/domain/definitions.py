"""The definitions of a domain that a call reads or changes.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainObjUpdateModificationImpact,
virDomainObjGetDefs, virDomainObjGetOneDef).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import invalid
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_exclusive_flags
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add, drop

LIVE: int = libvirt.VIR_DOMAIN_AFFECT_LIVE
CONFIG: int = libvirt.VIR_DOMAIN_AFFECT_CONFIG


def get_defs(domain: Domain, flags: int) -> tuple[Definition | None, Definition | None]:
    """Return the live and the persistent definition, each None unless ``flags`` select it.

    :raises LibvirtError: VIR_ERR_OPERATION_INVALID if the domain lacks one that they select.
    """
    if not flags & (LIVE | CONFIG):
        flags |= LIVE if domain.active else CONFIG
    if flags & LIVE and not domain.active:
        raise invalid('domain is not running', domain=libvirt.VIR_FROM_DOMAIN)
    if flags & CONFIG and not domain.persistent:
        raise invalid('transient domains do not have any persistent config',
                      domain=libvirt.VIR_FROM_DOMAIN)
    return (domain.live if flags & LIVE else None), (domain.config if flags & CONFIG else None)


def get_one_def(domain: Domain, flags: int) -> Definition:
    """Return the only definition that ``flags`` select."""
    check_exclusive_flags('virDomainObjGetOneDefState', flags, 'VIR_DOMAIN_AFFECT_LIVE',
              'VIR_DOMAIN_AFFECT_CONFIG', argument='flags')
    live, config = get_defs(domain, flags)
    definition = live or config
    if definition is None:
        raise AssertionError('one of the two is always there')
    return definition


def ensure_element(parent: Element, tag: str) -> Element:
    """Return the child with that tag, added if there is none."""
    found = parent.find(tag)
    return add(parent, tag) if found is None else found


def set_element(definition: Definition, group: str, name: str, value: object,
                **attributes: object) -> None:
    """Set the text and attributes of ``<name>`` inside the domain's element ``<group>``."""
    parent = ensure_element(definition.root, group)
    drop(parent, name)
    add(parent, name, value, **attributes)
