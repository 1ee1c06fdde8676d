"""The audit log: who did what to which host, in order, one JSON object a line."""

from __future__ import annotations

import collections
import contextlib
import datetime
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.safelog import active

#: So many entries are kept in memory; a file has them all.
KEPT = 10_000


class AuditLog:
    """Records what was done, safe by the rules of the log.

    An entry has a number that counts up without gaps, the time in UTC, ``who`` did ``what`` on
    which ``host``, with what ``outcome``, and whatever else says it precisely::

        {"seq": 7, "time": "...", "who": "libvirt client", "what": "domainDestroy",
         "host": "<host:1>", "outcome": "ok", "domain": "<uuid:c>"}

    :param path: the file to append to, made with mode 0600; None keeps the entries in memory alone.
    :param now: the clock, for tests.
    """

    def __init__(self, path: str | None = None, *,
                 now: Callable[[], datetime.datetime] | None = None) -> None:
        self.entries: collections.deque[dict[str, Any]] = collections.deque(maxlen=KEPT)
        self._now = now or (lambda: datetime.datetime.now(datetime.UTC))
        self._lock = threading.Lock()
        self._sequence = 0
        self._file = None
        if path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                self._file = os.open(path, flags, 0o600)
            except OSError as error:
                raise InvalidInputError(
                    'audit_log', expected='a file that can be written to, or room for one',
                    got=f'{path!r} ({error.strerror})', remedy='name another') from error

    def record(self, who: str, what: str, *, host: str | None = None, outcome: str = 'ok',
               **details: Any) -> None:
        """Record one deed. Details are what JSON can say; anything else is recorded by its str."""
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
                # One write for each line: several processes may append to one file.
                os.write(self._file, line.encode() + b'\n')

    def close(self) -> None:
        """Close the file; nothing is lost, for nothing is buffered."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


_shared: dict[str, tuple[AuditLog, int]] = {}
_sharing = threading.Lock()


@contextlib.contextmanager
def shared(path: str) -> Iterator[AuditLog]:
    """The audit log of that file, one for all in this process who use it at the same time.

    So the entries of several hosts have one order.
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
