"""What is done to a host, written to the audit log."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from vpmem_harness.libvirtd.dispatch import Intercept
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.wire.session import Call
from vpmem_harness.pmem import CommandResult
from vpmem_harness.safelog import AuditLog
from vpmem_harness.serving.deferred import Deferred


def audited(audit: AuditLog, host: str, inner: Intercept | None = None) -> Intercept:
    """Record what clients change on a host through libvirt; what only looks is no deed.

    :param inner: what stood between the calls and their execution before.
    """
    def intercept(call: Call, execute: Callable[[], Any]) -> Any:
        run = execute if inner is None else functools.partial(inner, call, execute)
        if not call.procedure.refused_to_readers:
            return run()

        def record(outcome: str) -> None:
            deed = call.procedure.function or call.procedure.name
            audit.record('libvirt client', deed, host=host, outcome=outcome,
                         arguments=[_shown(argument) for argument in call.arguments])

        try:
            result = run()
        except Exception as error:
            record(_outcome(error))
            raise
        if isinstance(result, Deferred):
            result.when_done(lambda later: record(_outcome_of(later)))
        else:
            record('ok')
        return result

    return intercept


def record_tool(audit: AuditLog, host: str, words: Sequence[str], result: CommandResult) -> None:
    """Record a call of ndctl, daxctl or daxio."""
    outcome = 'ok' if result.returncode == 0 else f'exit status {result.returncode}'
    audit.record('process', words[0], host=host, outcome=outcome, arguments=list(words[1:]))


def _outcome_of(later: Deferred) -> str:
    try:
        later.result()
    except Exception as error:
        return _outcome(error)
    return 'ok'


def _outcome(error: Exception) -> str:
    return f'error: {error.message}' if isinstance(error, LibvirtError) else type(error).__name__


def _shown(argument: Any) -> Any:
    """An argument as JSON can say it; a handle by its name and UUID."""
    if hasattr(argument, '_asdict'):
        return {name: _shown(value) for name, value in argument._asdict().items()}
    if isinstance(argument, bytes):
        # A UUID, or data whose contents are nobody's business here.
        return argument.hex() if len(argument) == 16 else f'{len(argument)} bytes'
    return argument
