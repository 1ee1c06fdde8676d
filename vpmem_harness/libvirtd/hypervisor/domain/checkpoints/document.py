"""Documents of checkpoints.

Source: libvirt 9.0.0, src/conf/checkpoint_conf.c (virDomainCheckpointDefParse,
virDomainCheckpointDefFormatInternal).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import bad_xml, internal
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.checkpoint import (
    Checkpoint,
    CheckpointDisk,
)
from vpmem_harness.libvirtd.xml import etree, reading, schema
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml
from vpmem_harness.libvirtd.xml.etree import Element, add, element, every
from vpmem_harness.libvirtd.xml.host import XmlHost

_FROM: Final = libvirt.VIR_FROM_DOMAIN_CHECKPOINT


def parse(xml: str, host: XmlHost, now: int, *, redefine: bool = False) -> Checkpoint:
    """Parse a client's document, which libvirt always validates against its schema.

    :param now: the time in seconds, for a new checkpoint.
    :param redefine: whether the document describes an existing checkpoint.
    """
    root = reading.parse(xml, root='domaincheckpoint', document='domain_checkpoint', domain=_FROM)
    schema.check(xml, 'domaincheckpoint.rng')
    name = root.findtext('name') or None
    if name is None and redefine:
        raise bad_xml('a redefined checkpoint must have a name', domain=_FROM)
    checkpoint = Checkpoint(name or str(now), now, description=root.findtext('description'))
    if redefine:
        time = (root.findtext('creationTime') or '').strip()
        if not time.isdecimal():
            raise internal('missing creationTime from existing checkpoint', domain=_FROM)
        checkpoint.created = int(time)
        checkpoint.parent = root.findtext('parent/name') or None
        domain = root.find('domain')
        if domain is not None:
            checkpoint.definition = domain_xml.parse(etree.serialize(domain), host)
    checkpoint.disks = [CheckpointDisk(disk.get('name', ''), disk.get('checkpoint', 'bitmap'),
                                       disk.get('bitmap')) for disk in every(root, 'disks/*')]
    return checkpoint


def serialize(checkpoint: Checkpoint, sizes: Mapping[str, int], *, secure: bool,
              domain: bool) -> str:
    """Return a checkpoint's document.

    :param sizes: the bytes that a guest has written since then, by the name of a disk.
    :param secure: whether to include passwords.
    :param domain: whether to include the domain's definition.
    """
    root = element('domaincheckpoint')
    add(root, 'name', checkpoint.name)
    if checkpoint.description:
        add(root, 'description', checkpoint.description)
    if checkpoint.parent is not None:
        add(add(root, 'parent'), 'name', checkpoint.parent)
    if checkpoint.created:
        add(root, 'creationTime', checkpoint.created)
    if checkpoint.disks:
        add(root, 'disks').extend([_disk(disk, sizes) for disk in checkpoint.disks])
    if domain and checkpoint.definition is not None:
        root.append(reading.read(formatter.domain(
            checkpoint.definition, inactive=True, secure=secure), 'domain_definition'))
    return etree.serialize(root)


def _disk(disk: CheckpointDisk, sizes: Mapping[str, int]) -> Element:
    return element('disk', name=disk.name, checkpoint=disk.kind, bitmap=disk.bitmap,
                   size=sizes.get(disk.name) if disk.bitmap is not None else None)
