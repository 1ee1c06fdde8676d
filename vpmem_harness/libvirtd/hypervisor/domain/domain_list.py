"""The domains of a hypervisor, with unique names and UUIDs."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterator

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.etree import Element


class DomainList:
    """The domains of a hypervisor, found by UUID, name and, while they run, ID."""

    def __init__(self) -> None:
        self._by_uuid: dict[bytes, Domain] = {}
        self._by_name: dict[str, Domain] = {}

    def __iter__(self) -> Iterator[Domain]:
        return iter(list(self._by_uuid.values()))

    def __len__(self) -> int:
        return len(self._by_uuid)

    def live_interfaces(self) -> Iterator[Element]:
        """Yield the network interfaces of running domains."""
        for domain in self:
            if domain.live is not None:
                yield from domain.live.devices.findall('interface')

    def by_handle(self, handle: DomainHandle) -> Domain:
        """Return the domain that a client refers to.

        :raises LibvirtError: VIR_ERR_NO_DOMAIN with the UUID, and the name in parentheses.
        """
        domain = self._by_uuid.get(handle.uuid)
        if domain is None:
            text = uuids.UUID(bytes=handle.uuid)
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN,
                               f"no domain with matching uuid '{text}' ({handle.name})")
        return domain

    def by_uuid(self, uuid: bytes) -> Domain:
        """Return the domain with that UUID, or raise VIR_ERR_NO_DOMAIN."""
        domain = self._by_uuid.get(uuid)
        if domain is None:
            text = uuids.UUID(bytes=uuid)
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN,
                               f"no domain with matching uuid '{text}'")
        return domain

    def by_name(self, name: str) -> Domain:
        """Return the domain with that name, or raise VIR_ERR_NO_DOMAIN."""
        domain = self._by_name.get(name)
        if domain is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN,
                               f"no domain with matching name '{name}'")
        return domain

    def by_id(self, number: int) -> Domain:
        """Return the running domain with that ID, or raise VIR_ERR_NO_DOMAIN."""
        for domain in self._by_uuid.values():
            if domain.active and domain.id == number:
                return domain
        raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN, f'no domain with matching id {number}')

    def find(self, name: str, uuid: bytes, *, to_start: bool = False) -> Domain | None:
        """Return the domain that a definition of that name and UUID belongs to, or None.

        :raises LibvirtError: another domain has the name or the UUID or, with ``to_start``, the
            domain is already running (VIR_ERR_OPERATION_INVALID).
            Source: libvirt 9.0.0, src/conf/virdomainobjlist.c.
        """
        domain = self._by_uuid.get(uuid)
        if domain is not None:
            if domain.name != name:
                raise LibvirtError(
                    libvirt.VIR_ERR_OPERATION_FAILED,
                    f"domain '{domain.name}' is already defined with uuid {domain.uuid_text}",
                    domain=libvirt.VIR_FROM_DOMAIN)
            if to_start and domain.active:
                raise invalid(f"domain '{name}' is already active",
                              domain=libvirt.VIR_FROM_DOMAIN)
            return domain
        other = self._by_name.get(name)
        if other is not None:
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_FAILED,
                f"domain '{name}' already exists with uuid {other.uuid_text}",
                domain=libvirt.VIR_FROM_DOMAIN)
        return None

    def add(self, domain: Domain) -> None:
        """Add a new domain."""
        self._by_uuid[domain.uuid] = domain
        self._by_name[domain.name] = domain

    def remove(self, domain: Domain) -> None:
        """Remove a domain."""
        del self._by_uuid[domain.uuid]
        del self._by_name[domain.name]

    def rename(self, domain: Domain, name: str) -> None:
        """Give a domain another name, which must be unused."""
        del self._by_name[domain.name]
        domain.name = name
        self._by_name[name] = domain
