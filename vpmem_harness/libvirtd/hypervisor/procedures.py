"""What every procedure of a connection has in common."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

import libvirt

from vpmem_harness.libvirtd import errors

if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
    from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter

P = ParamSpec('P')
R = TypeVar('R')
C = TypeVar('C', bound='Procedures')

#: Called with the name of a server-to-client message and its fields.
Emit = Callable[..., None]


class Procedures:
    """The part of a connection that every group of procedures builds upon."""

    hypervisor: Hypervisor
    readonly: bool
    emit: Emit

    def domain(self, handle: DomainHandle) -> Domain:
        """The domain that ``handle`` names.

        :raises LibvirtError: VIR_ERR_NO_DOMAIN.
        """
        return self.hypervisor.domains.of(handle)


def procedure(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Mark a method that a client calls: it runs under the hypervisor's lock."""
    @functools.wraps(method)
    def locked(self: C, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.hypervisor.lock:
            return method(self, *args, **kwargs)
    return cast(Callable[Concatenate[C, P], R], locked)


def check_flags(function: str, flags: int, allowed: int, *,
                domain: int = libvirt.VIR_FROM_QEMU) -> None:
    """Refuse flags that ``function`` of libvirt's driver does not know.

    Source: libvirt 9.0.0, src/internal.h (virCheckFlags).
    """
    unknown = flags & ~allowed
    if unknown:
        raise errors.misused(
            function, 'flags', f'unsupported flags (0x{unknown:x}) in function {function}',
            domain=domain)


def check_parameters(params: Sequence[TypedParameter], types: Mapping[str, int]) -> None:
    """Refuse typed parameters but for those of ``types``: name to VIR_TYPED_PARAM_*.

    Source: libvirt 9.0.0, src/util/virtypedparam.c (virTypedParamsValidate).
    """
    seen: set[str] = set()
    for parameter in sorted(params, key=lambda parameter: parameter.name):
        if parameter.name not in types:
            raise errors.LibvirtError(
                libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                f"parameter '{parameter.name}' not supported", domain=libvirt.VIR_FROM_NONE)
        if parameter.name in seen:
            raise errors.bad_argument(f"parameter '{parameter.name}' occurs multiple times",
                                      domain=libvirt.VIR_FROM_NONE)
        if parameter.type != types[parameter.name]:
            raise errors.bad_argument(
                f"invalid type '{_TYPES.get(parameter.type, 'unknown')}' for parameter "
                f"'{parameter.name}', expected '{_TYPES[types[parameter.name]]}'",
                domain=libvirt.VIR_FROM_NONE)
        seen.add(parameter.name)


_TYPES: dict[int, str] = {
    libvirt.VIR_TYPED_PARAM_INT: 'int', libvirt.VIR_TYPED_PARAM_UINT: 'uint',
    libvirt.VIR_TYPED_PARAM_LLONG: 'llong', libvirt.VIR_TYPED_PARAM_ULLONG: 'ullong',
    libvirt.VIR_TYPED_PARAM_DOUBLE: 'double', libvirt.VIR_TYPED_PARAM_BOOLEAN: 'boolean',
    libvirt.VIR_TYPED_PARAM_STRING: 'string'}


def exclusive(function: str, flags: int, one: str, other: str, *, argument: str = 'ctl',
              domain: int = libvirt.VIR_FROM_DOMAIN) -> None:
    """Refuse two flags together, both named as in the ``libvirt`` module.

    Source: libvirt 9.0.0, src/internal.h (VIR_EXCLUSIVE_FLAGS_GOTO).
    """
    if flags & getattr(libvirt, one) and flags & getattr(libvirt, other):
        raise errors.misused(
            function, argument, f"Flags '{one}' and '{other}' are mutually exclusive",
            domain=domain)
