"""A choice of a host's calls, by name, time and arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.calls.record import Call, CommandCall
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, lookup
from vpmem_harness.pmem import commands

#: How many calls a repr shows.
_SHOWN = 10


class Mark(NamedTuple):
    """A place between two calls of a host."""

    number: int


class Calls(Sequence[Call]):
    """Some calls of a host, in order. It does not change; narrow it down with the methods."""

    def __init__(self, calls: Iterable[Call] = (), what: str = 'calls') -> None:
        self._all = tuple(calls)
        self._what = what

    def _calls(self) -> Sequence[Call]:
        return self._all

    def __len__(self) -> int:
        return len(self._calls())

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls())

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> Calls: ...

    def __getitem__(self, index: int | slice) -> Call | Calls:
        if isinstance(index, slice):
            return Calls(self._calls()[index], self._what)
        return self._calls()[index]

    def __repr__(self) -> str:
        calls = self._calls()
        lines = [f'\n  {call.line}' for call in calls[-_SHOWN:]]
        before = f'\n  ... {len(calls) - _SHOWN} more before' if len(calls) > _SHOWN else ''
        return f'<{len(calls)} {self._what}{":" if calls else ""}{before}{"".join(lines)}>'

    @property
    def first(self) -> Call:
        """The oldest call.

        :raises InvalidInputError: when there is none.
        """
        return self._one(0)

    @property
    def last(self) -> Call:
        """The newest call.

        :raises InvalidInputError: when there is none.
        """
        return self._one(-1)

    def _one(self, index: int) -> Call:
        calls = self._calls()
        if not calls:
            raise InvalidInputError(
                self._what, expected='at least one', got='none',
                remedy='look at host.calls for the calls that were made')
        return calls[index]

    def named(self, name: str, subcommand: str | None = None) -> Calls:
        """The calls of a libvirt function, or of a tool.

        :param name: a procedure under any name that :class:`~vpmem_harness.host.faults.faults.\
Faults` takes: ``domainDefineXML``, ``defineXML``, ``virDomainDefineXML``, ``domain_define_xml``;
            or ``ndctl``, ``daxctl``, ``daxio``, also with a subcommand, ``'ndctl list'``.
        :param subcommand: of ndctl or daxctl, such as ``'list'``.
        :raises InvalidInputError: when there is no such procedure, tool or subcommand.
        """
        applies = by_name(name, subcommand)
        what = f'calls of {name}{f" {subcommand}" if subcommand else ""}'
        return Calls(filter(applies, self._calls()), what)

    def matching(self, **arguments: Any) -> Calls:
        """The calls whose arguments are as expected: see :meth:`Call.matches`."""
        return Calls((call for call in self._calls() if call.matches(**arguments)), self._what)

    def since(self, start: Call | Mark | float) -> Calls:
        """The calls after another call or a mark, or from a time on (on the host's clock)."""
        if isinstance(start, Call | Mark):
            number = start.number
            return Calls((call for call in self._calls() if call.number > number), self._what)
        if isinstance(start, bool) or not isinstance(start, int | float):
            raise InvalidInputError(
                'start of calls', expected='a call, a mark, or a time in seconds',
                got=repr(start), remedy='take it from host.calls.last or host.calls.mark()')
        return Calls((call for call in self._calls() if call.time >= start), self._what)

    def about(self, domain: str) -> Calls:
        """The calls that are about a domain, given by its name or its UUID."""
        return Calls((call for call in self._calls()
                      if domain in (call.domain, getattr(call, 'domain_uuid', None))), self._what)

    @property
    def failed(self) -> Calls:
        """The calls that ended with an error, or with another exit status than 0."""
        return Calls((call for call in self._calls() if call.failed), f'failed {self._what}')

    @property
    def names(self) -> list[str]:
        """The names of the calls, in order."""
        return [call.name for call in self._calls()]


def by_name(name: str, subcommand: str | None = None) -> Callable[[Call], bool]:
    """A test for calls with this name; see :meth:`Calls.named`."""
    if not isinstance(name, str) or not isinstance(subcommand, str | None):
        got = name if not isinstance(name, str) else subcommand
        raise InvalidInputError(
            'name of a call', expected='a function of libvirt, or a tool and its subcommand',
            got=repr(got), remedy="write named('domainDefineXML') or named('ndctl', 'list')")
    tool, _, rest = name.partition(' ')
    if tool in commands.TOOLS:
        wanted = subcommand or rest.strip() or None
        if wanted is not None and wanted not in commands.subcommands(tool):
            known = ', '.join(commands.subcommands(tool)) or 'none at all'
            raise InvalidInputError(
                f'subcommand of {tool}', expected=f'one of {known}', got=repr(wanted),
                remedy='correct it, or leave it out')
        return lambda call: isinstance(call, CommandCall) and call.name == tool and (
            wanted in (None, call.subcommand))
    if subcommand is not None:
        raise InvalidInputError(
            'subcommand', expected=f'none for the libvirt function {name}',
            got=repr(subcommand), remedy='leave it out')
    found = lookup(name)
    # One function can have several procedures, for older clients.
    methods = {found.method, *(
        procedure.method for procedure in BY_NAME.values()
        if procedure.function is not None and procedure.function == found.function)}
    if name in BY_NAME:
        methods = {name}
    return lambda call: call.name in methods
