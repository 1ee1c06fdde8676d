"""Audit log: who did what to which host, in order, one JSON object per line."""

from __future__ import annotations

import collections
import contextlib
import datetime
import errno
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from vpmem_harness.exceptions import unwritable
from vpmem_harness.safelog import active

LOG = logging.getLogger(__name__)

#: Number of entries kept in memory; a file has all of them.
KEPT = 10_000


class AuditLog:
    """Records actions on hosts, redacted like a log.

    An entry has a sequence number without gaps, the time in UTC, ``who`` did ``what`` on which
    ``host`` with what ``outcome``, and further details::

        {"seq": 7, "time": "...", "who": "libvirt client", "what": "domainDestroy",
         "host": "host1", "outcome": "ok", "domain": "<uuid:c>"}

    :param path: the file to append to, created with mode 0600; None keeps entries in memory only.
        If it cannot be written any more, an error is logged, and the calls go on.
    :param now: the clock, for tests.
    """

    def __init__(self, path: str | None = None, *,
                 now: Callable[[], datetime.datetime] | None = None) -> None:
        self.entries: collections.deque[dict[str, Any]] = collections.deque(maxlen=KEPT)
        self._now = now or (lambda: datetime.datetime.now(datetime.UTC))
        self._lock = threading.Lock()
        self._sequence = 0
        self._path = path
        self._file: int | None = None
        self._incomplete = False
        if path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                self._file = os.open(path, flags, 0o600)
            except OSError as error:
                raise unwritable('audit_log', path, error) from error

    def record(self, who: str, what: str, *, host: str | None = None, outcome: str = 'ok',
               **details: Any) -> None:
        """Record one action. A detail that JSON cannot represent is recorded as its ``str``."""
        redactor = active.current()
        if host is not None:
            host = redactor.host_name(host)
        with self._lock:
            self._sequence += 1
            entry = {'seq': self._sequence, 'time': self._now().isoformat(), 'who': who,
                     'what': what, 'host': host, 'outcome': outcome, **details}
            line = redactor.redact(json.dumps(entry, default=str))
            self.entries.append(json.loads(line))
            if self._file is not None:
                self._append(self._file, line.encode() + b'\n')

    def _append(self, file: int, line: bytes) -> None:
        """Append a line; if that fails, log the reason once: the call itself must not fail."""
        try:
            # One write per line: several processes may append to the same file.
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not self._incomplete:
                self._incomplete = True
                LOG.error('cannot write to the audit log %r (%s): entry %d and later ones may be '
                          'missing; free space on its file system, or use another path',
                          self._path, error.strerror, self._sequence)

    def close(self) -> None:
        """Close the file. Nothing is buffered, so nothing is lost."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


_shared: dict[str, tuple[AuditLog, int]] = {}
_sharing = threading.Lock()


@contextlib.contextmanager
def shared(path: str) -> Iterator[AuditLog]:
    """Return the audit log of a file, shared by all its current users in this process.

    The entries of several hosts are therefore in one order.
    """
    with _sharing:
        log, users = _shared.get(path) or (AuditLog(path), 0)
        _shared[path] = log, users + 1
    try:
        yield log
    finally:
        with _sharing:
            log, users = _shared.pop(path)
            if users > 1:
                _shared[path] = log, users - 1
            else:
                log.close()
