"""Refuse invalid limits, pinning and placement of a domain.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDefTunablesParse,
virDomainVcpuPinDefParseXML, virDomainDefParseMemory), src/conf/numa_conf.c
(virDomainNumatuneParseXML); each refusal was compared with libvirt 9.0.0.
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_xml,
    internal,
    missing_attribute,
    unsupported,
    xml_detail,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, every, first, text_of

_DOMAIN: Final[int] = libvirt.VIR_FROM_DOMAIN

#: The ranges of periods and quotas in microseconds, and of shares.
#: Source: libvirt 9.0.0, src/util/vircgroup.h.
PERIODS: Final = (1000, 1000000)
QUOTAS: Final = (1000, 17592186044415)
SHARES: Final = (2, 262144)
_RANGES: Final = {
    'shares': SHARES, 'period': PERIODS, 'quota': QUOTAS, 'global_period': PERIODS,
    'global_quota': QUOTAS, 'emulator_period': PERIODS, 'emulator_quota': QUOTAS,
    'iothread_period': PERIODS, 'iothread_quota': QUOTAS,
}
_MODES: Final = ('strict', 'preferred', 'interleave', 'restrictive')


def check(source: Element) -> None:
    """Refuse invalid limits and placement."""
    _check_block_devices(source)
    _check_pages(source)
    _check_iothreads(source)
    _check_limits(source)
    _check_pinning(source)
    _check_schedulers(source)
    _check_numa(source)


def _bitmap(element: Element, name: str) -> set[int]:
    """Return the numbers in an attribute. An empty set is refused, too."""
    text = element.get(name, '')
    found = numbers.bitmap(text)
    if not found:
        raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG, f"Failed to parse bitmap '{text}'",
                           domain=libvirt.VIR_FROM_NONE)
    return found


def _check_block_devices(source: Element) -> None:
    seen: set[str] = set()
    for device in every(source, 'blkiotune/device'):
        path = text_of(device, 'path')
        if not path:
            raise unsupported('missing per-device path', domain=_DOMAIN)
        if path in seen:
            raise unsupported(f"duplicate blkio device path '{path}'", domain=_DOMAIN)
        seen.add(path)


def _check_pages(source: Element) -> None:
    threads = first(source, 'memoryBacking/allocation')
    if threads is not None and numbers.whole(threads.get('threads', '1')) is None:
        raise bad_xml('Failed to parse memory allocation threads')
    cells = len(every(source, 'cpu/numa/cell'))
    seen: list[tuple[int, set[int]]] = []
    for page in every(source, 'memoryBacking/hugepages/page'):
        size = numbers.kib_attribute(page, 'size', 'unit')
        if not size:
            raise xml_detail("hugepage size can't be zero")
        nodes = _bitmap(page, 'nodeset') if page.get('nodeset') else set()
        if nodes and max(nodes) >= max(cells, 1):
            missing = min(node for node in nodes if node >= max(cells, 1))
            raise xml_detail(f'hugepages: node {missing} not found')
        for other, others in seen:
            if not nodes and not others:
                raise xml_detail(f'two master hugepages detected: {size} and {other}')
            if nodes & others:
                raise xml_detail(f'nodeset attribute of hugepages of sizes {size} and {other} '
                                 'intersect')
        seen.append((size, nodes))


def _check_iothreads(source: Element) -> None:
    count = text_of(source, 'iothreads')
    if count is not None and numbers.whole(count) is None:
        raise bad_xml(f"invalid iothreads count '{count}'")
    seen: set[str | None] = set()
    for thread in every(source, 'iothreadids/iothread'):
        if thread.get('id') in seen:
            raise bad_xml(f"duplicate iothread id '{thread.get('id')}' found")
        seen.add(thread.get('id'))
        least, most = thread.get('thread_pool_min'), thread.get('thread_pool_max')
        if least and most and (numbers.whole(least) or 0) > (numbers.whole(most) or 0):
            raise unsupported('thread_pool_min must be smaller or equal to thread_pool_max',
                              domain=_DOMAIN)


def _check_limits(source: Element) -> None:
    tune = source.find('cputune')
    if tune is None:
        return
    for name, (least, most) in _RANGES.items():
        number = numbers.whole(text_of(tune, name))
        if number and not least <= number <= most:
            raise unsupported(f"Value of cputune '{name}' must be in range [{least}, {most}]",
                              domain=_DOMAIN)


def _check_pinning(source: Element) -> None:
    vcpu = source.find('vcpu')
    if vcpu is not None and vcpu.get('cpuset'):
        _bitmap(vcpu, 'cpuset')
    seen: set[str | None] = set()
    for pin in every(source, 'cputune/vcpupin'):
        if pin.get('vcpu') in seen:
            raise internal(f"duplicate vcpupin for vcpu '{pin.get('vcpu')}'", domain=_DOMAIN)
        seen.add(pin.get('vcpu'))
    for tag in ('vcpupin', 'emulatorpin', 'iothreadpin'):
        pins = every(source, f'cputune/{tag}')
        for pin in pins:
            if pin.get('cpuset') is None:
                raise internal(f'missing cpuset for {tag}', domain=_DOMAIN)
            _bitmap(pin, 'cpuset')
        if tag == 'emulatorpin' and len(pins) > 1:
            raise bad_xml('only one emulatorpin is supported')


def _check_schedulers(source: Element) -> None:
    for tag, name in (('vcpusched', 'vcpus'), ('iothreadsched', 'iothreads'),
                      ('emulatorsched', '')):
        seen: set[int] = set()
        for found in every(source, f'cputune/{tag}'):
            if name and found.get(name) is None:
                raise bad_xml(f"Missing attribute '{name}' in element '{tag}'")
            if found.get('scheduler') in ('fifo', 'rr') and found.get('priority') is None:
                raise missing_attribute(tag, 'priority')
            used = _bitmap(found, name) if name else set()
            if used & seen:
                raise xml_detail(f"'{tag}' attributes '{name}' must not overlap")
            seen |= used


def _check_numa(source: Element) -> None:
    memory = first(source, 'numatune/memory')
    cells = every(source, 'cpu/numa/cell')
    nodes = every(source, 'numatune/memnode')
    for found in ([] if memory is None else [memory]) + nodes:
        mode = found.get('mode')
        if mode is not None and mode not in _MODES:
            raise unsupported(f"Unsupported NUMA memory tuning mode '{mode}'", domain=_DOMAIN)
        if found.get('nodeset') is not None:
            _bitmap(found, 'nodeset')
    if memory is not None and memory.get('placement') == 'static' \
            and memory.get('nodeset') is None:
        raise unsupported("nodeset for NUMA memory tuning must be set if 'placement' is 'static'",
                          domain=_DOMAIN)
    if nodes and not cells:
        raise bad_xml("Element 'memnode' is invalid without any guest NUMA cells")
    for node in nodes:
        if (numbers.whole(node.get('cellid')) or 0) >= len(cells):
            raise bad_xml("Argument 'cellid' in memnode element must correspond to existing "
                          "guest's NUMA cell")


def check_schedulers(root: Element, vcpus: int) -> None:
    """Refuse schedulers of vCPUs that do not exist."""
    for found in every(root, 'cputune/vcpusched'):
        missing = [number for number in numbers.bitmap(found.get('vcpus', '')) or ()
                   if number >= vcpus]
        if missing:
            raise unsupported(f"vCPU '{min(missing)}' is not present in domain definition",
                              domain=_DOMAIN)


def check_iothread_pins(root: Element, iothreads: list[int]) -> None:
    """Refuse to pin an I/O thread that does not exist."""
    for pin in every(root, 'cputune/iothreadpin'):
        if numbers.whole(pin.get('iothread')) not in iothreads:
            raise unsupported(f"Cannot find 'iothread' : {pin.get('iothread')}", domain=_DOMAIN)
