"""Which calls a fault is about."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from lxml import etree

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults.fault import Fault, Often
from vpmem_harness.host.tools import PROGRAMS
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.wire.session import Call
from vpmem_harness.pmem import Namespace, commands

#: Whether a fault strikes before a call takes effect or after it.
When = Literal['before', 'after']


class Which(Often, total=False):
    """Which calls of a procedure a fault strikes.

    ``domain``: those that name this domain, by its name or UUID, or that define it; all when None.
    ``when``: ``'before'`` the call takes effect, which is so unless said otherwise, or ``'after'``.
    """

    domain: str | None
    when: When


class WhichCommand(Often, total=False):
    """Which calls of a program a fault strikes: ``when`` is as in :class:`Which`."""

    when: When


def limits(which: Which | WhichCommand) -> Often:
    """What is said of how often a fault strikes."""
    return {'times': which.get('times'), 'probability': which.get('probability', 1.0),
            'skip': which.get('skip', 0)}


def check(which: Which | WhichCommand, known: type[Which] | type[WhichCommand]) -> None:
    """Refuse what a fault cannot be told.

    :raises InvalidInputError: for a keyword that ``known`` lacks, and an unknown ``when``.
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


class HostCall(NamedTuple):
    """One call to a host: a procedure by its name in the protocol, or a command line.

    ``domain`` is the name of the domain that it names, if it names one; ``fault`` says what went
    wrong, if something did.
    """

    name: str
    domain: str | None = None
    fault: str | None = None

    def __str__(self) -> str:
        about = f' {self.domain}' if self.domain else ''
        return f'{self.name}{about}{f": {self.fault}" if self.fault else ""}'


#: Whether a call, or a command line, is one that a fault is about.
ConcernsCall = Callable[[Call], bool]
ConcernsCommand = Callable[[Sequence[str]], bool]


class Armed(NamedTuple):
    """A fault that is in force, with what it is about and what it does."""

    fault: Fault
    concerns: Callable[..., bool]
    effect: Callable[..., object]


def about(domain: str | None) -> ConcernsCall:
    """The calls that name a domain: by a handle of it, by its UUID or name, or in its XML.

    :raises InvalidInputError: when it is given by something else than its name or UUID.
    """
    if domain is None:
        return lambda call: True
    if not isinstance(domain, str) or not domain:
        raise InvalidInputError('domain of a fault', expected='the name or the UUID of a domain',
                                got=repr(domain), remedy='give the id of a server')

    def concerns(call: Call) -> bool:
        return domain in _named(call)
    return concerns


def _named(call: Call) -> set[str]:
    """The names and UUIDs of domains in a call's arguments."""
    found: set[str] = set()
    for field, value in zip(call.procedure.arguments.fields, call.arguments, strict=True):
        handle = value if isinstance(value, DomainHandle) else getattr(value, 'dom', None)
        if isinstance(handle, DomainHandle):
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


def command(program: str, subcommand: str | None) -> ConcernsCommand:
    """The command lines of a program, or those with one sub-command of it.

    :raises InvalidInputError: for a program that hosts do not have, or that lacks the sub-command.
    """
    _check_word('program of a host', program, PROGRAMS)
    if subcommand is not None:
        _check_word(f'sub-command of {program}', subcommand, commands.subcommands(program))

    def concerns(words: Sequence[str]) -> bool:
        rest = [word for word in words[1:] if not word.startswith('-')]
        return words[0] == program and subcommand in (None, *rest[:1])
    return concerns


def namespace(namespaces: Sequence[Namespace], name: str) -> Namespace:
    """The namespace with this name, such as ``ns_0``, ``namespace0.0`` or ``/dev/dax0.0``.

    :raises InvalidInputError: when there is none, or when several have it.
    """
    if not isinstance(name, str):
        raise InvalidInputError(
            'namespace', expected='the name or the device of one of this host',
            got=f'a {type(name).__name__}', remedy='give its name')
    found = [one for one in namespaces
             if name in (one.name, one.dev, one.path, one.chardev, one.blockdev)]
    if len(found) != 1:
        known = ', '.join(one.name or one.dev for one in namespaces) or 'none at all'
        raise InvalidInputError(
            'namespace', expected='the name or the device of one of this host',
            got=f'{name}, which {len(found)} have', remedy=f'it has {known}')
    return found[0]
