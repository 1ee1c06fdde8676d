"""Comparison of CPUs, and the baseline of several.

Models are compared by their generation and features by their names, which stands in for libvirt's
CPU map. Source of verdicts and texts: libvirt 9.0.0, src/cpu/cpu.c, src/cpu/cpu_x86.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal, misused
from vpmem_harness.libvirtd.hypervisor.node import cpu_document, cpu_features, cpu_models
from vpmem_harness.libvirtd.xml.etree import add, element, serialize

_CPU = libvirt.VIR_FROM_CPU


def compare(text: str, hardware: Hardware, flags: int) -> int:
    """Compare the host's CPU to the one in ``text``, and return VIR_CPU_COMPARE_*.

    :raises LibvirtError: VIR_ERR_CPU_INCOMPATIBLE for a CPU that the host does not provide, if the
        client's flags ask for it.
    """
    cpu = cpu_document.read(
        text, validate=bool(flags & libvirt.VIR_CONNECT_COMPARE_CPU_VALIDATE_XML))
    arch = cpu.findtext('arch')
    if arch not in (None, hardware.arch, 'i686'):
        return _incompatible(flags, f'CPU arch {arch} does not match host arch')
    vendor = cpu.findtext('vendor')
    if vendor not in (None, hardware.vendor):
        return _incompatible(flags, f"host CPU vendor does not match required CPU vendor "
                                    f'{vendor}')
    model = cpu.findtext('model')
    if cpu.get('mode') in ('host-model', 'host-passthrough', 'maximum') or not model:
        return int(libvirt.VIR_CPU_COMPARE_SUPERSET)
    if cpu_models.find(model) is None:
        raise internal(f'Unknown CPU model {model}', domain=_CPU)
    missing = [] if cpu_models.runs_on(model, hardware.model) else [model]
    own = {*cpu_models.host_features(hardware), *cpu_models.guest_features(hardware)}
    missing += [feature.get('name', '') for feature in cpu.findall('feature')
                if feature.get('policy', 'require') in ('require', 'forbid')
                and hardware.vendor == 'Intel' and feature.get('name') in _NEVER_THERE
                and feature.get('name') not in own]
    if missing:
        return _incompatible(flags, 'Host CPU does not provide required features: '
                             + ', '.join(missing))
    if cpu.get('match') == 'strict' and model != hardware.model:
        named = {feature.get('name') for feature in cpu.findall('feature')}
        extra = [name for name in cpu_models.host_features(hardware) if name not in named]
        return _incompatible(flags, 'Host CPU does not strictly match guest CPU: Extra features: '
                             + ', '.join(extra))
    if model == hardware.model:
        return int(libvirt.VIR_CPU_COMPARE_IDENTICAL)
    return int(libvirt.VIR_CPU_COMPARE_SUPERSET)


#: The vendors of x86 CPUs.
_VENDORS = frozenset({'Intel', 'AMD', 'Hygon'})
#: Features that none of the simulated Intel servers has.
_NEVER_THERE = frozenset({'svm', 'sse4a', '3dnow', '3dnowext', 'xop', 'fma4', 'tbm', 'npt',
                          'skinit', 'misalignsse', 'lwp', 'amx-tile', 'amx-int8', 'amx-bf16',
                          'cmp_legacy', 'cr8legacy', 'avx512-fp16', 'la57'})


def _incompatible(flags: int, why: str) -> int:
    if flags & libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE:
        raise LibvirtError(libvirt.VIR_ERR_CPU_INCOMPATIBLE, why, domain=_CPU)
    return int(libvirt.VIR_CPU_COMPARE_INCOMPATIBLE)


def baseline(texts: list[str], flags: int, *, hosts: bool = True) -> str:
    """Return a CPU that every one of ``texts`` provides: the oldest model, the common features.

    With VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES the features of the model come before the others.

    :param hosts: whether each CPU must be that of a host.
    :raises LibvirtError: VIR_ERR_INVALID_ARG for an empty list, VIR_ERR_OPERATION_FAILED for CPUs
        of two vendors.
    """
    if not texts:
        raise misused('virConnectBaselineCPU', 'xmlCPUs',
                      'xmlCPUs in virConnectBaselineCPU must not be NULL',
                      domain=libvirt.VIR_FROM_DOMAIN)
    cpus = [cpu_document.read(text, host=hosts) for text in texts]
    vendors = {vendor for cpu in cpus if (vendor := cpu.findtext('vendor'))}
    for vendor in vendors - _VENDORS:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, f'Unknown CPU vendor {vendor}',
                           domain=_CPU)
    if len(vendors) > 1:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, 'CPU vendors do not match',
                           domain=_CPU)
    models = [model for cpu in cpus if (model := cpu.findtext('model'))]
    if len(models) != len(cpus):
        raise bad_argument('no CPU model specified at index 0', domain=_CPU)
    for model in models:
        if cpu_models.find(model) is None:
            raise internal(f'Unknown CPU model {model}', domain=_CPU)
    oldest = next((model for model in models
                   if all(cpu_models.runs_on(model, other) for other in models)), models[0])
    common: list[str] = []
    for feature in cpus[0].findall('feature'):
        name = feature.get('name', '')
        if feature.get('policy') != 'disable' and all(
                any(other.get('name') == name and other.get('policy') != 'disable'
                    for other in cpu.findall('feature')) for cpu in cpus):
            common.append(name)
    root = element('cpu', mode='custom', match='exact')
    add(root, 'model', oldest, fallback='allow' if hosts and len(cpus) > 1 else 'forbid')
    for vendor in vendors:
        add(root, 'vendor', vendor)
    own = (cpu_features.of_model(oldest)
           if flags & libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES else ())
    for name in (*own, *(name for name in common if name not in own)):
        if name == 'invtsc' and flags & libvirt.VIR_CONNECT_BASELINE_CPU_MIGRATABLE:
            continue
        add(root, 'feature', policy='require', name=name)
    return serialize(root)
