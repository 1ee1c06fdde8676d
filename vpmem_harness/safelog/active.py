"""Redaction of everything this process logs, while at least one user has acquired it.

The logging of a process is global by nature, and this module is the only one that changes it. Every
handler formats its records through ``logging.Handler.format``. The finished text is redacted there,
for any logger, any formatter including JSON, and handlers that are created later. A record that no
handler emits costs nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from vpmem_harness.exceptions import unwritable
from vpmem_harness.safelog import libvirt_errors
from vpmem_harness.safelog.redaction import Redactor
from vpmem_harness.safelog.secret import Secret

LOG = logging.getLogger(__name__)

_lock = threading.RLock()
_users = 0
_warns = True
_redactor: Redactor | None = None
_plain_format = logging.Handler.format
_plain_handle_error = logging.Handler.handleError


def current() -> Redactor:
    """Return the redactor of the current run; outside of a run, that of the process."""
    global _redactor
    redactor = _redactor
    if redactor is None:
        with _lock:
            redactor = _redactor = _redactor or Redactor()
    return redactor


def redact(text: str) -> str:
    """Redact a text with the pseudonyms of this run."""
    return current().redact(text)


def protect(value: str | Secret, kind: str = 'secret') -> None:
    """Keep a value out of every text of this run: see :meth:`Redactor.protect`."""
    current().protect(value, kind)


def acquire(*, unsafe: bool | None = None, warn: bool = True) -> Redactor:
    """Start to redact logs, and return the redactor of the run.

    The first caller begins the run and decides whether it is safe; later callers share its
    pseudonyms.

    :param unsafe: log in clear; None uses the option ``unsafe_logs``.
    :param warn: log a warning if the run is not safe; later callers do not repeat it.
    """
    global _users, _redactor, _warns
    with _lock:
        if _users == 0:
            if unsafe is None:
                # Imported here because redacting a text does not need oslo.config.
                from vpmem_harness import conf

                unsafe = conf.load().unsafe_logs
            _redactor = Redactor(unsafe=unsafe)
            _warns = warn
            # These two methods are replaced on purpose, and restored by release().
            logging.Handler.format = _format  # type: ignore[assignment, method-assign]
            logging.Handler.handleError = _handle_error  # type: ignore[assignment, method-assign]
            libvirt_errors.register()
        _users += 1
        redactor = current()
        # For each caller: the environment may have a new secret.
        redactor.protect_environment(os.environ)
    if redactor.unsafe and _warns:
        LOG.warning('the logs of this run are not safe to publish: unsafe_logs is set')
    return redactor


def release() -> None:
    """Undo one :func:`acquire`; the last call ends the run and restores logging."""
    global _users, _redactor
    with _lock:
        _users -= 1
        if _users == 0:
            logging.Handler.format = _plain_format  # type: ignore[method-assign]
            logging.Handler.handleError = _plain_handle_error  # type: ignore[method-assign]
            libvirt_errors.unregister()
            _redactor = None


@contextlib.contextmanager
def activated(*, unsafe: bool | None = None) -> Iterator[Redactor]:
    """Redact logs while the block runs, and the tracebacks that Python prints.

    For commands; tests use ``SafeLoggingFixture``.
    """
    redactor = acquire(unsafe=unsafe)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook = _excepthook
    threading.excepthook = _thread_excepthook
    sys.unraisablehook = _unraisablehook
    try:
        yield redactor
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        release()


def _format(handler: logging.Handler, record: logging.LogRecord) -> str:
    formatted: Any = _plain_format(handler, record)
    if isinstance(formatted, str):
        redacted = current().redact(formatted)
        # A client may send text that is not UTF-8; the handler that writes it must not fail.
        return (redacted if redacted.isascii()
                else redacted.encode('utf-8', 'backslashreplace').decode())
    # oslo.log's format for Fluentd is a dictionary.
    record_as_dict: str = json.loads(current().redact(json.dumps(formatted, default=str)))
    return record_as_dict


def _handle_error(handler: logging.Handler, record: logging.LogRecord) -> None:
    # Python's own method prints the message and its arguments unredacted.
    if logging.raiseExceptions and sys.stderr:
        where = f'{record.name}, {record.pathname}, line {record.lineno}'
        error, file = sys.exception(), getattr(handler, 'baseFilename', None)
        if isinstance(error, OSError) and file is not None:
            reason = f' {unwritable("log file", file, error)}\n'   # a traceback would not help
        else:
            reason = f'\n{traceback.format_exc()}'
        sys.stderr.write(redact(f'a log record of {where} was lost:{reason}'))


def _excepthook(kind: type[BaseException], error: BaseException | None,
                where: TracebackType | None) -> None:
    if sys.stderr:
        sys.stderr.write(redact(''.join(traceback.format_exception(kind, error, where))))


def _thread_excepthook(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_type is not SystemExit:
        _excepthook(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def _unraisablehook(unraisable: sys.UnraisableHookArgs) -> None:
    _excepthook(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
