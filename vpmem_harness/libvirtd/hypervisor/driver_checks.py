"""Checks of arguments that libvirt's drivers share: flags and typed parameters."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

import libvirt

from vpmem_harness.libvirtd import errors
from vpmem_harness.libvirtd.values import TypedParameter


def check_flags(function: str, flags: int, allowed: int, *,
                domain: int = libvirt.VIR_FROM_QEMU) -> None:
    """Refuse flags that ``function`` of libvirt's driver does not support.

    Source: libvirt 9.0.0, src/internal.h (virCheckFlags).
    """
    unknown = flags & ~allowed
    if unknown:
        raise errors.misused(
            function, 'flags', f'unsupported flags (0x{unknown:x}) in function {function}',
            domain=domain)


def check_exclusive_flags(function: str, flags: int, one: str, other: str, *,
                          argument: str = 'ctl', domain: int = libvirt.VIR_FROM_DOMAIN) -> None:
    """Refuse two flags together, each given by its name in the ``libvirt`` module.

    Source: libvirt 9.0.0, src/internal.h (VIR_EXCLUSIVE_FLAGS_GOTO).
    """
    if flags & getattr(libvirt, one) and flags & getattr(libvirt, other):
        raise errors.misused(
            function, argument, f"Flags '{one}' and '{other}' are mutually exclusive",
            domain=domain)


def check_required_flag(function: str, flags: int, one: str, needed: str, *,
                        domain: int = libvirt.VIR_FROM_QEMU) -> None:
    """Refuse a flag without the one that it needs, each by its name in the ``libvirt`` module.

    Source: libvirt 9.0.0, src/internal.h (VIR_REQUIRE_FLAG_GOTO).
    """
    if flags & getattr(libvirt, one) and not flags & getattr(libvirt, needed):
        raise errors.misused(
            function, 'ctl', f"Flag '{needed}' is required by flag '{one}'", domain=domain)


def check_parameters(params: Sequence[TypedParameter], types: Mapping[str, int], *,
                     multiple: Container[str] = ()) -> None:
    """Refuse typed parameters other than those of ``types``: name to VIR_TYPED_PARAM_*.

    :param multiple: the names that may occur more than once.

    Source: libvirt 9.0.0, src/util/virtypedparam.c (virTypedParamsValidate).
    """
    seen: set[str] = set()
    for parameter in sorted(params, key=lambda parameter: parameter.name):
        if parameter.name not in types:
            raise errors.LibvirtError(
                libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                f"parameter '{parameter.name}' not supported", domain=libvirt.VIR_FROM_NONE)
        if parameter.name in seen and parameter.name not in multiple:
            raise errors.bad_argument(f"parameter '{parameter.name}' occurs multiple times",
                                      domain=libvirt.VIR_FROM_NONE)
        if parameter.type != types[parameter.name]:
            raise errors.bad_argument(
                f"invalid type '{_TYPES.get(parameter.type, 'unknown')}' for parameter "
                f"'{parameter.name}', expected '{_TYPES[types[parameter.name]]}'",
                domain=libvirt.VIR_FROM_NONE)
        seen.add(parameter.name)


_TYPES: Final[dict[int, str]] = {
    libvirt.VIR_TYPED_PARAM_INT: 'int', libvirt.VIR_TYPED_PARAM_UINT: 'uint',
    libvirt.VIR_TYPED_PARAM_LLONG: 'llong', libvirt.VIR_TYPED_PARAM_ULLONG: 'ullong',
    libvirt.VIR_TYPED_PARAM_DOUBLE: 'double', libvirt.VIR_TYPED_PARAM_BOOLEAN: 'boolean',
    libvirt.VIR_TYPED_PARAM_STRING: 'string'}
