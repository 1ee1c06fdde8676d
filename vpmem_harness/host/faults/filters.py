"""Which calls a fault applies to."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Literal

from lxml import etree

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.calls.record import subcommand as subcommand_of
from vpmem_harness.host.calls.values import domain_of
from vpmem_harness.host.faults.fault import FaultFrequency
from vpmem_harness.host.tools import PROGRAMS
from vpmem_harness.libvirtd.wire.session import Call
from vpmem_harness.pmem import Namespace, commands

#: Whether a fault strikes before a call takes effect or after it.
When = Literal['before', 'after']


class ProcedureFaultOptions(FaultFrequency, total=False):
    """Which calls of a procedure a fault strikes.

    ``domain``: only calls that name this domain, by its name or UUID, or that define it.
    ``when``: ``'before'`` the call takes effect (the default), or ``'after'``.
    """

    domain: str | None
    when: When


class CommandFaultOptions(FaultFrequency, total=False):
    """Which runs of a program a fault strikes.

    ``when`` is the same as in :class:`ProcedureFaultOptions`.
    """

    when: When


def frequency(which: ProcedureFaultOptions | CommandFaultOptions) -> FaultFrequency:
    """The options that say how often a fault strikes."""
    return {'times': which.get('times'), 'probability': which.get('probability', 1.0),
            'skip': which.get('skip', 0)}


def check(which: ProcedureFaultOptions | CommandFaultOptions,
          known: type[ProcedureFaultOptions] | type[CommandFaultOptions]) -> None:
    """Check the options of a fault.

    :raises InvalidInputError: for an option that ``known`` lacks, and for an unknown ``when``.
    """
    for word in which:
        _check_word('argument of a fault', word, sorted(known.__annotations__))
    _check_word('when of a fault', which.get('when', 'before'), ('before', 'after'))


def _check_word(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        close = difflib.get_close_matches(str(word), known, n=1)
        raise InvalidInputError(
            what, expected=f'one of {", ".join(known) or "none"}', got=repr(word),
            remedy=f'did you mean {close[0]!r}?' if close else 'leave it out')


#: Whether a fault applies to a call, or to a command line.
AppliesToCall = Callable[[Call], bool]
AppliesToCommand = Callable[[Sequence[str]], bool]


def about(domain: str | None) -> AppliesToCall:
    """A filter for the calls that name a domain: by a handle, its UUID or name, or in XML.

    :raises InvalidInputError: when ``domain`` is neither None nor a name or UUID.
    """
    if domain is None:
        return lambda call: True
    if not isinstance(domain, str) or not domain:
        raise InvalidInputError('domain of a fault', expected='the name or the UUID of a domain',
                                got=repr(domain), remedy='give the id of a server')

    def applies_to(call: Call) -> bool:
        return domain in _named(call)
    return applies_to


def _named(call: Call) -> set[str]:
    """The names and UUIDs of domains in a call's arguments."""
    found: set[str] = set()
    for field, value in zip(call.procedure.arguments.fields, call.arguments, strict=True):
        handle = domain_of(value)
        if handle is not None:
            found |= {handle.name, str(uuid.UUID(bytes=handle.uuid))}
        elif field.name == 'uuid' and isinstance(value, bytes) and len(value) == 16:
            found.add(str(uuid.UUID(bytes=value)))
        elif field.name == 'name' and isinstance(value, str):
            found.add(value)
        elif isinstance(value, str) and value.lstrip().startswith('<'):
            found |= _described(value)
    return found


def _described(xml: str) -> set[str]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(xml.encode('utf-8', 'surrogateescape'), parser)
    except etree.XMLSyntaxError:
        return set()
    return {text.strip() for name in ('name', 'uuid') if (text := root.findtext(name))}


def command(program: str, subcommand: str | None) -> AppliesToCommand:
    """A filter for the command lines of a program, or of one subcommand of it.

    :raises InvalidInputError: for a program that hosts do not have, or that lacks the subcommand.
    """
    _check_word('program of a host', program, PROGRAMS)
    if subcommand is not None:
        _check_word(f'sub-command of {program}', subcommand, commands.subcommands(program))

    def applies_to(words: Sequence[str]) -> bool:
        return words[0] == program and subcommand in (None, subcommand_of(words))
    return applies_to


def in_words(when: str) -> str:
    """The end of a fault's description."""
    return ' after it took effect' if when == 'after' else ''


def slow_arguments(arguments: Sequence[Any], subcommand: Any, seconds: Any) -> tuple[Any, Any]:
    """The subcommand and the seconds of ``tool_slow``, in whatever order they were given."""
    for argument in arguments:
        if isinstance(argument, str) or argument is None:
            subcommand = argument
        else:
            seconds = argument
    return subcommand, seconds


def namespace(namespaces: Sequence[Namespace], name: str) -> Namespace:
    """Find a namespace by a name such as ``ns_0``, ``namespace0.0`` or ``/dev/dax0.0``.

    :raises InvalidInputError: when there is none, or more than one.
    """
    if not isinstance(name, str):
        raise InvalidInputError(
            'namespace', expected='the name or the device of a namespace of this host',
            got=f'a {type(name).__name__}', remedy='give its name')
    found = [one for one in namespaces
             if name in (one.name, one.dev, one.path, one.chardev, one.blockdev)]
    if len(found) != 1:
        known = ', '.join(one.name or one.dev for one in namespaces) or 'none'
        raise InvalidInputError(
            'namespace', expected='the name or the device of a namespace of this host',
            got=f'{name!r}, which {len(found) or "none"} of its namespaces have',
            remedy=f'the host has {known}')
    return found[0]
