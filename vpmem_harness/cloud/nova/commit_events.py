"""Detection of database commits that change the visible state of a server."""

from __future__ import annotations

import threading
from typing import Any

import sqlalchemy
import sqlalchemy.event
import sqlalchemy.orm

#: Relevant columns by table; None if every write counts.
_WATCHED: dict[str, tuple[str, ...] | None] = {
    'instances': ('vm_state', 'task_state', 'power_state', 'host', 'deleted'),
    'instance_faults': None,
    'instance_actions_events': None,
    'migrations': ('status',),
}
_MARK = 'vpmem-harness-changed'


class CommitEvents:
    """Counts commits of this process that change a server; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def watch(self) -> None:
        """Start to watch every session of this process."""
        listen = sqlalchemy.event.listen
        session = sqlalchemy.orm.Session
        listen(session, 'after_flush', self._on_flush)
        listen(session, 'after_bulk_update', self._on_bulk)
        listen(session, 'after_bulk_delete', self._on_bulk)
        listen(session, 'after_commit', self._on_commit)

    @staticmethod
    def _on_flush(session: Any, _context: Any) -> None:
        if not session.info.get(_MARK):
            session.info[_MARK] = any(map(_counts, (*session.new, *session.dirty)))

    @staticmethod
    def _on_bulk(context: Any) -> None:
        context.session.info[_MARK] = True

    def _on_commit(self, session: Any) -> None:
        if session.info.pop(_MARK, False):
            with self._changed:
                self.count += 1
                self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """Wait until the count differs from ``seen`` or time is over; return the count."""
        with self._changed:
            self._changed.wait_for(lambda: self.count != seen, seconds)
            return self.count


def _counts(row: Any) -> bool:
    columns = _WATCHED.get(row.__tablename__, ())
    if columns is None:
        return True
    attributes = sqlalchemy.inspect(row).attrs
    return any(attributes[name].history.has_changes() for name in columns)
