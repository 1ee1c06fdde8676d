"""Checks of images that are to be created: encrypted ones, and those in formats of others.

Source: libvirt 9.0.0, src/storage/storage_util.c (storageBackendCreateRaw,
storageBackendCreateQemuImgCheckEncryption); qemu-img 7.2.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Mapping
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal, unsupported
from vpmem_harness.libvirtd.hypervisor.secrets import Secret
from vpmem_harness.libvirtd.hypervisor.storage import vmdk, vpc
from vpmem_harness.libvirtd.hypervisor.storage.backend import failed
from vpmem_harness.libvirtd.hypervisor.storage.pool import Volume
from vpmem_harness.libvirtd.xml.storage.common import FROM
from vpmem_harness.libvirtd.xml.storage.volume import Encryption, VolumeDefinition

#: The largest capacities of images in formats other than QEMU's own.
CAPACITIES: Final = {'vmdk': vmdk.CAPACITY_MAX, 'vpc': vpc.CAPACITY_MAX}
#: The formats that qemu-img 7.2 knows, and cannot create.
_READ_ONLY: Final = ('bochs', 'cloop', 'dmg')


def check_encrypted(wanted: VolumeDefinition, encryption: Encryption,
                    secrets: Mapping[bytes, Secret], *, source: Volume | None) -> None:
    """Refuse an encrypted volume that libvirt cannot create, or whose secret has no value."""
    form = wanted.target.format
    if [kind for kind, _ in encryption.secrets] != ['passphrase']:
        raise bad_argument("A single <secret type='passphrase'...> element is expected in "
                           'encryption description', domain=FROM)
    text = encryption.secrets[0][1]
    secret = secrets.get(uuids.UUID(text).bytes)
    if secret is None or secret.value is None:
        raise LibvirtError(
            libvirt.VIR_ERR_NO_SECRET, f"no secret with matching uuid '{text}'"
            if secret is None else f"secret '{text}' does not have a value",
            domain=libvirt.VIR_FROM_SECRET)
    if form not in ('raw', 'qcow2'):
        raise unsupported(f'volume encryption unsupported with format {form}', domain=FROM)
    if form == 'raw' and encryption.format != 'luks':
        raise internal('Only luks encryption is supported for raw files', domain=FROM)
    if form == 'qcow2' and encryption.format != 'luks':
        raise unsupported('creation of qcow2 encrypted image is not supported', domain=FROM)
    if form == 'qcow2' or source is not None:
        raise unsupported('only new and raw encrypted volumes are simulated', domain=FROM)


def check_foreign(path: str, wanted: VolumeDefinition) -> None:
    """Refuse what qemu-img 7.2 refuses of formats other than QEMU's own."""
    form, capacity = wanted.target.format or '', wanted.capacity or 0
    if form in _READ_ONLY:
        problem = f"{path}: Format driver '{form}' does not support image creation"
    elif form not in CAPACITIES:
        problem = f"{path}: Unknown file format '{form}'"
    elif capacity > CAPACITIES[form]:
        problem = f"{path}: The image size is too large for file format '{form}'"
    else:
        return
    raise failed(f'/usr/bin/qemu-img create -f {form} {path} {-(-capacity // 1024)}K', 1,
                 f'qemu-img: {problem}\n')
