"""CPU models of QEMU, and whether they run on the host.

Source: libvirt 9.0.0, src/cpu_map, for the names of features; the tables of the releases for
models and their vendors.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.releases import RELEASES, Release
from vpmem_harness.releases.tables import CpuModel

#: The suffix of a version of a model.
_VERSION: Final = re.compile(r'-v[0-9]+$')

#: The features of a Cascade Lake server beyond its model, on the host and in a guest of KVM.
HOST_FEATURES: Final = ('ds', 'acpi', 'ss', 'ht', 'tm', 'pbe', 'dtes64', 'monitor', 'ds_cpl',
                        'vmx', 'smx', 'est', 'tm2', 'xtpr', 'pdcm', 'dca', 'osxsave',
                        'tsc_adjust', 'cmt', 'intel-pt', 'pku', 'ospke', 'md-clear', 'stibp',
                        'arch-capabilities', 'xsaves', 'mbm_total', 'mbm_local', 'invtsc',
                        'rdctl-no', 'ibrs-all', 'skip-l1dfl-vmentry', 'mds-no', 'tsx-ctrl')
GUEST_FEATURES: Final = ('ss', 'vmx', 'pdcm', 'hypervisor', 'tsc_adjust', 'umip', 'pku',
                         'md-clear', 'stibp', 'arch-capabilities', 'xsaves', 'ibpb', 'ibrs',
                         'amd-stibp', 'amd-ssbd', 'rdctl-no', 'ibrs-all', 'skip-l1dfl-vmentry',
                         'mds-no', 'pschange-mc-no', 'tsx-ctrl')

#: The same of an AMD server. Source: libvirt 9.0.0, tests/cputestdata, EPYC-7502-32-Core.
_AMD_HOST: Final = ('ht', 'monitor', 'osxsave', 'cmt', 'xsaves', 'mbm_total', 'mbm_local',
                    'cmp_legacy', 'extapic', 'ibs', 'skinit', 'wdt', 'tce', 'topoext',
                    'perfctr_nb', 'invtsc', 'ibrs', 'amd-ssbd', 'lbrv', 'svm-lock', 'tsc-scale',
                    'vmcb-clean', 'flushbyasid', 'decodeassists', 'pause-filter', 'pfthreshold',
                    'avic', 'v-vmsave-vmload', 'vgif', 'rdctl-no', 'skip-l1dfl-vmentry',
                    'mds-no', 'pschange-mc-no')
_AMD_GUEST: Final = ('x2apic', 'tsc-deadline', 'hypervisor', 'tsc_adjust', 'spec-ctrl', 'stibp',
                     'arch-capabilities', 'ssbd', 'xsaves', 'cmp_legacy', 'amd-ssbd',
                     'virt-ssbd', 'rdctl-no', 'skip-l1dfl-vmentry', 'mds-no', 'pschange-mc-no')

#: Features of hosts that guests do not get.
_OF_HOSTS: Final = (frozenset(HOST_FEATURES) | frozenset(_AMD_HOST)) - (
    frozenset(GUEST_FEATURES) | frozenset(_AMD_GUEST))

#: Family, model and stepping of the CPUs, by vendor: Cascade Lake and Rome.
SIGNATURES: Final = {'Intel': (6, 85, 7), 'AMD': (23, 49, 0)}

#: The generations of Intel's CPUs, oldest first: a host runs the models up to its own.
_INTEL: Final = ('486', 'pentium', 'pentium2', 'pentium3', 'coreduo', 'n270', 'core2duo',
                 'Conroe', 'Penryn', 'Nehalem', 'Westmere', 'SandyBridge', 'IvyBridge',
                 'Haswell', 'Broadwell', 'Skylake-Client', 'Skylake-Server',
                 'Cascadelake-Server', 'Cooperlake', 'Icelake-Server')
_AMD: Final = ('athlon', 'phenom', 'Opteron_G1', 'Opteron_G2', 'Opteron_G3', 'Opteron_G4',
               'Opteron_G5', 'EPYC', 'EPYC-IBPB', 'EPYC-Rome', 'EPYC-Milan')


#: The models of libvirt's CPU map, in its order. Recording of 9.0.0: golden/libvirt/clients.json.
_MAP: Final = (
    '486', 'pentium', 'pentium2', 'pentium3', 'pentiumpro', 'coreduo', 'n270', 'core2duo',
    'qemu32', 'kvm32', 'cpu64-rhel5', 'cpu64-rhel6', 'qemu64', 'kvm64', 'Conroe', 'Penryn',
    'Nehalem', 'Nehalem-IBRS', 'Westmere', 'Westmere-IBRS', 'SandyBridge', 'SandyBridge-IBRS',
    'IvyBridge', 'IvyBridge-IBRS', 'Haswell-noTSX', 'Haswell-noTSX-IBRS', 'Haswell',
    'Haswell-IBRS', 'Broadwell-noTSX', 'Broadwell-noTSX-IBRS', 'Broadwell', 'Broadwell-IBRS',
    'Skylake-Client', 'Skylake-Client-IBRS', 'Skylake-Client-noTSX-IBRS', 'Skylake-Server',
    'Skylake-Server-IBRS', 'Skylake-Server-noTSX-IBRS', 'Cascadelake-Server',
    'Cascadelake-Server-noTSX', 'Icelake-Client', 'Icelake-Client-noTSX', 'Icelake-Server',
    'Icelake-Server-noTSX', 'Cooperlake', 'Snowridge', 'athlon', 'phenom', 'Opteron_G1',
    'Opteron_G2', 'Opteron_G3', 'Opteron_G4', 'Opteron_G5', 'EPYC', 'EPYC-IBPB', 'EPYC-Rome',
    'EPYC-Milan', 'Dhyana')
_POWER: Final = ('POWER6', 'POWER7', 'POWER8', 'POWER9', 'POWER10', 'POWERPC_e5500',
                 'POWERPC_e6500')
#: The architectures for which libvirt accepts every model.
_ANY_MODEL: Final = ('armv6l', 'armv7l', 'armv7b', 'aarch64', 's390', 's390x')


def names(arch: str, release: Release) -> list[str]:
    """Return the models that libvirt knows for an architecture; none if it accepts all.

    :raises LibvirtError: VIR_ERR_NO_SUPPORT for an architecture without models.
    """
    if arch in ('x86_64', 'i686'):
        return [*_MAP, *(name for name in release.tables.cpu_models if name not in _MAP)]
    if arch in ('ppc64', 'ppc64le'):
        return list(_POWER)
    if arch in _ANY_MODEL:
        return []
    raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT,
                       f"'{arch}' architecture is not supported by CPU driver",
                       domain=libvirt.VIR_FROM_CPU)


@functools.cache
def _known() -> Mapping[str, CpuModel]:
    return {name: model for release in RELEASES.values()
            for name, model in release.tables.cpu_models.items()}


def find(name: str) -> CpuModel | None:
    """Return the model of that name, or None."""
    return _known().get(name)


def host_features(hardware: Hardware) -> tuple[str, ...]:
    """Return the features of the host's CPU beyond its model."""
    if hardware.features is not None:
        return hardware.features
    return _AMD_HOST if hardware.vendor == 'AMD' else HOST_FEATURES


def guest_features(hardware: Hardware) -> tuple[str, ...]:
    """Return the features beyond the model of a guest with the host's CPU."""
    if hardware.features is None:
        return _AMD_GUEST if hardware.vendor == 'AMD' else GUEST_FEATURES
    return (*(name for name in hardware.features if name not in _OF_HOSTS), 'hypervisor')


def vendor_of(name: str) -> str:
    """Return the vendor of a model, or ``unknown``."""
    model = find(name)
    return 'unknown' if model is None else model.vendor


def runs_on(name: str, host: str) -> bool:
    """Whether KVM can run a model on a host's CPU."""
    if name in ('qemu64', 'qemu32', 'kvm64', 'kvm32'):
        return True
    line = _INTEL if vendor_of(host) == 'Intel' else _AMD
    own, wanted = _rank(host, line), _rank(name, line)
    return wanted is not None and own is not None and wanted <= own


def missing_features(model: CpuModel, hardware: Hardware, release: Release) -> list[str]:
    """Return the features of a model that a host with KVM lacks, sorted by name.

    :param release: a release that knows the features of models.
    """
    own = release.tables.cpu_models.get(hardware.model)
    there = {*host_features(hardware), *guest_features(hardware),
             *(_features(own) if own is not None else ())}
    return sorted(_features(model) - there)


def _features(model: CpuModel) -> set[str]:
    return {*model.not_emulated, *model.other_features}


def _rank(name: str, line: tuple[str, ...]) -> int | None:
    if name in line:
        return line.index(name)
    plain = _VERSION.sub('', name).removesuffix('-IBRS').removesuffix('-noTSX')
    return line.index(plain) if plain in line else None
