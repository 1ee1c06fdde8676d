"""The network filters of a host and their bindings to ports.

Source: libvirt 9.0.0, src/conf/virnwfilterobj.c, src/conf/virnwfilterbindingobjlist.c,
src/nwfilter/nwfilter_gentech_driver.c.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid
from vpmem_harness.libvirtd.hypervisor.nwfilter import packaged
from vpmem_harness.libvirtd.values import NWFilterBindingHandle, NWFilterHandle
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.nwfilter import binding as bindings
from vpmem_harness.libvirtd.xml.nwfilter.binding import BindingDefinition
from vpmem_harness.libvirtd.xml.nwfilter.definition import FilterDefinition
from vpmem_harness.libvirtd.xml.nwfilter.rule import FROM

#: The variable that libvirt can learn, the one that says how, and the ways.
_LEARNED, _LEARNING, _WAYS = 'IP', 'CTRL_IP_LEARNING', ('any', 'dhcp')
_MAC: Final = 'MAC'


class NWFilterList:
    """The network filters of a host, and the bindings of filters to ports.

    :param new_uuid: returns a UUID for each packaged filter.
    :param has_port: whether a guest has an interface on a port.
    """

    def __init__(self, new_uuid: Callable[[], str], has_port: Callable[[str], bool]) -> None:
        self._new_uuid = new_uuid
        self._has_port = has_port
        self._by_name: dict[str, FilterDefinition] | None = None
        self._bindings: dict[str, BindingDefinition] = {}

    @property
    def _filters(self) -> dict[str, FilterDefinition]:
        if self._by_name is None:       # few hosts are asked about filters
            self._by_name = {found.name: found.with_uuid(self._new_uuid())
                             for found in packaged.definitions()}
        return self._by_name

    def __iter__(self) -> Iterator[FilterDefinition]:
        return iter(list(self._filters.values()))

    @staticmethod
    def handle(found: FilterDefinition) -> NWFilterHandle:
        """Return a client's reference to a filter."""
        return NWFilterHandle(found.name, uuids.UUID(found.uuid).bytes)

    def by_uuid(self, uuid: bytes) -> FilterDefinition:
        """Return the filter with that UUID.

        :raises LibvirtError: VIR_ERR_NO_NWFILTER.
        """
        text = str(uuids.UUID(bytes=uuid))
        for found in self._filters.values():
            if found.uuid == text:
                return found
        raise LibvirtError(libvirt.VIR_ERR_NO_NWFILTER,
                           f"no nwfilter with matching uuid '{text}'", domain=FROM)

    def by_name(self, name: str) -> FilterDefinition:
        """Return the filter with that name.

        :raises LibvirtError: VIR_ERR_NO_NWFILTER.
        """
        found = self._filters.get(name)
        if found is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_NWFILTER,
                               f"no nwfilter with matching name '{name}'", domain=FROM)
        return found

    def define(self, new: FilterDefinition) -> None:
        """Add a filter, or give an existing one a new definition.

        :raises LibvirtError: another filter has the name or the UUID, the filter refers to itself,
            or a binding to a port cannot use the new definition.
        """
        for found in self._filters.values():
            if found.uuid == new.uuid and found.name != new.name:
                raise _failed(f"filter with same UUID but different name ('{found.name}') "
                              'already exists')
        old = self._filters.get(new.name)
        if old is not None and old.uuid != new.uuid:
            raise _failed(f"filter '{new.name}' already exists with uuid {old.uuid}")
        if self._refers_to(new, new.name):
            raise _failed('filter would introduce a loop')
        if old is not None:
            for binding in self._in_use():
                self._check(binding.filter, binding.parameters, {new.name: new})
        self._filters[new.name] = new

    def _refers_to(self, found: FilterDefinition, name: str) -> bool:
        """Whether a filter refers to another, directly or not."""
        for reference in found.references:
            other = self._filters.get(reference.filter)
            if reference.filter == name or (other is not None and self._refers_to(other, name)):
                return True
        return False

    def undefine(self, found: FilterDefinition) -> None:
        """Remove a filter.

        :raises LibvirtError: VIR_ERR_OPERATION_INVALID, the interface of a guest uses it.
        """
        for binding in self._in_use():
            used = self._filters.get(binding.filter)
            if used is not None and (used is found or self._refers_to(used, found.name)):
                raise invalid('nwfilter is in use', domain=FROM)
        del self._filters[found.name]

    def _in_use(self) -> list[BindingDefinition]:
        """Return the bindings whose ports exist; libvirt ignores the others."""
        return [binding for port, binding in self._bindings.items() if self._has_port(port)]

    def _check(self, name: str, parameters: Mapping[str, list[str]],
               changed: Mapping[str, FilterDefinition] | None = None) -> None:
        """Refuse a filter that cannot be instantiated.

        :param changed: definitions that replace those of existing filters.
        :raises LibvirtError: a filter is missing, or a variable has no value and cannot be learned.
        """
        missing = dict.fromkeys(self._missing(name, parameters, changed or {}))
        if not missing:
            return
        learning = parameters.get(_LEARNING, _WAYS)[0]
        if list(missing) == [_LEARNED]:
            if learning.lower() in _WAYS:
                return
            if learning.lower() != 'none':
                raise LibvirtError(libvirt.VIR_ERR_PARSE_FAILED,
                                   f"filter '{name}' learning value '{learning}' invalid.",
                                   domain=FROM)
        else:
            missing.pop(_LEARNED, None)
        raise internal('Cannot instantiate filter due to unresolvable variables or unavailable '
                       f"list elements: {', '.join(missing)}", domain=FROM)

    def _missing(self, name: str, parameters: Mapping[str, list[str]],
                 changed: Mapping[str, FilterDefinition]) -> Iterator[str]:
        """Yield the variables without a value, of a filter and those that it refers to."""
        found = changed.get(name) or self._filters.get(name)
        if found is None:
            raise internal(f"referenced filter '{name}' is missing", domain=FROM)
        for rule in found.rules:
            for variable in rule.variables:
                if not variable.is_available(parameters):
                    yield str(variable)
        for reference in found.references:
            yield from self._missing(reference.filter, {**reference.parameters, **parameters},
                                     changed)

    @property
    def bindings(self) -> list[BindingDefinition]:
        """The bindings of filters to ports."""
        return list(self._bindings.values())

    @staticmethod
    def binding_handle(found: BindingDefinition) -> NWFilterBindingHandle:
        """Return a client's reference to a binding."""
        return NWFilterBindingHandle(found.port, found.filter)

    def binding(self, port: str) -> BindingDefinition:
        """Return the binding of a port.

        :raises LibvirtError: VIR_ERR_NO_NWFILTER_BINDING.
        """
        found = self._bindings.get(port)
        if found is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_NWFILTER_BINDING,
                               f"no nwfilter binding for port dev '{port}'", domain=FROM)
        return found

    def bind(self, new: BindingDefinition) -> None:
        """Bind a filter to a port; the filter is only looked at if the port exists.

        :raises LibvirtError: the port has a binding, or the filter cannot be instantiated.
        """
        self._check_free(new.port)
        if self._has_port(new.port):
            new.parameters[_MAC] = [new.mac]
            self._check(new.filter, new.parameters)
        self._bindings[new.port] = new

    def _check_free(self, port: str) -> None:
        if port in self._bindings:
            raise _failed(f"binding '{port}' already exists")

    def unbind(self, port: str) -> None:
        """Remove the binding of a port.

        :raises LibvirtError: VIR_ERR_NO_NWFILTER_BINDING.
        """
        self.binding(port)
        del self._bindings[port]

    def check_interface(self, interface: Element) -> None:
        """Refuse the filter of an interface whose port is about to be made.

        :raises LibvirtError: as :meth:`bind`.
        """
        found = bindings.of_interface(interface, '', '')
        if found is not None:
            self._check_free(found.port)
            self._check(found.filter, {**found.parameters, _MAC: [found.mac]})

    def plugged(self, interfaces: Iterable[Element], owner: str, owner_uuid: str) -> None:
        """Bind the filters of a guest's interfaces, which have been checked."""
        for interface in interfaces:
            found = bindings.of_interface(interface, owner, owner_uuid)
            if found is not None:
                found.parameters[_MAC] = [found.mac]
                self._bindings[found.port] = found

    def unplugged(self, interfaces: Iterable[Element]) -> None:
        """Remove the bindings of interfaces that are gone; clients may have removed some."""
        for interface in interfaces:
            found = bindings.of_interface(interface, '', '')
            if found is not None:
                self._bindings.pop(found.port, None)

    def machine_started(self) -> None:
        """Forget the bindings: a machine that starts has no ports."""
        self._bindings.clear()

    def changed(self, old: Element, new: Element, owner: str, owner_uuid: str) -> None:
        """Give the port of a guest's interface the filter of its new definition.

        :raises LibvirtError: VIR_ERR_OPERATION_FAILED, the filter cannot be instantiated; the old
            one stays. Source: src/qemu/qemu_hotplug.c (qemuDomainChangeNetFilter).
        """
        before = bindings.of_interface(old, owner, owner_uuid)
        after = bindings.of_interface(new, owner, owner_uuid)
        if after is not None:
            if before is not None and (before.filter, before.parameters) == (
                    after.filter, after.parameters):
                return
            try:
                self._check(after.filter, {**after.parameters, _MAC: [after.mac]})
            except LibvirtError:
                raise LibvirtError(
                    libvirt.VIR_ERR_OPERATION_FAILED,
                    f"failed to add new filter rules to '{after.port}' - attempting to restore "
                    'old rules') from None
        self.unplugged([old])
        self.plugged([new], owner, owner_uuid)


def _failed(detail: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, detail, domain=FROM)
