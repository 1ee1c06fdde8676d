"""Find the emulator that a client asks about by path, architecture, machine and domain type.

Source: libvirt 9.0.0, src/qemu/qemu_capabilities.c (virQEMUCapsCacheLookupDefault),
src/qemu/qemu_driver.c (qemuConnectGetDomainCapabilities).
"""

from __future__ import annotations

from dataclasses import dataclass

import libvirt

from vpmem_harness.libvirtd.errors import bad_argument, unsupported
from vpmem_harness.libvirtd.xml import emulators
from vpmem_harness.libvirtd.xml.domain.parser import ARCHITECTURES, VIRT_TYPES
from vpmem_harness.libvirtd.xml.host import EMULATORS, XmlHost


@dataclass(frozen=True)
class Emulator:
    """An emulator, with the architecture, the machine and the domain type to use it for."""

    path: str
    arch: str
    machine: str
    virt_type: str

    def check(self) -> None:
        """Refuse an architecture or a domain type that the emulator does not support."""
        if not emulators.emulates(self.path, self.arch):
            raise emulators.no_architecture(self.path, self.arch, libvirt.VIR_ERR_INVALID_ARG)
        if self.virt_type not in ('kvm', 'qemu'):
            raise bad_argument(f"Emulator '{self.path}' does not support virt type "
                               f"'{self.virt_type}'")


def find(host: XmlHost, path: str | None, arch: str | None, machine: str | None,
         virt_type: str | None) -> Emulator:
    """Return the emulator that a client names, with the defaults for what it does not name.

    :raises LibvirtError: the host has no such emulator, or the emulator no such machine.
    """
    if virt_type is not None and virt_type not in VIRT_TYPES:
        raise bad_argument(f'unknown virttype: {virt_type}')
    if arch is not None and arch not in ARCHITECTURES:
        raise bad_argument(f'unknown architecture: {arch}')
    arch = arch or host.hardware.arch
    if path is not None:
        emulators.check_binary(path, host)
        if arch not in EMULATORS:
            raise bad_argument(f"architecture from emulator '{emulators.native(path)}' doesn't "
                               f"match given architecture '{arch}'")
    elif arch not in EMULATORS:
        raise unsupported(f"unable to find any emulator to serve '{arch}' architecture")
    else:
        path = EMULATORS[arch]
    tables = host.release.tables
    machine = tables.machine_aliases.get(machine or 'pc', machine or 'pc')
    if machine not in tables.max_cpus or not host.hardware.has_machine(machine):
        raise bad_argument(f"the machine '{machine}' is not supported by emulator '{path}'")
    return Emulator(path, arch, machine, 'kvm' if virt_type in (None, 'none') else str(virt_type))
