"""Streams that upload and download the contents of a volume.

Source: libvirt 9.0.0, src/util/virfdstream.c (virFDStreamOpenBlockDevice), src/storage/
storage_driver.c (virStorageVolPoolRefreshThread).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, system_error
from vpmem_harness.libvirtd.hypervisor.storage.files import StorageFiles

_FROM = libvirt.VIR_FROM_STREAMS


class Transfer:
    """The daemon's end of a stream from or to a file.

    :param length: the bytes to transfer at most; 0 for no limit.
    :param ended: called once when the stream ends, with the lock held.
    """

    def __init__(self, files: StorageFiles, path: str, offset: int, length: int, *,
                 sends: bool, sparse: bool, lock: AbstractContextManager[object],
                 ended: Callable[[], None]) -> None:
        self.sends = sends
        self.sparse = sparse
        self._files = files
        self._path = path
        self._at = offset
        self._end = offset + length if length else None
        self._lock = lock
        self._ended: Callable[[], None] | None = ended
        status = files.status(path)
        self._size = 0 if status is None else status.size
        if offset > 1 << 62:
            raise system_error(errno.EINVAL, f'Unable to seek {path} to {offset}', domain=_FROM)

    def _limit(self) -> int:
        return self._size if self._end is None else min(self._end, self._size)

    def read(self, most: int) -> bytes | int:
        """Return the next data, the length of a hole, or no byte at the end."""
        with self._lock:
            try:
                return self._read(most)
            except OSError as found:
                raise self._failed(found, 'cannot read from stream') from None

    def _read(self, most: int) -> bytes | int:
        end = min(self._at + most, self._limit())
        if self.sparse and self._at < self._limit():
            start, stop = next(self._files.sections(self._path, self._at, self._limit()),
                               (self._limit(), self._limit()))
            if start > self._at:
                hole, self._at = start - self._at, start
                return hole
            end = min(end, stop)
        data = self._files.read(self._path, self._at, end - self._at) if end > self._at else b''
        self._at += len(data)
        return data

    def write(self, data: bytes) -> None:
        """Write data of the client to the file."""
        if self.sends or not data:
            return
        with self._lock:
            self._check_room(len(data))
            try:
                self._files.write(self._path, self._at, data)
            except OSError as found:
                raise self._failed(found, 'cannot write to stream') from None
            self._at += len(data)

    def skip(self, length: int) -> None:
        """Leave a hole in the file, which ends there."""
        if self.sends or length <= 0:
            return
        with self._lock:
            self._check_room(length)
            try:
                # A hole ends the file, until more data follow.
                self._files.truncate(self._path, self._at + length)
            except (OSError, OverflowError):
                raise system_error(errno.EINVAL, f'unable to seek {self._path}',
                                   domain=_FROM) from None
            self._at += length

    def _check_room(self, length: int) -> None:
        if self._end is not None and self._at + length > self._end:
            raise system_error(errno.ENOSPC, 'cannot write to stream', domain=_FROM)

    def _failed(self, found: OSError, detail: str) -> LibvirtError:
        return system_error(found.errno or errno.EIO, detail, domain=_FROM)

    def finish(self) -> None:
        """End the stream."""
        self._end_once()

    def abort(self) -> None:
        """End the stream early; what has been written stays."""
        self._end_once()

    def _end_once(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            with self._lock:
                ended()
