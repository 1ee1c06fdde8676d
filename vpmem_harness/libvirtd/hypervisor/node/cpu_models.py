"""CPU models of QEMU, and whether they run on the host.

Source: golden/libvirt/domcapabilities.xml and domcapabilities-kvm.xml for names, vendors and
order; libvirt 9.0.0, src/cpu_map, for the names of features.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Model(NamedTuple):
    """A CPU model: name, vendor, and whether QEMU can emulate it without KVM."""

    name: str
    vendor: str
    emulated: bool


def _models(vendor: str, emulated: bool, *names: str) -> dict[str, Model]:
    return {name: Model(name, vendor, emulated) for name in names}


_BY_NAME: Final = {
    **_models('unknown', True, 'qemu64', 'qemu32', 'pentium3', 'pentium2', 'pentium', 'kvm64',
              'kvm32', '486'),
    **_models('AMD', True, 'athlon', 'Opteron_G2', 'Opteron_G1'),
    **_models('AMD', False, 'phenom', 'Opteron_G5', 'Opteron_G4', 'Opteron_G3', 'EPYC-Rome',
              'EPYC-Milan', 'EPYC-IBPB', 'EPYC'),
    **_models('Hygon', False, 'Dhyana'),
    **_models('Intel', True, 'n270', 'coreduo', 'core2duo', 'Westmere', 'Penryn', 'Nehalem',
              'Conroe'),
    **_models('Intel', False, 'Westmere-IBRS', 'Snowridge', 'Skylake-Server-noTSX-IBRS',
              'Skylake-Server-IBRS', 'Skylake-Server', 'Skylake-Client-noTSX-IBRS',
              'Skylake-Client-IBRS', 'Skylake-Client', 'SandyBridge-IBRS', 'SandyBridge',
              'Nehalem-IBRS', 'IvyBridge-IBRS', 'IvyBridge', 'Icelake-Server-noTSX',
              'Icelake-Server', 'Haswell-noTSX-IBRS', 'Haswell-noTSX', 'Haswell-IBRS', 'Haswell',
              'Cooperlake', 'Cascadelake-Server-noTSX', 'Cascadelake-Server',
              'Broadwell-noTSX-IBRS', 'Broadwell-noTSX', 'Broadwell-IBRS', 'Broadwell'),
}

#: The models in libvirt's order.
MODELS: Final = tuple(_BY_NAME[name] for name in (
    'qemu64', 'qemu32', 'phenom', 'pentium3', 'pentium2', 'pentium', 'n270', 'kvm64', 'kvm32',
    'coreduo', 'core2duo', 'athlon', 'Westmere-IBRS', 'Westmere', 'Snowridge',
    'Skylake-Server-noTSX-IBRS', 'Skylake-Server-IBRS', 'Skylake-Server',
    'Skylake-Client-noTSX-IBRS', 'Skylake-Client-IBRS', 'Skylake-Client', 'SandyBridge-IBRS',
    'SandyBridge', 'Penryn', 'Opteron_G5', 'Opteron_G4', 'Opteron_G3', 'Opteron_G2',
    'Opteron_G1', 'Nehalem-IBRS', 'Nehalem', 'IvyBridge-IBRS', 'IvyBridge',
    'Icelake-Server-noTSX', 'Icelake-Server', 'Haswell-noTSX-IBRS', 'Haswell-noTSX',
    'Haswell-IBRS', 'Haswell', 'EPYC-Rome', 'EPYC-Milan', 'EPYC-IBPB', 'EPYC', 'Dhyana',
    'Cooperlake', 'Conroe', 'Cascadelake-Server-noTSX', 'Cascadelake-Server',
    'Broadwell-noTSX-IBRS', 'Broadwell-noTSX', 'Broadwell-IBRS', 'Broadwell', '486'))

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

#: The generations of Intel's CPUs, oldest first: a host runs the models up to its own.
_INTEL: Final = ('486', 'pentium', 'pentium2', 'pentium3', 'coreduo', 'n270', 'core2duo',
                 'Conroe', 'Penryn', 'Nehalem', 'Westmere', 'SandyBridge', 'IvyBridge',
                 'Haswell', 'Broadwell', 'Skylake-Client', 'Skylake-Server',
                 'Cascadelake-Server', 'Cooperlake', 'Icelake-Server')
_AMD: Final = ('athlon', 'phenom', 'Opteron_G1', 'Opteron_G2', 'Opteron_G3', 'Opteron_G4',
               'Opteron_G5', 'EPYC', 'EPYC-IBPB', 'EPYC-Rome', 'EPYC-Milan')


def find(name: str) -> Model | None:
    """Return the model of that name, or None."""
    return _BY_NAME.get(name)


def vendor_of(name: str) -> str:
    """Return the vendor of a model, or ``unknown``."""
    model = _BY_NAME.get(name)
    return 'unknown' if model is None else model.vendor


def runs_on(name: str, host: str) -> bool:
    """Whether KVM can run a model on a host's CPU."""
    if name in ('qemu64', 'qemu32', 'kvm64', 'kvm32'):
        return True
    line = _INTEL if vendor_of(host) == 'Intel' else _AMD
    own, wanted = _rank(host, line), _rank(name, line)
    return wanted is not None and own is not None and wanted <= own


def _rank(name: str, line: tuple[str, ...]) -> int | None:
    if name in line:
        return line.index(name)
    plain = name.removesuffix('-IBRS').removesuffix('-noTSX')
    return line.index(plain) if plain in line else None
