"""Create checkpoints, and define those that exist.

Source: libvirt 9.0.0, src/qemu/qemu_checkpoint.c (qemuCheckpointCreateXML),
src/conf/checkpoint_conf.c (virDomainCheckpointAlignDisks, virDomainCheckpointRedefinePrep).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.checkpoint import (
    Checkpoint,
    CheckpointDisk,
)
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.moments.inactive_definition import (
    inactive_definition,
)
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element

# For annotations only: the hypervisor imports domains, which have checkpoints.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_FROM: Final = libvirt.VIR_FROM_DOMAIN_CHECKPOINT


def redefine(hypervisor: Hypervisor, domain: Domain, checkpoint: Checkpoint, *,
             validate: bool) -> None:
    """Add a checkpoint that a client describes, or replace the description of one.

    :param validate: whether to refuse a checkpoint whose bitmaps do not exist.
    """
    tree = domain.checkpoints
    tree.check_parent(checkpoint)
    if checkpoint.definition is not None:
        if checkpoint.definition.uuid != domain.uuid:
            raise bad_argument(f'definition for checkpoint {checkpoint.name} must use uuid '
                               f'{domain.uuid_text}', domain=_FROM)
        _align(checkpoint, checkpoint.definition)
    _name_bitmaps(checkpoint)
    if validate:
        check_active(domain)
        for _, disk in included(checkpoint, domain):
            if not hypervisor.image_bitmaps.valid(disk, checkpoint.name):
                raise inconsistent(checkpoint.name, disk)
    tree.put(checkpoint)
    if tree.current is None or tree.current == checkpoint.parent:
        tree.current = checkpoint.name


def inconsistent(bitmap: str, disk: Element) -> LibvirtError:
    """Return the error of a disk whose images do not contain a checkpoint's bitmap."""
    return LibvirtError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT,
                        f"missing or broken bitmap '{bitmap}' for disk '{disks.target(disk)[0]}'")


def included(checkpoint: Checkpoint, domain: Domain) -> Iterator[tuple[CheckpointDisk, Element]]:
    """Yield the disks of a running domain that a checkpoint includes; some can be unplugged."""
    for wanted in checkpoint.disks:
        disk = disks.by_target(domain.definition.devices, wanted.name)
        if wanted.kind == 'bitmap' and disk is not None:
            yield wanted, disk


def prepare(hypervisor: Hypervisor, domain: Domain, checkpoint: Checkpoint) -> None:
    """Complete a new checkpoint, and refuse one that libvirt or QEMU cannot create."""
    checkpoint.definition = inactive_definition(hypervisor, domain)
    _align(checkpoint, domain.definition)
    _name_bitmaps(checkpoint)
    for wanted, disk in included(checkpoint, domain):
        if wanted.bitmap != checkpoint.name:
            raise unsupported(f"bitmap for disk '{wanted.name}' must match checkpoint name "
                              f"'{checkpoint.name}'")
        if disks.driver_format(disk) != 'qcow2':
            raise unsupported(f'checkpoint for disk {wanted.name} unsupported for storage type '
                              f'{disks.driver_format(disk)}')
        transient.check_block_job(disk)
    checkpoint.parent = domain.checkpoints.current
    domain.checkpoints.check_new(checkpoint.name)


def add(hypervisor: Hypervisor, domain: Domain, checkpoint: Checkpoint) -> None:
    """Create the bitmaps of a prepared checkpoint, which becomes the current one.

    :raises LibvirtError: QEMU refuses a name that a bitmap has already.
    """
    check_bitmaps(hypervisor, domain, checkpoint)
    for _, disk in included(checkpoint, domain):
        hypervisor.image_bitmaps.add(disk, checkpoint.name)
    domain.checkpoints.put(checkpoint)
    domain.checkpoints.current = checkpoint.name


def check_bitmaps(hypervisor: Hypervisor, domain: Domain, checkpoint: Checkpoint) -> None:
    """Refuse a new checkpoint with the name of a bitmap that exists."""
    for _, disk in included(checkpoint, domain):
        if hypervisor.image_bitmaps.on_top(disk, checkpoint.name):
            raise emulator.command_failed('transaction',
                                          f'Bitmap already exists: {checkpoint.name}')


def _align(checkpoint: Checkpoint, definition: Definition) -> None:
    """Give a checkpoint a disk for each of the domain's disks, in their order.

    Without a list it includes all disks that a guest can write to, else only those listed.
    """
    present = definition.devices.findall('disk')
    if len(checkpoint.disks) > len(present):
        raise unsupported('too many disk checkpoint requests for domain', domain=_FROM)
    if not present:
        raise unsupported('domain must have at least one disk to perform checkpoints',
                          domain=_FROM)
    wanted: dict[str, CheckpointDisk] = {}
    for request in checkpoint.disks:
        disk = disks.named(definition.devices, request.name)
        if disk is None:
            raise unsupported(f"no disk named '{request.name}'", domain=_FROM)
        target = disks.target(disk)[0]
        if target in wanted:
            raise unsupported(f"disk '{request.name}' specified twice", domain=_FROM)
        if not writable(disk) and request.kind != 'no':
            raise unsupported(f"disk '{request.name}' is empty or readonly", domain=_FROM)
        wanted[target] = CheckpointDisk(target, request.kind, request.bitmap)
    default = 'no' if checkpoint.disks else 'bitmap'
    checkpoint.disks = [
        wanted[target] if (target := disks.target(disk)[0]) in wanted
        else CheckpointDisk(target, default if writable(disk) else 'no') for disk in present]


def writable(disk: Element) -> bool:
    """Whether a disk has an image, and a guest can write to it."""
    return disk.find('source') is not None and disk.find('readonly') is None


def _name_bitmaps(checkpoint: Checkpoint) -> None:
    for disk in checkpoint.disks:
        if disk.kind == 'bitmap' and disk.bitmap is None:
            disk.bitmap = checkpoint.name
