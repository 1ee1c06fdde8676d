"""One call that reached a host, as it is kept."""

from __future__ import annotations

import datetime
import reprlib
import uuid
from collections.abc import Sequence
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.calls import values
from vpmem_harness.host.calls.caller import Caller
from vpmem_harness.host.calls.tool_call import ToolCall
from vpmem_harness.libvirtd.dispatch import DropConnection
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.wire.session import Call as WireCall
from vpmem_harness.pmem import CommandResult

#: The size of a record in bytes without its texts, roughly.
_RECORD_SIZE = 500

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxdict = 8


class Call:
    """One call: what was called, by whom and when, and what came of it.

    ``number`` counts the calls of the host from 1 on. ``name`` is the procedure's name in
    libvirt's protocol, such as ``domain_define_xml``, or the tool's, such as ``ndctl``.
    ``time`` is in seconds since the epoch, on the host's clock. ``fault`` says which fault of
    ``host.faults`` struck the call; None when none did.
    """

    __slots__ = ('_error', 'caller', 'ended', 'fault', 'name', 'number', 'time', 'weight')

    def __init__(self, number: int, name: str, caller: Caller, time: float) -> None:
        self.number = number
        self.name = name
        self.caller = caller
        self.time = time
        #: When the host had the result, on its clock; None while the call is in progress.
        self.ended: float | None = None
        self.fault: str | None = None
        #: How many bytes the log counts for the record.
        self.weight = 0
        self._error: Exception | None = None

    def __repr__(self) -> str:
        arguments = ', '.join(
            f'{name}={_short.repr(value)}' for name, value in self.arguments.items())
        return (f'<Call {self.number} {self.name}({arguments}) by process {self.caller.pid}: '
                f'{self.outcome}>')

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by name."""
        raise NotImplementedError

    @property
    def words(self) -> tuple[str, ...]:
        """The command line; empty for a call to libvirt."""
        return ()

    @property
    def domain(self) -> str | None:
        """The name of the domain that was passed, or else returned; None if there is none."""
        return None

    @property
    def xml(self) -> str | None:
        """The XML document that was passed, or else the one that was returned."""
        return None

    @property
    def result(self) -> Any:
        """What the caller got; None for a call that failed or is in progress."""
        raise NotImplementedError

    @property
    def error(self) -> Exception | None:
        """What the caller got in place of a result."""
        return self._error

    @property
    def failed(self) -> bool:
        """Whether the call ended with an error."""
        return self._error is not None

    @property
    def in_progress(self) -> bool:
        """Whether the call has not ended yet."""
        return self.ended is None

    @property
    def duration(self) -> float | None:
        """Seconds on the host's clock until it had the result; None while it is in progress."""
        return None if self.ended is None else self.ended - self.time

    @property
    def outcome(self) -> str:
        """What came of the call, in words: ``ok``, ``error: ...``, ``exit status 1``."""
        if self.ended is None:
            return 'in progress'
        return 'ok' if self._error is None else _error_text(self._error)

    def end(self, time: float, error: Exception | None = None) -> None:
        """Note that the call has ended."""
        if self.ended is None:
            self._error = error
            self.ended = time

    def measure(self) -> int:
        """Estimate how many bytes the record takes."""
        raise NotImplementedError

    def matches(self, **expected: Any) -> bool:
        """Whether the arguments are as expected.

        An expected value may be a testtools matcher. A domain is given by its name or its UUID.

        :raises InvalidInputError: when the call has no such argument.
        """
        for name, value in expected.items():
            forms = self._forms(name)
            if hasattr(value, 'match'):
                if value.match(forms[0]) is not None:
                    return False
            elif value not in forms:
                return False
        return True

    def _forms(self, name: str) -> tuple[Any, ...]:
        arguments = self.arguments
        if name not in arguments:
            raise InvalidInputError(
                f'argument of {self.name}', expected=f'one of {", ".join(arguments) or "none"}',
                got=repr(name), remedy='correct the name, or leave it out')
        return (arguments[name],)

    @property
    def line(self) -> str:
        """One line for a report: the time of day, the call, and what came of it."""
        at = datetime.datetime.fromtimestamp(self.time, datetime.UTC)
        return f'{at:%H:%M:%S}.{at.microsecond // 1000:03} {self.summary}'

    @property
    def summary(self) -> str:
        """The call and what came of it, without the time."""
        told = self.fault is not None or self.outcome == 'ok'
        return str(self) if told else f'{self}: {self.outcome}'


class LibvirtCall(Call):
    """A call of a libvirt procedure."""

    __slots__ = ('_call',)

    def __init__(self, number: int, call: WireCall, caller: Caller, time: float) -> None:
        super().__init__(number, call.procedure.method, caller, time)
        self._call = call

    def __str__(self) -> str:
        domain = self._call.domain
        about = f' {domain.name}' if domain is not None else ''
        return f'{self.name}{about}{f": {self.fault}" if self.fault else ""}'

    @property
    def function(self) -> str:
        """libvirt's public function, such as ``virDomainDefineXML``."""
        return self._call.procedure.function or self.name

    @property
    def procedure(self) -> str:
        """The procedure's name in the protocol, the same as ``name``."""
        return self.name

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by their names in the protocol.

        A handle is shown by its name, a UUID as text, typed parameters as a dictionary.
        """
        return {name: values.readable(value) for name, value in self._raw().items()}

    def _raw(self) -> dict[str, Any]:
        fields = self._call.procedure.arguments.fields
        return {field.name: value
                for field, value in zip(fields, self._call.arguments, strict=False)}

    def _forms(self, name: str) -> tuple[Any, ...]:
        raw = self._raw()
        return values.names(raw[name]) if name in raw else super()._forms(name)

    @property
    def changes(self) -> bool:
        """Whether a read-only connection may not make this call."""
        return self._call.procedure.refused_to_readers

    @property
    def raw_arguments(self) -> Sequence[Any]:
        """The arguments as they were decoded, in the order of the protocol."""
        return self._call.arguments

    @property
    def domain(self) -> str | None:
        handle = self._handle()
        return None if handle is None else handle.name

    @property
    def domain_uuid(self) -> str | None:
        """The UUID of the domain that the call is about."""
        handle = self._handle()
        return None if handle is None else str(uuid.UUID(bytes=handle.uuid))

    def _handle(self) -> DomainHandle | None:
        for part in (self._call.arguments, self._reply()):
            found = map(values.domain_of, part)
            if (handle := next(filter(None, found), None)) is not None:
                return handle
        return None

    @property
    def xml(self) -> str | None:
        passed = values.find_xml(self._call.arguments)
        return values.find_xml(self._reply()) if passed is None else passed

    @property
    def result(self) -> Any:
        """What the client got: one value, a tuple of several, None for a procedure without any."""
        results = tuple(map(values.readable, self._reply()))
        return (results[0] if len(results) == 1 else results) if results else None

    def _reply(self) -> tuple[Any, ...]:
        reply, procedure = self._call.reply, self._call.procedure
        if not reply or not procedure.result_count:
            return ()
        return tuple(procedure.results_codec.decode(reply))

    def measure(self) -> int:
        return _RECORD_SIZE + values.size_of(self._call.arguments) + len(self._call.reply or b'')


class CommandCall(Call):
    """A run of ndctl, daxctl or daxio."""

    __slots__ = ('_call', '_result')

    def __init__(self, number: int, call: ToolCall, caller: Caller, time: float) -> None:
        super().__init__(number, call.words[0], caller, time)
        self._call = call
        self._result: CommandResult | None = None

    def __str__(self) -> str:
        return f'{" ".join(self._call.words)}{f": {self.fault}" if self.fault else ""}'

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self._call.words)

    @property
    def subcommand(self) -> str | None:
        """The subcommand, such as ``list``; None for daxio, and when there is none."""
        return None if self.name == 'daxio' else subcommand(self._call.words)

    @property
    def arguments(self) -> dict[str, Any]:
        """``subcommand``, ``words`` (those after the tool's name) and ``as_user``."""
        return {'subcommand': self.subcommand, 'words': self.words[1:],
                'as_user': self._call.as_user}

    @property
    def result(self) -> CommandResult | None:
        """Exit status, standard output and standard error."""
        return self._result

    @property
    def failed(self) -> bool:
        return super().failed or (self._result is not None and self._result.returncode != 0)

    @property
    def outcome(self) -> str:
        status = self._result.returncode if self._result is not None else 0
        return f'exit status {status}' if status else super().outcome

    def finish(self, time: float, result: CommandResult) -> None:
        """Note the result of the command."""
        if self.ended is None:
            self._result = result
            self.end(time)

    def measure(self) -> int:
        result = self._result
        return _RECORD_SIZE + values.size_of(self.words) + (
            len(result.stdout) + len(result.stderr) if result is not None else 0)


def subcommand(words: Sequence[str]) -> str | None:
    """The first word of a command line, after the tool's name, that is not an option."""
    return next((word for word in words[1:] if not word.startswith('-')), None)


def _error_text(error: Exception) -> str:
    if isinstance(error, LibvirtError):
        return f'error: {error.message}'
    if isinstance(error, DropConnection):
        return 'error: the connection was dropped'
    if isinstance(error, ConnectionAbortedError):
        return 'error: the caller went away'
    return f'error: {type(error).__name__}'
