"""Procedures for the performance counters that the kernel keeps for a domain.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainSetPerfEvents), src/util/virperf.c.
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.domain.definitions import (
    CONFIG,
    LIVE,
    ensure_element,
    get_defs,
    get_one_def,
)
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import add

#: The names of the counters, in libvirt's order.
EVENTS: Final = (
    'cmt', 'mbmt', 'mbml', 'cpu_cycles', 'instructions', 'cache_references', 'cache_misses',
    'branch_instructions', 'branch_misses', 'bus_cycles', 'stalled_cycles_frontend',
    'stalled_cycles_backend', 'ref_cpu_cycles', 'cpu_clock', 'task_clock', 'page_faults',
    'context_switches', 'cpu_migrations', 'page_faults_min', 'page_faults_maj',
    'alignment_faults', 'emulation_faults')
#: The counters that Linux has no longer: libvirt cannot enable them for a running domain.
_REMOVED: Final = ('cmt', 'mbmt', 'mbml')


class PerfEventProcedures(ProcedureGroup):
    """Procedures for the performance counters of a domain."""

    @procedure
    def domain_get_perf_events(self, handle: DomainHandle, flags: int) -> list[TypedParameter]:
        """Return which counters are enabled."""
        check_flags('qemuDomainGetPerfEvents', flags,
                    LIVE | CONFIG | libvirt.VIR_TYPED_PARAM_STRING_OKAY)
        definition = get_one_def(self.domain(handle), flags & (LIVE | CONFIG))
        return [TypedParameter.boolean(name, enabled(definition, name)) for name in EVENTS]

    @procedure
    def domain_set_perf_events(self, handle: DomainHandle, params: list[TypedParameter],
                               flags: int) -> None:
        """Enable and disable counters."""
        check_flags('qemuDomainSetPerfEvents', flags, LIVE | CONFIG)
        check_parameters(params, dict.fromkeys(EVENTS, libvirt.VIR_TYPED_PARAM_BOOLEAN))
        values = {parameter.name: bool(parameter.value) for parameter in params}
        live, config = get_defs(self.domain(handle), flags)
        for name in _REMOVED:
            if live is not None and values.get(name):
                raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                                   f'unable to enable host cpu perf event for {name}',
                                   domain=libvirt.VIR_FROM_PERF)
        for definition in (live, config):
            if definition is not None:
                _set(definition, values)


def enabled(definition: Definition, name: str) -> bool:
    """Whether a definition enables a counter."""
    return definition.root.find(f"perf/event[@name='{name}'][@enabled='yes']") is not None


def _set(definition: Definition, values: dict[str, bool]) -> None:
    group = ensure_element(definition.root, 'perf')
    known = {event.get('name'): event.get('enabled') == 'yes' for event in group.findall('event')}
    known.update(values)
    for event in list(group):
        group.remove(event)
    for name in EVENTS:
        if name in known:
            add(group, 'event', name=name, enabled='yes' if known[name] else 'no')
