"""The procedures of the table, by number and by name."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterator
from typing import Final

import libvirt

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.libvirtd.wire import shapes, table, xdr

_LINE = re.compile(r'(\d+) (\w+) (?:-|(\w+)(!?)) ?(\.\.\.)?(.*)')


#: Prefixes of methods that implement procedures of other programs than the remote one.
_PREFIXES: Final = {table.QEMU_PROGRAM: 'qemu_', table.LXC_PROGRAM: 'lxc_'}


class Procedure:
    """One procedure or message of a program; its shapes are parsed on first use."""

    def __init__(self, program: int, line: str) -> None:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f'invalid line of the procedure table: {line!r}')
        number, name, function, mark, unknown, rest = match.groups()
        self.program = program
        self.number = int(number)
        self.name: str = name
        #: The public function, such as ``virDomainCreate``, or None.
        self.function: str | None = f'vir{function}' if function else None
        self.refused_to_readers = bool(mark)
        #: Whether clients call it; the others are messages that the daemon sends.
        self.callable = function is not None or name.startswith('auth_')
        #: Whether its shapes are known.
        self.shaped = not unknown
        #: The name of the method that implements it.
        self.method: str = _PREFIXES.get(program, '') + name
        arguments, _, results = rest.partition('->')
        self._arguments: str = arguments
        self._results: str = results

    @functools.cached_property
    def arguments(self) -> shapes.Struct:
        """The arguments of a procedure, or the fields of a message."""
        return shapes.read_fields(self._arguments, named_shapes())

    @functools.cached_property
    def results(self) -> shapes.Struct:
        return shapes.read_fields(self._results, named_shapes())

    @functools.cached_property
    def result_count(self) -> int:
        return len(self.results.fields)

    @functools.cached_property
    def codec(self) -> xdr.Codec:
        """The codec of the arguments."""
        return xdr.compile_type(self.arguments)

    @functools.cached_property
    def results_codec(self) -> xdr.Codec:
        return xdr.compile_type(self.results)

    @functools.cached_property
    def error_domain(self) -> int:
        """The error domain (``VIR_FROM_*``) of the source file that defines the public function."""
        for pattern, domain in _ERROR_DOMAINS:
            if pattern.search(self.function or ''):
                return domain
        return int(libvirt.VIR_FROM_DOMAIN)

    def __repr__(self) -> str:
        return f'<Procedure {self.number} {self.name}>'


#: The first match counts.  Source: VIR_FROM_THIS in the src/libvirt*.c that define them.
_ERROR_DOMAINS: Final[list[tuple[re.Pattern[str], int]]] = [
    (re.compile(pattern), domain) for pattern, domain in (
        (r'^virDomain.*Checkpoint', libvirt.VIR_FROM_DOMAIN_CHECKPOINT),
        (r'^virDomain.*Snapshot', libvirt.VIR_FROM_DOMAIN_SNAPSHOT),
        (r'Qemu|Lxc', libvirt.VIR_FROM_NONE),
        (r'^virDomain', libvirt.VIR_FROM_DOMAIN),
        (r'NWFilter', libvirt.VIR_FROM_NWFILTER),
        (r'Network', libvirt.VIR_FROM_NETWORK),
        (r'Interface', libvirt.VIR_FROM_INTERFACE),
        (r'Secret', libvirt.VIR_FROM_SECRET),
        (r'Storage', libvirt.VIR_FROM_STORAGE),
        (r'NodeDevice|NodeListDevices|NodeNumOfDevices', libvirt.VIR_FROM_NODEDEV),
        (r'^virConnect(Open|Close)', libvirt.VIR_FROM_NONE),
    )]


def _lines(text: str) -> Iterator[str]:
    return iter(re.sub(r'\n {8,}', ' ', text).strip('\n').splitlines())


@functools.cache
def named_shapes() -> dict[str, shapes.Struct]:
    """Return the named shapes."""
    named: dict[str, shapes.Struct] = {}
    waiting = dict(line.split(' = ') for line in _lines(table.SHAPES))
    while waiting:
        for name, text in list(waiting.items()):
            try:
                fields = shapes.read_fields(text, named).fields
            except KeyError:
                continue        # it refers to a shape further down
            named[name] = shapes.Struct(fields, name)
            del waiting[name]
    return named


def _read(program: int, text: str) -> dict[int, Procedure]:
    procedures = (Procedure(program, line.strip()) for line in _lines(text))
    return {procedure.number: procedure for procedure in procedures}


#: By program, then by number.
PROGRAMS: Final[dict[int, dict[int, Procedure]]] = {
    table.REMOTE_PROGRAM: _read(table.REMOTE_PROGRAM, table.REMOTE),
    table.QEMU_PROGRAM: _read(table.QEMU_PROGRAM, table.QEMU),
    table.LXC_PROGRAM: _read(table.LXC_PROGRAM, table.LXC),
}

#: By the name of the method that implements it, or of the message.
BY_NAME: Final[dict[str, Procedure]] = {
    procedure.method: procedure
    for procedures in PROGRAMS.values() for procedure in procedures.values()}


#: Public functions whose client code calls another procedure.
_DONE_BY: Final = {
    'virDomainLookupByUUIDString': 'domain_lookup_by_uuid',
    'virConnectOpenAuth': 'connect_open',
    'virConnectOpenReadOnly': 'connect_open',
    'virDomainMigrateToURI': 'domain_migrate_perform3_params',
    'virDomainMigrateToURI2': 'domain_migrate_perform3_params',
    'virDomainMigrateToURI3': 'domain_migrate_perform3_params',
}


def lookup(name: str) -> Procedure:
    """Find a procedure by any of its common names.

    ``domain_create`` (the protocol's), ``virDomainCreate`` or ``domainCreate`` (the public
    function's), ``create`` (libvirt-python's: of a domain, else of a connection, else of the rest).

    :raises InvalidInputError: with the closest names, if there is no such procedure.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    functions = _by_function()
    function = name if name.startswith('vir') else f'vir{name[:1].upper()}{name[1:]}'
    if function not in functions:
        function = _by_method().get(name, function)
    if function not in functions:
        raise InvalidInputError(
            'procedure', expected='a function of libvirt that its daemon answers', got=name,
            remedy=_remedy(name, function))
    return functions[function]


def _remedy(name: str, function: str) -> str:
    found = [*difflib.get_close_matches(function, _by_function()),
             *difflib.get_close_matches(name, [*_by_method(), *BY_NAME])]
    if not found:
        return 'name one such as virDomainCreateWithFlags'
    return f'did you mean {" or ".join(found[:4])}?'


@functools.cache
def _by_method() -> dict[str, str]:
    """Map methods of libvirt-python to the public functions that they call."""
    functions = _by_function()
    classes = [libvirt.virDomain, libvirt.virConnect,
               *(kind for kind in vars(libvirt).values() if isinstance(kind, type))]
    methods: dict[str, str] = {}
    for kind in classes:
        for name, method in vars(kind).items():
            code = getattr(method, '__code__', None)
            for called in code.co_names if code is not None else ():
                if called in functions:
                    methods.setdefault(name, called)
    return methods


@functools.cache
def _by_function() -> dict[str, Procedure]:
    """Map public functions to procedures; to the newest if there are several."""
    functions = {procedure.function: procedure
                 for procedure in BY_NAME.values() if procedure.function is not None}
    return {**{function: BY_NAME[name] for function, name in _DONE_BY.items()}, **functions}
