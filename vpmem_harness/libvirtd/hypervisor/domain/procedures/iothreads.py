"""Procedures for a domain's I/O threads.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainChgIOThread), src/qemu/qemu_hotplug.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import resource_usage
from vpmem_harness.libvirtd.hypervisor.domain.definitions import (
    CONFIG,
    LIVE,
    ensure_element,
    get_defs,
    get_one_def,
)
from vpmem_harness.libvirtd.hypervisor.domain.procedures.cpu_pinning import from_map, to_map
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add, drop

_POLLING = {libvirt.VIR_DOMAIN_IOTHREAD_POLL_MAX_NS: libvirt.VIR_TYPED_PARAM_ULLONG,
            libvirt.VIR_DOMAIN_IOTHREAD_POLL_GROW: libvirt.VIR_TYPED_PARAM_UINT,
            libvirt.VIR_DOMAIN_IOTHREAD_POLL_SHRINK: libvirt.VIR_TYPED_PARAM_UINT}
_POOL = {libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MIN: libvirt.VIR_TYPED_PARAM_INT,
         libvirt.VIR_DOMAIN_IOTHREAD_THREAD_POOL_MAX: libvirt.VIR_TYPED_PARAM_INT}


class IOThreadProcedures(ProcedureGroup):
    """Procedures for a domain's I/O threads."""

    @procedure
    def domain_get_iothread_info(self, handle: DomainHandle,
                                 flags: int) -> tuple[list[tuple[int, bytes]], int]:
        """Return the ID and the CPU map of each I/O thread."""
        check_flags('qemuDomainGetIOThreadInfo', flags, LIVE | CONFIG)
        definition = get_one_def(self.domain(handle), flags)
        every = self.hypervisor.hardware.online_cpus
        length = max(every) // 8 + 1
        threads = []
        for number in resource_usage.iothread_ids(definition):
            pin = definition.root.find(f"cputune/iothreadpin[@iothread='{number}']")
            text = '' if pin is None else pin.get('cpuset', '')
            threads.append((number, to_map(numbers.bitmap(text) or set(every), length)))
        return threads, len(threads)
