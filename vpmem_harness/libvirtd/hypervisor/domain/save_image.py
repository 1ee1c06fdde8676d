"""Files with the state of a saved guest, in the format of libvirt's QEMU driver.

A file has a header, the domain's XML, and then QEMU's migration stream with the state of the guest:
here a stream of the usual length for a guest that has just started, and with no contents.
Source: libvirt 9.0.0, src/qemu/qemu_saveimage.h and qemu_saveimage.c; QEMU 7.2,
migration/savevm.c.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, system_error
from vpmem_harness.libvirtd.hypervisor.storage.files import StorageFiles, empty

_MAGIC: Final = b'LibvirtQemudSave'
_PARTIAL: Final = b'LibvirtQemudPart'
_VERSION: Final = 2
#: The magic, version, length of the XML, whether the guest ran, compression, offset of the cookie,
#: and 14 unused numbers.
_HEADER: Final = struct.Struct('=16s5I56x')
#: The magic and version with which a migration stream begins.
_STREAM: Final = b'QEVM\0\0\0\3'
#: The length of a migration stream in bytes.
_STREAM_LENGTH: Final = 1 << 20


@dataclass(frozen=True)
class SaveImage:
    """The contents of a file: the domain's XML, and whether a restored guest runs.

    :param complete: whether the file has the whole state of the guest; one that has been truncated
        has not.
    """

    xml: str
    running: bool
    complete: bool = True

    def write(self, files: StorageFiles, path: str) -> None:
        """Create or replace the file at ``path``.

        :raises LibvirtError: VIR_ERR_SYSTEM_ERROR.
        """
        data = self.xml.encode() + b'\0'
        header = _HEADER.pack(_MAGIC, _VERSION, len(data), self.running, 0, 0)
        try:
            empty(files, path)
            files.write(path, 0, header + data + _STREAM)
            files.truncate(path, len(header + data) + _STREAM_LENGTH)
        except OSError as error:
            raise system_error(error.errno or 0, f"Failed to create file '{path}'") from None


def runs(flags: int, otherwise: bool) -> bool:
    """Whether a restored guest runs: by VIR_DOMAIN_SAVE_RUNNING or PAUSED, or else as given."""
    if flags & libvirt.VIR_DOMAIN_SAVE_RUNNING:
        return True
    return otherwise and not flags & libvirt.VIR_DOMAIN_SAVE_PAUSED


def read(files: StorageFiles, path: str) -> SaveImage:
    """Read the file at ``path``.

    :raises LibvirtError: VIR_ERR_SYSTEM_ERROR, or VIR_ERR_OPERATION_FAILED if it is no image.
    """
    try:
        start = files.read(path, 0, _HEADER.size)
    except OSError as error:
        raise system_error(error.errno or 0, f"Failed to open file '{path}'") from None
    if len(start) < _HEADER.size:
        raise _failed('failed to read qemu header')
    magic, version, length, running, _, cookie = _HEADER.unpack(start)
    if magic == _PARTIAL:
        raise _failed('save image is incomplete')
    if magic != _MAGIC:
        raise _failed('image magic is incorrect')
    if version > _VERSION:
        raise _failed(f'image version is not supported ({version} > {_VERSION})')
    if not length:
        raise _failed(f'invalid header data length: {length}')
    data = files.read(path, _HEADER.size, length)
    if len(data) < length:
        raise _failed('failed to read domain XML')
    xml = data[:cookie or length].partition(b'\0')[0]
    status = files.status(path)
    complete = status is not None and status.size >= _HEADER.size + length + _STREAM_LENGTH
    return SaveImage(xml.decode(errors='replace'), bool(running), complete)


def _failed(text: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, text)
