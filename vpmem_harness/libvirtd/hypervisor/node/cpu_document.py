"""Read the CPUs that clients compare.

A CPU with an architecture describes a host unless it has a mode or a match; any other one describes
what a guest asks for. Source: libvirt 9.0.0, src/conf/cpu_conf.c (virCPUDefParseXML).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_attribute,
    bad_xml,
    missing_attribute,
    unsupported,
)
from vpmem_harness.libvirtd.xml import numbers, reading, schema
from vpmem_harness.libvirtd.xml.domain import section_checks
from vpmem_harness.libvirtd.xml.domain.parser import ARCHITECTURES
from vpmem_harness.libvirtd.xml.etree import Element, every, text_of

_CPU = libvirt.VIR_FROM_CPU


def read(text: str, *, validate: bool = False, host: bool = False) -> Element:
    """Read a CPU.

    :param validate: validate the document against libvirt's schema.
    :param host: refuse the CPU of a guest.
    :raises LibvirtError: libvirt does not understand the document.
    """
    cpu = reading.read(text, 'CPU_definition', _CPU)
    if cpu.tag != 'cpu':
        raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                           "XML does not contain expected 'cpu' element", domain=_CPU)
    if validate:
        schema.check(text, 'cpu.rng')
    if host and cpu.get('mode') is not None:
        raise unsupported('Attribute mode is only allowed for guest CPU', domain=_CPU)
    arch = text_of(cpu, 'arch')
    if host and not arch:
        raise bad_xml('Missing CPU architecture', domain=_CPU)
    match = cpu.get('match')
    if match is not None and match not in ('minimum', 'exact', 'strict'):
        raise bad_attribute('cpu', 'match', match)
    if arch and arch not in ARCHITECTURES:
        raise unsupported(f'Unknown architecture {arch}', domain=_CPU)
    if arch and not text_of(cpu, 'model') and cpu.get('mode') is None and match is None:
        raise bad_xml('Missing CPU model name', domain=_CPU)
    for model in every(cpu, 'model'):
        if model.get('fallback') not in (None, 'allow', 'forbid'):
            raise unsupported('Invalid fallback attribute', domain=_CPU)
    _check_topology(cpu)
    section_checks.check_cpu_features(cpu)
    return cpu


def _check_topology(cpu: Element) -> None:
    for topology in cpu.findall('topology'):
        for name in ('sockets', 'cores', 'threads'):
            text = topology.get(name)
            if text is None:
                raise missing_attribute('topology', name)
            if numbers.whole(text) == 0:
                raise bad_xml(f"Invalid value for attribute '{name}' in element 'topology': "
                              'Zero is not permitted', domain=libvirt.VIR_FROM_XML)
