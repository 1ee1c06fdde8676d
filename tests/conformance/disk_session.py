"""Base of sessions whose domains have disks; the images are in one directory."""

from __future__ import annotations

import os
import re

import libvirt

from tests.conformance.event_session import EventSession
from vpmem_harness.libvirtd.hypervisor.storage import qcow2

MIB = 1024**2
_DISK = ("<disk type='file' device='{device}'><driver name='qemu' type='{form}'/>{source}"
         "<target dev='{target}' bus='{bus}'/></disk>")

#: The time in QEMU's messages.
TIME = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z (?=qemu-system)')


class DiskSession(EventSession):
    """A session whose domains have disks."""

    def image(self, name: str) -> str:
        """Create an image of 16 MiB, and return its path."""
        with open(self.path(name), 'wb') as stream:
            for offset, piece in qcow2.new_image(16 * MIB, version=3):
                stream.seek(offset)
                stream.write(piece)
        os.chmod(self.path(name), 0o666)        # noqa: S103 - for a daemon of another user
        return self.path(name)

    def disk(self, path: str | None, target: str = 'vda', form: str = 'qcow2', bus: str = 'virtio',
             device: str = 'disk') -> str:
        """Return the XML of a disk."""
        source = '' if path is None else f"<source file='{path}'/>"
        return _DISK.format(device=device, form=form, source=source, target=target, bus=bus)

    def define(self, name: str, *disks: str, more: str = '') -> libvirt.virDomain:
        """Define a domain with disks."""
        return self.world.define(name, more=f'{more}<devices>{"".join(disks)}</devices>')
