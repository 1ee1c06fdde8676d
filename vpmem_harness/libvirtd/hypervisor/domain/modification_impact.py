"""Which of a domain's definitions a change is about.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainObjUpdateModificationImpact,
virDomainObjGetDefs, virDomainObjGetOneDef).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import invalid
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.procedures import exclusive
from vpmem_harness.libvirtd.xml.definition import Definition

LIVE: int = libvirt.VIR_DOMAIN_AFFECT_LIVE
CONFIG: int = libvirt.VIR_DOMAIN_AFFECT_CONFIG


def impact(domain: Domain, flags: int) -> tuple[Definition | None, Definition | None]:
    """The live definition and the configuration, as far as ``flags`` are about them.

    :raises LibvirtError: VIR_ERR_OPERATION_INVALID where the domain does not have one.
    """
    if not flags & (LIVE | CONFIG):
        flags |= LIVE if domain.active else CONFIG
    if flags & LIVE and not domain.active:
        raise invalid('domain is not running', domain=libvirt.VIR_FROM_DOMAIN)
    if flags & CONFIG and not domain.persistent:
        raise invalid('transient domains do not have any persistent config',
                      domain=libvirt.VIR_FROM_DOMAIN)
    return (domain.live if flags & LIVE else None), (domain.config if flags & CONFIG else None)


def one(domain: Domain, flags: int) -> Definition:
    """The one definition that a query is about."""
    exclusive('virDomainObjGetOneDefState', flags, 'VIR_DOMAIN_AFFECT_LIVE',
              'VIR_DOMAIN_AFFECT_CONFIG', argument='flags')
    live, config = impact(domain, flags)
    definition = live or config
    if definition is None:
        raise AssertionError('one of the two is always there')
    return definition
