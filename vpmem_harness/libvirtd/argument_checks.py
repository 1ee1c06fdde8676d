"""Checks of a call's arguments before any driver sees them, as in libvirt's public functions.

``argument_table.py`` has the checks of each procedure. Source of texts and codes: libvirt 9.0.0,
src/util/virerror.h (virReportInvalid*Arg), src/internal.h (VIR_EXCLUSIVE_FLAGS_GOTO,
VIR_REQUIRE_FLAG_GOTO), src/util/virtypedparam.c (virTypedParamsDeserialize), and the public
function or the dispatcher of the procedure.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import libvirt

from vpmem_harness.libvirtd import argument_table, errors
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import signed
from vpmem_harness.libvirtd.wire import shapes
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, Procedure

#: Raises the error of the first argument that is wrong.
Check = Callable[[tuple[Any, ...]], None]

_COMPARISON: Final = re.compile(r"(\w+)(?::(\w+))?(!=null|!=''|!=0|>=0|>0|<=)(\w*)")
_FLAGS: Final = re.compile(r'(\w*?)\{?(\w+)(\^|->)(\w+)\}?')

#: What a comparison refuses, and with what text about the argument in the function.
_COMPARISONS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    '!=null': (operator.not_, '{} in {} must not be NULL'),
    '!=0': (lambda value: not _number(value), '{} in {} must not be zero'),
    '>0': (lambda value: _number(value) <= 0, '{} in {} must be greater than zero'),
    '>=0': (lambda value: _number(value) < 0, '{} in {} must be zero or greater'),
}

#: The length from which on a typed parameter's name is too long.
_FIELD_LENGTH: Final = 80
_CPUMAPS_MAX, _VCPUINFO_MAX, _CELLS_MAX = 8388608, 16384, 1024
_UINT_MAX: Final = 0xffffffff
#: KiB from which on a size of memory is no number of bytes any more.
_MEMORY_MAX: Final = (2**63 - 1) // 1024
#: VIR_KEYCODE_SET_LAST.
_KEYCODE_SETS: Final = libvirt.VIR_KEYCODE_SET_QNUM + 1
_DUMP_FORMATS: Final = libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_WIN_DMP + 1
_TITLE, _DESCRIPTION = (libvirt.VIR_DOMAIN_METADATA_TITLE,
                        libvirt.VIR_DOMAIN_METADATA_DESCRIPTION)
_COPY_ONLY: Final = (libvirt.VIR_DOMAIN_BLOCK_REBASE_SHALLOW
                     | libvirt.VIR_DOMAIN_BLOCK_REBASE_REUSE_EXT
                     | libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY_RAW
                     | libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY_DEV)


def guard(procedure: Procedure, method: Callable[..., Any], *,
          refusal: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Wrap a method so that it is called only with arguments that pass the checks.

    :param refusal: what to call in place of the method and of the checks after the read-only
        check, because the client is read-only and the procedure changes something.
    """
    before, after = _compiled(procedure)
    checks = before if refusal is not None else before + after
    method = method if refusal is None else refusal
    if not checks:
        return method

    @functools.wraps(method)
    def call(*arguments: Any) -> Any:
        for check in checks:
            check(arguments)
        return method(*arguments)

    return call


@functools.cache
def _compiled(procedure: Procedure) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """The checks of a procedure before the read-only check, and those after it."""
    row = _rows().get(procedure.method, ())
    place = row.index('ro') if 'ro' in row else 0
    checks = [_compile(procedure, text) for text in row if text != 'ro']
    fields = procedure.arguments.fields
    lengths = tuple(functools.partial(_check_field_lengths, index)
                    for index, field in enumerate(fields)
                    if isinstance(field.type, shapes.ListOf)
                    and isinstance(field.type.of, shapes.TypedParam))
    return (*lengths, *checks[:place]), tuple(checks[place:])


@functools.cache
def _rows() -> Mapping[str, list[str]]:
    text = re.sub(r'\n {8,}', ' ', argument_table.CHECKS)
    rows = (line.split() for line in text.splitlines() if line)
    return {name: checks for name, *checks in rows}


def _compile(procedure: Procedure, text: str) -> Check:
    """Compile one check of the table."""
    if text.startswith('@'):
        return functools.partial(_SPECIAL[text[1:]], procedure)
    names = [field.name for field in procedure.arguments.fields]
    compared = _COMPARISON.fullmatch(text)
    if compared is not None:
        argument, name, how, limit = compared.groups()
        index = names.index(argument)
        if how == '<=':
            return functools.partial(_check_limit, index, argument, limit)
        if how == "!=''":
            return functools.partial(_check_string, procedure, index, name or argument)
        return functools.partial(_compare, procedure, index, name or argument, *_COMPARISONS[how])
    flags = _FLAGS.fullmatch(text)
    if flags is None:
        raise ValueError(f'no check of an argument: {text!r}')
    prefix, one, sign, other = flags.groups()
    check = _check_exclusive if sign == '^' else _check_required
    return functools.partial(check, procedure, names.index('flags'),
                             f'VIR_{prefix}{one}', f'VIR_{prefix}{other}')


def _misused(procedure: Procedure, argument: str, message: str) -> LibvirtError:
    return errors.misused(procedure.function or '', argument, message,
                          domain=procedure.error_domain)


def _number(value: Any) -> int:
    """The value of a number, the length of anything else."""
    return value if isinstance(value, int) else len(value)


def _compare(procedure: Procedure, index: int, name: str, wrong: Callable[[Any], bool],
             text: str, arguments: tuple[Any, ...]) -> None:
    value = arguments[index]
    if wrong(value) and not isinstance(value, str):
        raise _misused(procedure, name, text.format(name, procedure.function))


def _check_string(procedure: Procedure, index: int, name: str,
                  arguments: tuple[Any, ...]) -> None:
    if arguments[index] is None:
        raise _misused(procedure, name, f'{name} in {procedure.function} must not be NULL')
    if not arguments[index]:
        raise _misused(procedure, name,
                       f'string {name} in {procedure.function} must not be empty')


def _check_limit(index: int, name: str, limit: str, arguments: tuple[Any, ...]) -> None:
    value = arguments[index]
    if limit in argument_table.LIST_LIMITS:
        code, most = libvirt.VIR_ERR_RPC, argument_table.LIST_LIMITS[limit]
        text = f'{name} > {limit}'
    else:
        code = libvirt.VIR_ERR_INTERNAL_ERROR
        most, text = argument_table.LIMITS[limit]
    if value < 0:
        raise LibvirtError(code, f'{name} must be non-negative', domain=libvirt.VIR_FROM_RPC)
    if value > most:
        raise LibvirtError(code, text, domain=libvirt.VIR_FROM_RPC)


def _check_field_lengths(index: int, arguments: tuple[Any, ...]) -> None:
    for parameter in arguments[index]:
        if len(parameter.name.encode('utf-8', 'surrogateescape')) >= _FIELD_LENGTH:
            raise errors.internal(f'parameter {parameter.name} too big for destination',
                                  domain=libvirt.VIR_FROM_NONE)


def _check_exclusive(procedure: Procedure, index: int, one: str, other: str,
                     arguments: tuple[Any, ...]) -> None:
    flags = arguments[index]
    if flags & getattr(libvirt, one) and flags & getattr(libvirt, other):
        raise _misused(procedure, 'ctl', f"Flags '{one}' and '{other}' are mutually exclusive")


def _check_required(procedure: Procedure, index: int, one: str, other: str,
                    arguments: tuple[Any, ...]) -> None:
    flags = arguments[index]
    if flags & getattr(libvirt, one) and not flags & getattr(libvirt, other):
        raise _misused(procedure, 'ctl', f"Flag '{other}' is required by flag '{one}'")


# Checks of a single function or two. Each takes the procedure and the arguments of the call.

def _authorized_ssh_keys(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, _, keys, flags = arguments
    if not keys and flags & (libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND
                             | libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_REMOVE):
        raise _misused(procedure, 'keys', f'keys in {procedure.function} must not be NULL')


def _block_rebase(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, _, base, _, flags = arguments
    if flags & libvirt.VIR_DOMAIN_BLOCK_REBASE_COPY:
        if base is None:
            raise _misused(procedure, 'base', f'base in {procedure.function} must not be NULL')
    elif flags & _COPY_ONLY:
        raise _misused(procedure, 'flags', 'use of flags requires a copy job')


def _block_io_tune(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, disk, nparams, _ = arguments
    if nparams and disk is None:
        raise _misused(procedure, 'disk', f'disk in {procedure.function} must not be NULL')


def _cell_number(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, cell, _ = arguments
    if cell < libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS:
        raise _misused(procedure, 'cpuNum', f'cellNum in {procedure.function} only accepts '
                       f'{libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS} as a negative value')


def _cpu_number(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    cpu, _, _ = arguments
    if cpu < libvirt.VIR_NODE_CPU_STATS_ALL_CPUS:
        raise _misused(procedure, 'cpuNum', f'cpuNum in {procedure.function} only accepts '
                       f'{libvirt.VIR_NODE_CPU_STATS_ALL_CPUS} as a negative value')


def _codeset(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    codeset = arguments[1]
    if codeset >= _KEYCODE_SETS:
        raise _misused(procedure, 'codeset', f"Unsupported codeset '{signed(codeset)}'")


def _cpu_stats(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, nparams, start, ncpus, _ = arguments
    if nparams > argument_table.LIMITS['REMOTE_NODE_CPU_STATS_MAX'][0]:
        raise errors.internal('nparams too large', domain=libvirt.VIR_FROM_RPC)
    if ncpus > 128:     # REMOTE_DOMAIN_GET_CPU_STATS_NCPUS_MAX
        raise errors.internal('ncpus too large', domain=libvirt.VIR_FROM_RPC)
    if start == -1 and ncpus != 1:
        raise _misused(procedure, 'start_cpu', 'ncpus must be 1 when start_cpu is -1')
    if start < -1:
        raise _misused(procedure, 'start_cpu',
                       f'start_cpu in {procedure.function} must be zero or greater')
    if nparams and not ncpus:
        raise _misused(procedure, 'params', f'params in {procedure.function} must not be NULL')


def _dump_format(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, _, dump_format, _ = arguments
    if dump_format >= _DUMP_FORMATS:
        raise _misused(procedure, 'flags',
                       f"dumpformat '{signed(dump_format)}' is not supported")


def _free_pages(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    pages, _, cells, _ = arguments
    if len(pages) * cells & _UINT_MAX > _CELLS_MAX:
        raise errors.internal("the result won't fit into REMOTE_NODE_MAX_CELLS",
                              domain=libvirt.VIR_FROM_RPC)


def _lifecycle_action(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, kind, action, _ = arguments
    for what, value, last in (('type', kind, libvirt.VIR_DOMAIN_LIFECYCLE_CRASH),
                              ('action', action,
                               libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_RESTART)):
        if value > last:
            raise errors.bad_argument(f"invalid lifecycle {what} '{value}'",
                                      domain=procedure.error_domain)


def _map_length(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    if arguments[1] < 0:
        raise errors.internal('maplen must be non-negative', domain=libvirt.VIR_FROM_RPC)


def _memory_limit(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    if arguments[1] >= _MEMORY_MAX:
        raise LibvirtError(libvirt.VIR_ERR_OVERFLOW, f'input too large: {arguments[1]}',
                           domain=procedure.error_domain)


def _metadata_to_read(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, kind, uri, _ = arguments
    _check_presence(procedure, kind, uri=uri)


def _metadata_to_write(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, kind, metadata, key, uri, _ = arguments
    if kind == _TITLE and '\n' in (metadata or ''):
        raise _misused(procedure, 'metadata', "metadata title can't contain newlines")
    if metadata is None and kind not in (_TITLE, _DESCRIPTION):
        _check_presence(procedure, kind, uri=uri)
    else:
        _check_presence(procedure, kind, uri=uri, key=key)


def _check_presence(procedure: Procedure, kind: int, **strings: str | None) -> None:
    """Refuse strings with a title or description, and their absence with an element."""
    for name, value in strings.items():
        if kind in (_TITLE, _DESCRIPTION) and value is not None:
            raise _misused(procedure, name, f'{name} in {procedure.function} must be NULL')
        if kind == libvirt.VIR_DOMAIN_METADATA_ELEMENT and value is None:
            raise _misused(procedure, name, f'{name} in {procedure.function} must not be NULL')


def _vcpu_maps(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    count, length = arguments[1], arguments[2]
    name = procedure.arguments.fields[1].name
    if count < 0 or length < 0:
        # libvirtd reports a negative maplen of virDomainGetVcpus as maxinfo.
        negative = name if count < 0 or name == 'maxinfo' else 'maplen'
        raise errors.internal(f'{negative} must be non-negative', domain=libvirt.VIR_FROM_RPC)
    if count > _VCPUINFO_MAX:
        raise errors.internal(f'{name} > REMOTE_VCPUINFO_MAX', domain=libvirt.VIR_FROM_RPC)
    if count * length > _CPUMAPS_MAX:
        raise errors.internal('maxinfo * maplen > REMOTE_CPUMAPS_MAX',
                              domain=libvirt.VIR_FROM_RPC)
    if name == 'ncpumaps' and count and not length:
        raise _misused(procedure, 'cpumaps', f'cpumaps in {procedure.function} must not be NULL')


def _volume_capacity(procedure: Procedure, arguments: tuple[Any, ...]) -> None:
    _, capacity, flags = arguments
    if not capacity and not flags & (libvirt.VIR_STORAGE_VOL_RESIZE_DELTA
                                     | libvirt.VIR_STORAGE_VOL_RESIZE_SHRINK):
        raise _misused(procedure, 'capacity', f'capacity in {procedure.function} cannot be zero '
                       "without 'delta' or 'shrink' flags set")


_SPECIAL: Final[dict[str, Callable[[Procedure, tuple[Any, ...]], None]]] = {
    'authorized_ssh_keys': _authorized_ssh_keys,
    'block_io_tune': _block_io_tune,
    'block_rebase': _block_rebase,
    'cell_number': _cell_number,
    'codeset': _codeset,
    'cpu_number': _cpu_number,
    'cpu_stats': _cpu_stats,
    'dump_format': _dump_format,
    'free_pages': _free_pages,
    'lifecycle_action': _lifecycle_action,
    'map_length': _map_length,
    'memory_limit': _memory_limit,
    'metadata_to_read': _metadata_to_read,
    'metadata_to_write': _metadata_to_write,
    'vcpu_maps': _vcpu_maps,
    'volume_capacity': _volume_capacity,
}


def checked() -> Iterator[Procedure]:
    """Yield each procedure whose arguments are checked."""
    for name in _rows():
        yield BY_NAME[name]
