"""Values that the wire and the hypervisor exchange.

Plain data without XDR: the wire decodes arguments into these, the hypervisor returns these, and
neither imports the other. A UUID in a handle is its 16 raw bytes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import libvirt


def signed(number: int) -> int:
    """Return an unsigned number of 32 bits as C prints it with ``%d``."""
    return number - (1 << 32) if number >= 1 << 31 else number


class DomainHandle(NamedTuple):
    """A client's reference to a domain; ``id`` is -1 if the domain is not running."""

    name: str
    uuid: bytes
    id: int = -1


class NetworkHandle(NamedTuple):
    name: str
    uuid: bytes


class NetworkPortHandle(NamedTuple):
    net: NetworkHandle
    uuid: bytes


class NWFilterHandle(NamedTuple):
    name: str
    uuid: bytes


class NWFilterBindingHandle(NamedTuple):
    portdev: str
    filtername: str


class InterfaceHandle(NamedTuple):
    name: str
    mac: str


class StoragePoolHandle(NamedTuple):
    name: str
    uuid: bytes


class StorageVolHandle(NamedTuple):
    pool: str
    name: str
    key: str


class NodeDeviceHandle(NamedTuple):
    name: str


class SecretHandle(NamedTuple):
    uuid: bytes
    usage_type: int
    usage_id: str


class CheckpointHandle(NamedTuple):
    name: str
    dom: DomainHandle


class SnapshotHandle(NamedTuple):
    name: str
    dom: DomainHandle


TypedValue = int | float | str

INT: Final[int] = libvirt.VIR_TYPED_PARAM_INT
UINT: Final[int] = libvirt.VIR_TYPED_PARAM_UINT
LLONG: Final[int] = libvirt.VIR_TYPED_PARAM_LLONG
ULLONG: Final[int] = libvirt.VIR_TYPED_PARAM_ULLONG
DOUBLE: Final[int] = libvirt.VIR_TYPED_PARAM_DOUBLE
BOOLEAN: Final[int] = libvirt.VIR_TYPED_PARAM_BOOLEAN
STRING: Final[int] = libvirt.VIR_TYPED_PARAM_STRING


class TypedParameter(NamedTuple):
    """A typed parameter of libvirt: its name, its ``VIR_TYPED_PARAM_*`` and its value.

    Parameters are a list and not a dict because a name can repeat (``migrate_disks``)::

        >>> TypedParameter.ullong('memory_total', 4096)
        TypedParameter(name='memory_total', type=4, value=4096)
        >>> dict((p.name, p.value) for p in [TypedParameter.string('operation', 'start')])
        {'operation': 'start'}
    """

    name: str
    type: int
    value: TypedValue

    @staticmethod
    def int_(name: str, value: int) -> TypedParameter:
        return TypedParameter(name, INT, value)

    @staticmethod
    def uint(name: str, value: int) -> TypedParameter:
        return TypedParameter(name, UINT, value)

    @staticmethod
    def llong(name: str, value: int) -> TypedParameter:
        return TypedParameter(name, LLONG, value)

    @staticmethod
    def ullong(name: str, value: int) -> TypedParameter:
        return TypedParameter(name, ULLONG, value)

    @staticmethod
    def double(name: str, value: float) -> TypedParameter:
        return TypedParameter(name, DOUBLE, value)

    @staticmethod
    def boolean(name: str, value: bool) -> TypedParameter:
        return TypedParameter(name, BOOLEAN, int(value))

    @staticmethod
    def string(name: str, value: str) -> TypedParameter:
        return TypedParameter(name, STRING, value)
