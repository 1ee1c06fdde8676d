"""A view of a simulated host with the attributes of Nova's fake connection.

Nova's tests read attributes of the fake connection, its domains and its secrets. A view has these
attributes, with values from the simulated host. All other attributes are those of the real
connection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, MutableMapping
from typing import Any

import libvirt
from lxml import etree

from vpmem_harness.fixtures.host import HostFixture
from vpmem_harness.novatests import workarounds
from vpmem_harness.novatests.hardware import Description, mdev_uuid
from vpmem_harness.novatests.migration_stub import MigrationStub


class ConnectionView:
    """A libvirt connection with the additional names of Nova's fake connection.

    :param description: what the test says about the host.
    """

    def __init__(self, host: HostFixture, description: Description,
                 migrations: MigrationStub) -> None:
        self._host = host
        self._migrations = migrations
        self._compute: Any = None
        self._description = description
        self.host_info = description.host_info
        self.pci_info = description.pci_info
        self.vdpa_info = description.vdpa_info
        self.mdev_info = MdevDevices(host)

    @property
    def description(self) -> Description:
        """The test's current description of the host, because the test can change the hardware."""
        return dataclasses.replace(self._description, host_info=self.host_info,
                                   pci_info=self.pci_info, vdpa_info=self.vdpa_info)

    def use(self, compute: Any) -> None:
        """Use the connection of a compute's driver from now on."""
        self._compute = compute

    def _connection(self) -> libvirt.virConnect:
        if self._compute is None:
            return self._host.connection
        connection: libvirt.virConnect = workarounds.libvirt_connection(self._compute)
        return connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection(), name)

    def lookupByUUIDString(self, uuid: str) -> DomainView:  # noqa: N802 - a name of libvirt
        """Return a domain."""
        return DomainView(self._connection().lookupByUUIDString(uuid), self._migrations)

    def createXML(self, xml: str, flags: Any = 0) -> Any:  # noqa: N802 - a name of libvirt
        """Start a transient domain; nothing within a migration, which has started it."""
        if self._migrations.runs_here:
            return None
        return self._connection().createXML(xml, flags if isinstance(flags, int) else 0)

    @property
    def _vms(self) -> dict[str, DomainView]:
        """The domains by name."""
        return {domain.name(): DomainView(domain, self._migrations)
                for domain in self._connection().listAllDomains()}

    @property
    def _secrets(self) -> dict[str, SecretView]:
        """The defined secrets by UUID."""
        return {secret.uuid_text: SecretView(secret)
                for secret in self._host.hypervisor.secrets.values()}

    @property
    def _removed_secrets(self) -> set[str]:
        """The UUIDs of secrets that were undefined."""
        return {call.arguments['secret'] for call in self._host.calls.named('secret_undefine')}


class DomainView:
    """A domain with the additional names of Nova's fake domain."""

    def __init__(self, domain: libvirt.virDomain, migrations: MigrationStub) -> None:
        self._domain = domain
        self._migrations = migrations

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)

    @property
    def _def(self) -> dict[str, Any]:
        """The definition, as Nova's fake reads it from the domain's XML."""
        fake = workarounds.fake_libvirt()
        definition: dict[str, Any] = fake.Domain(
            fake.Connection(), self._domain.XMLDesc(0))._def
        return definition

    def complete_job(self) -> None:
        """Let the migration of the domain finish."""
        self._migrations.finish(self._domain.UUIDString())

    def fail_job(self) -> None:
        """Let the migration of the domain fail."""
        self._migrations.fail(self._domain.UUIDString())


class SecretView:
    """A secret with the names of Nova's fake secret."""

    def __init__(self, secret: Any) -> None:
        self._uuid = secret.uuid_text
        self._usage_id = secret.usage_id
        self._ephemeral = secret.ephemeral
        self._private = secret.private
        self._value = secret.value


class MdevDevices:
    """The mediated devices of a host, as Nova's ``HostMdevDevicesInfo`` has them."""

    def __init__(self, host: HostFixture) -> None:
        self.devices: MutableMapping[str, Any] = _MdevMapping(host)

    def get_all_devices(self) -> Any:
        """Return the names of the devices."""
        return self.devices.keys()

    def get_device_by_name(self, name: str) -> Any:
        """Return a device."""
        return self.devices[name]


class _MdevMapping(MutableMapping[str, Any]):
    """Mediated devices by name; a device that is added is created on the host."""

    def __init__(self, host: HostFixture) -> None:
        self._host = host

    def _names(self) -> list[str]:
        names: list[str] = self._host.connection.listDevices('mdev')
        return names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __getitem__(self, name: str) -> Any:
        for real in self._names():
            # Nova's fake leaves the parent out of the name, as libvirt did before 7.8.
            if real == name or real.startswith(f'{name}_'):
                return self._host.connection.nodeDeviceLookupByName(real)
        raise KeyError(name)

    def __setitem__(self, name: str, device: Any) -> None:
        create_mdev(self._host, name, device)

    def __delitem__(self, name: str) -> None:
        self[name].destroy()


def create_mdev(host: HostFixture, name: str, device: Any) -> None:
    """Create a mediated device of Nova's ``FakeMdevDevice`` on a host."""
    tree: Any = etree.fromstring(device.XMLDesc(0).encode())
    root = etree.Element('device')
    etree.SubElement(root, 'parent').text = tree.findtext('parent')
    capability = etree.SubElement(root, 'capability', type='mdev')
    etree.SubElement(capability, 'type', id=tree.find('capability/type').get('id'))
    etree.SubElement(capability, 'uuid').text = mdev_uuid(name)
    host.connection.nodeDeviceCreateXML(etree.tostring(root, encoding='unicode'), 0)
