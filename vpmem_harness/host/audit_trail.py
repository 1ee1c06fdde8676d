"""The calls to a host in the audit log."""

from __future__ import annotations

from typing import Any

from vpmem_harness.host.calls import Call, CommandCall, LibvirtCall
from vpmem_harness.plurals import counted
from vpmem_harness.safelog import AuditLog


class AuditTrail:
    """Writes each call to a host to the audit log, once, when it has ended.

    Commands are recorded without exception. Of the calls to libvirt only those are recorded that
    can change the host, that is, those that a read-only connection may not make.
    """

    def __init__(self, audit: AuditLog, host: str) -> None:
        self._audit = audit
        self._host = host

    def record(self, call: Call) -> None:
        """Record a call that has ended."""
        if isinstance(call, CommandCall):
            self._audit.record('process', call.name, host=self._host, outcome=call.outcome,
                               arguments=list(call.words[1:]))
        elif isinstance(call, LibvirtCall) and call.changes:
            self._audit.record('libvirt client', call.function, host=self._host,
                               outcome=call.outcome,
                               arguments=[_as_json(each) for each in call.raw_arguments])

    def record_reboot(self) -> None:
        """Record that the machine was restarted."""
        self._audit.record('operator', 'reboot', host=self._host)


def _as_json(argument: Any) -> Any:
    """An argument in a form that JSON can express; a handle becomes an object."""
    if hasattr(argument, '_asdict'):
        return {name: _as_json(value) for name, value in argument._asdict().items()}
    if isinstance(argument, bytes):
        # A UUID, or data whose contents do not belong in a log.
        return argument.hex() if len(argument) == 16 else counted(len(argument), 'byte')
    return argument
