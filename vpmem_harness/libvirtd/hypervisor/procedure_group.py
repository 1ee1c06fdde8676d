"""Procedure groups: the objects of a connection whose methods answer a client's calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar, cast

# For annotations only: a hypervisor creates connections, and a connection creates its groups.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.connection import Connection
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.values import DomainHandle

P = ParamSpec('P')
R = TypeVar('R')
G = TypeVar('G', bound='ProcedureGroup')


class ProcedureGroup:
    """Base class of the procedure groups.

    A method marked with :func:`procedure` answers the procedure of its name.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.hypervisor = connection.hypervisor

    def domain(self, handle: DomainHandle) -> Domain:
        """Return the domain that ``handle`` names.

        :raises LibvirtError: VIR_ERR_NO_DOMAIN.
        """
        return self.hypervisor.domains.by_handle(handle)


def procedure(method: Callable[Concatenate[G, P], R]) -> Callable[Concatenate[G, P], R]:
    """Mark a method as a procedure that runs under the hypervisor's lock."""
    @functools.wraps(method)
    def locked(self: G, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.hypervisor.lock:
            return method(self, *args, **kwargs)
    return unlocked_procedure(cast(Callable[Concatenate[G, P], R], locked))


def unlocked_procedure(method: Callable[P, R]) -> Callable[P, R]:
    """Mark a method as a procedure that acquires the locks it needs itself."""
    vars(method)[_MARK] = True
    return method


#: The attribute of a method that answers a procedure.
_MARK = 'answers_a_procedure'


class Group(Generic[G]):
    """Attribute of a connection class: a procedure group, created when it is first needed."""

    def __init__(self, kind: type[G]) -> None:
        self.kind = kind
        self._attribute = ''

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = name

    def __get__(self, connection: Connection, owner: type | None = None) -> G:
        # An instance attribute of the same name takes precedence from now on.
        group = connection.__dict__[self._attribute] = self.kind(connection)
        return group


def index(connection_class: type) -> dict[str, str]:
    """Map each procedure's name to the attribute whose group answers it.

    :raises ValueError: two groups answer the same procedure.
    """
    attributes: dict[str, str] = {}
    for attribute, group in vars(connection_class).items():
        if isinstance(group, Group):
            for name in _procedures(group.kind):
                if name in attributes:
                    raise ValueError(f'{name} is answered by the groups {attributes[name]!r} '
                                     f'and {attribute!r}')
                attributes[name] = attribute
    return attributes


def _procedures(kind: type[ProcedureGroup]) -> Iterator[str]:
    for name in dir(kind):
        if hasattr(getattr(kind, name), _MARK):
            yield name
