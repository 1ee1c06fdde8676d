"""Compiled SQL statements that all databases of a process share.

SQLAlchemy compiles each statement once per engine. A cloud has an engine for each service and each
cell, and its engines are new, so every cloud would compile the same statements several times.
"""

from __future__ import annotations

from typing import Any


class Statements(dict[Any, Any]):
    """Compiled statements by SQLAlchemy's keys, without their first field, the engine's dialect.

    All engines must have equal dialects; here each is SQLite with the options of oslo.db.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a compiled statement."""
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


_statements = Statements()


def share(engine: Any) -> None:
    """Let an engine use the statements that other engines have compiled."""
    engine.update_execution_options(compiled_cache=_statements)
