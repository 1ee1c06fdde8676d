"""The emulators of a host: the QEMU binaries, and the architectures that they emulate.

Source: libvirt 9.0.0, src/qemu/qemu_capabilities.c (virQEMUCapsNewForBinaryInternal),
src/qemu/qemu_domain.c (qemuDomainDefPostParseBasic).
"""

from __future__ import annotations

import errno
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, system_error, unsupported
from vpmem_harness.libvirtd.xml.host import EMULATORS, XmlHost

#: The emulators of Debian's packages. Those of other paths emulate x86-64.
_PACKAGED: Final = (*EMULATORS.values(), '/usr/bin/kvm')
_ARCHITECTURES: Final = {EMULATORS['i686']: ('i686',)}


def check_binary(path: str, host: XmlHost) -> None:
    """Refuse an emulator that does not exist or cannot be executed.

    :raises LibvirtError: VIR_ERR_SYSTEM_ERROR.
    """
    number = 0 if path in _PACKAGED else host.execution_error(path)
    if number == errno.ENOENT:
        raise system_error(number, f'Cannot check QEMU binary {path}')
    if number:
        raise system_error(number, f'QEMU binary {path} is not executable')


def native(path: str) -> str:
    """Return the architecture that an emulator is built for."""
    return _ARCHITECTURES.get(path, ('x86_64',))[0]


def emulates(path: str, arch: str) -> bool:
    """Whether an emulator can run guests of an architecture."""
    return arch in _ARCHITECTURES.get(path, tuple(EMULATORS))


def select(path: str | None, arch: str, host: XmlHost) -> str:
    """Return the emulator of a guest: the one that its definition names, or the default one.

    :raises LibvirtError: the host has no such emulator, or none for the architecture.
    """
    if path:
        check_binary(path, host)
        if arch not in EMULATORS:
            raise no_architecture(path, arch)
        return path
    if arch not in EMULATORS:
        raise unsupported(f"No emulator found for arch '{arch}'")
    return EMULATORS[arch]


def no_architecture(path: str, arch: str,
                    code: int = libvirt.VIR_ERR_CONFIG_UNSUPPORTED) -> LibvirtError:
    """Return the error of an emulator that cannot run guests of an architecture."""
    return LibvirtError(code, f"Emulator '{path}' does not support arch '{arch}'")
