"""Files that libvirtd keeps for guests: the variables of their firmware, and the state of TPMs.

Source: libvirt 9.0.0, src/qemu/qemu_process.c (qemuPrepareNVRAM), src/qemu/qemu_tpm.c,
src/qemu/qemu_driver.c (qemuDomainUndefineFlags).
"""

from __future__ import annotations

import errno
import uuid as uuids
from collections.abc import Iterable
from typing import Final

import libvirt

from vpmem_harness.hardware import OVMF, Firmware, Hardware
from vpmem_harness.libvirtd.errors import LibvirtError, invalid, system_error
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.secrets import Secret
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import firmware
from vpmem_harness.libvirtd.xml.etree import Element

_NVRAM, _KEEP_NVRAM = libvirt.VIR_DOMAIN_UNDEFINE_NVRAM, libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
_TPM, _KEEP_TPM = libvirt.VIR_DOMAIN_UNDEFINE_TPM, libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM


def _files(firmware: Iterable[Firmware]) -> frozenset[str]:
    return frozenset(file for each in firmware for file in (each.executable, each.nvram_template)
                     if file is not None)


_PACKAGED: Final = _files(OVMF)


class GuestFiles:
    """The files of the guests of one host.

    ``nvram`` are the paths of variables, ``tpm`` the UUIDs of the domains whose TPM has a state.
    """

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self.nvram: set[str] = set()
        self.tpm: set[str] = set()

    def _exists(self, path: str | None) -> bool:
        return path is not None and (path in self.nvram or self._backing.stat(path) is not None)

    def select_firmware(self, definition: Definition, hardware: Hardware) -> None:
        """Choose the firmware of a guest that starts."""
        firmware.select(definition, hardware.firmware,
                        has_nvram=self._exists(firmware.variables(definition)))

    def prepare(self, definition: Definition, hardware: Hardware,
                secrets: dict[bytes, Secret]) -> None:
        """Create the files of a guest that starts.

        :raises LibvirtError: if a file, a device or a secret is missing.
        """
        path = firmware.variables(definition)
        own = _files(hardware.firmware)

        def exists(path: str) -> bool:
            # The host's hardware says which packaged files it has; they may be on this machine too.
            return path in own or (path not in _PACKAGED and self._exists(path))
        if path is not None and not self._exists(path):
            template = firmware.template(definition)
            if template is not None and not exists(template):
                raise system_error(errno.ENOENT, f"Failed to open file '{template}'")
            self.nvram.add(path)
        firmware.check_loader(definition, exists)
        for device in definition.devices.findall('tpm'):
            self._prepare_tpm(device, definition, secrets)

    def _prepare_tpm(self, device: Element, definition: Definition,
                     secrets: dict[bytes, Secret]) -> None:
        backend = device.find('backend')
        if backend is None:
            return
        source = backend.find('device')
        if backend.get('type') == 'passthrough' and source is not None:
            path = source.get('path', '')
            if self._backing.stat(path) is None:
                raise system_error(errno.ENOENT, f'Could not open TPM device {path}')
        if backend.get('type') != 'emulator':
            return
        encryption = backend.find('encryption')
        if encryption is not None:
            text = encryption.get('secret', '')
            if uuids.UUID(text).bytes not in secrets:
                raise LibvirtError(libvirt.VIR_ERR_NO_SECRET,
                                   f"no secret with matching uuid '{text}'",
                                   domain=libvirt.VIR_FROM_SECRET)
        self.tpm.add(definition.uuid_text)

    def check_undefine(self, definition: Definition, flags: int) -> None:
        """Refuse to undefine a domain that has variables, unless the flags say what to do."""
        path = firmware.variables(definition)
        if not flags & (_NVRAM | _KEEP_NVRAM) and self._exists(path):
            raise invalid('cannot undefine domain with nvram')
        if flags & _NVRAM and path is not None:
            self.nvram.discard(path)

    def undefine(self, definition: Definition, flags: int) -> None:
        """Remove the state of the TPM of a domain that is undefined and does not run."""
        persistent = any(backend.get('persistent_state') == 'yes'
                         for backend in definition.devices.findall('tpm/backend'))
        if flags & _TPM or not (flags & _KEEP_TPM or persistent):
            self.tpm.discard(definition.uuid_text)

    def end(self, definition: Definition) -> None:
        """Remove the state of the TPM of a transient domain that has ended."""
        self.undefine(definition, 0)
