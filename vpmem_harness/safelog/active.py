"""Redaction of what this process logs, from the first who asks for it until the last has left.

The logging of a process is global by nature: this is the one place that touches it. Every handler
formats its records through ``logging.Handler.format``, and there the finished text is redacted:
for any logger, any formatter, JSON among them, and for handlers that are made later on. A record
that no handler emits costs nothing.
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

from vpmem_harness.safelog import libvirt_errors
from vpmem_harness.safelog.redaction import Redactor
from vpmem_harness.safelog.secret import Secret

LOG = logging.getLogger(__name__)

_lock = threading.RLock()
_users = 0
_redactor: Redactor | None = None
_plain_format = logging.Handler.format
_plain_handle_error = logging.Handler.handleError


def current() -> Redactor:
    """The redactor of the run that goes on; texts are redacted outside of one as well."""
    global _redactor
    redactor = _redactor
    if redactor is None:
        with _lock:
            redactor = _redactor = _redactor or Redactor()
    return redactor


def redact(text: str) -> str:
    """The text with the pseudonyms of this run, and ``***`` for secrets."""
    return current().redact(text)


def protect(value: str | Secret, kind: str = 'secret') -> None:
    """Keep a value out of every text of this run: see :meth:`Redactor.protect`."""
    current().protect(value, kind)


def acquire(*, unsafe: bool | None = None) -> Redactor:
    """Redact what is logged from here on, and hand out the redactor of the run.

    The first who asks begins the run and decides; the others share its pseudonyms.

    :param unsafe: log in clear; None asks the option ``unsafe_logs``.
    """
    global _users, _redactor
    with _lock:
        if _users == 0:
            if unsafe is None:
                # Only here: what merely redacts a text does not need oslo.config.
                from vpmem_harness import conf

                unsafe = conf.load().unsafe_logs
            _redactor = Redactor(unsafe=unsafe)
            # mypy: these two are assigned to on purpose, and put back by release().
            logging.Handler.format = _format  # type: ignore[assignment, method-assign]
            logging.Handler.handleError = _handle_error  # type: ignore[assignment, method-assign]
            libvirt_errors.register()
        _users += 1
        redactor = current()
        # Again for those who come later: the environment may have got a secret since.
        redactor.protect_environment(os.environ)
    if redactor.unsafe:
        LOG.warning('the logs of this run are not safe to publish: unsafe_logs is set')
    return redactor


def release() -> None:
    """Undo one :func:`acquire`; the last one ends the run, and logging is as it was."""
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
    """Redact what is logged while the block runs, and what Python says of errors that end it.

    For a command; a test uses ``SafeLoggingFixture``.
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
        # What a client sends need not be UTF-8; a handler that writes it is not to fail for that.
        return (redacted if redacted.isascii()
                else redacted.encode('utf-8', 'backslashreplace').decode())
    # oslo.log's format for Fluentd is a dictionary.
    record_as_dict: str = json.loads(current().redact(json.dumps(formatted, default=str)))
    return record_as_dict


def _handle_error(handler: logging.Handler, record: logging.LogRecord) -> None:
    # Python's own would print the message and its arguments as they are.
    if logging.raiseExceptions and sys.stderr:
        where = f'{record.name}, {record.pathname}, line {record.lineno}'
        sys.stderr.write(redact(f'a log record of {where} was lost:\n{traceback.format_exc()}'))


def _excepthook(kind: type[BaseException], error: BaseException | None,
                where: TracebackType | None) -> None:
    if sys.stderr:
        sys.stderr.write(redact(''.join(traceback.format_exception(kind, error, where))))


def _thread_excepthook(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_type is not SystemExit:
        _excepthook(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def _unraisablehook(unraisable: sys.UnraisableHookArgs) -> None:
    _excepthook(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
