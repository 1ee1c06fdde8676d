"""Procedures for node devices.

Source: libvirt 9.0.0, src/node_device/node_device_driver.c.
"""

from __future__ import annotations

import uuid as uuids

import libvirt

from vpmem_harness.hardware import PciDevice
from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid, unexplained
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.node.device_tree import VFIO
from vpmem_harness.libvirtd.hypervisor.node.mediated_devices import MediatedDevice
from vpmem_harness.libvirtd.hypervisor.node.node_devices import NodeDevice
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.xml import reading

_FROM = libvirt.VIR_FROM_NODEDEV
_CREATED, _DELETED = libvirt.VIR_NODE_DEVICE_EVENT_CREATED, libvirt.VIR_NODE_DEVICE_EVENT_DELETED

#: The filter flag of each capability.
_CAPS = {'system': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_SYSTEM,
         'pci': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV,
         'usb_device': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV,
         'usb': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_INTERFACE,
         'net': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET,
         'scsi_host': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_HOST,
         'scsi_target': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_TARGET,
         'scsi': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI,
         'storage': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_STORAGE,
         'fc_host': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_FC_HOST,
         'vports': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPORTS,
         'scsi_generic': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_GENERIC,
         'drm': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_DRM,
         'mdev_types': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV_TYPES,
         'mdev': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV,
         'ccw': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_CCW_DEV,
         'css': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_CSS_DEV,
         'vdpa': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_VDPA,
         'ap_card': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_CARD,
         'ap_queue': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_QUEUE,
         'ap_matrix': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_MATRIX,
         'vpd': libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPD}
_ACTIVE = libvirt.VIR_CONNECT_LIST_NODE_DEVICES_ACTIVE
_INACTIVE = libvirt.VIR_CONNECT_LIST_NODE_DEVICES_INACTIVE


class NodeDeviceProcedures(ProcedureGroup):
    """Procedures for node devices."""

    def _named(self, name: str) -> NodeDevice:
        device = self.hypervisor.devices.find(name)
        if device is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_NODE_DEVICE,
                               f"no node device with matching name '{name}'", domain=_FROM)
        return device

    @procedure
    def node_num_of_devices(self, cap: str | None, flags: int) -> int:
        """Return the number of devices, or of those with a capability."""
        check_flags('nodeNumOfDevices', flags, 0, domain=_FROM)
        return len(self._with(cap))

    @procedure
    def node_list_devices(self, cap: str | None, maximum: int, flags: int) -> list[str]:
        """Return the names of the devices, or of those with a capability."""
        check_flags('nodeListDevices', flags, 0, domain=_FROM)
        return [device.name for device in self._with(cap)]

    def _with(self, cap: str | None) -> list[NodeDevice]:
        return [device for device in self.hypervisor.devices
                if device.active and (cap is None or cap in device.caps)]

    @procedure
    def connect_list_all_node_devices(self, need_results: int, flags: int) -> list[NodeDevice]:
        """Return the devices that match the filters; only active ones by default."""
        known = _ACTIVE | _INACTIVE
        for flag in _CAPS.values():
            known |= flag
        check_flags('nodeConnectListAllNodeDevices', flags, known, domain=_FROM)
        kinds = flags & ~(_ACTIVE | _INACTIVE)
        wanted = flags & (_ACTIVE | _INACTIVE) or _ACTIVE
        return [device for device in self.hypervisor.devices
                if (not kinds or any(kinds & _CAPS.get(cap, 0) for cap in device.caps))
                and wanted & (_ACTIVE if device.active else _INACTIVE)]

    @procedure
    def node_device_lookup_scsi_host_by_wwn(self, node: str, port: str, flags: int) -> NodeDevice:
        """Refuse: the host has no Fibre Channel adapter. libvirt 9.0.0 does not say why."""
        check_flags('nodeDeviceLookupSCSIHostByWWN', flags, 0, domain=_FROM)
        raise unexplained()

    @procedure
    def node_device_lookup_by_name(self, name: str) -> NodeDevice:
        """Return the device with that name."""
        return self._named(name)

    @procedure
    def node_device_get_xml_desc(self, name: str, flags: int) -> str:
        """Return a device's XML."""
        check_flags('nodeDeviceGetXMLDesc', flags, 0, domain=_FROM)
        return self._named(name).xml()

    @procedure
    def node_device_get_parent(self, name: str) -> str | None:
        """Return the name of a device's parent."""
        return self._named(name).parent

    @procedure
    def node_device_num_of_caps(self, name: str) -> int:
        """Return the number of a device's capabilities."""
        return len(self._named(name).caps)

    @procedure
    def node_device_list_caps(self, name: str, maximum: int) -> list[str]:
        """Return a device's capabilities."""
        return list(self._named(name).caps)

    @procedure
    def node_device_is_active(self, name: str) -> int:
        """Return 1 for an active device, 0 for one that is only defined."""
        return int(self._named(name).active)

    @procedure
    def node_device_is_persistent(self, name: str) -> int:
        """Return 1 for a device that exists after a reboot."""
        return int(self._named(name).persistent)

    @procedure
    def node_device_get_autostart(self, name: str) -> int:
        """Return 1 for a device that is created when the host starts."""
        return int(self._named(name).autostart)

    @procedure
    def node_device_set_autostart(self, name: str, autostart: int) -> None:
        """Set whether a defined mediated device is created when the host starts."""
        device = self._mdev(name, libvirt.VIR_ERR_OPERATION_UNSUPPORTED)
        if not device.node.persistent:
            raise invalid('cannot set autostart for transient device', domain=_FROM)
        device.node.autostart = bool(autostart)

    def _mdev(self, name: str,
              code: int = libvirt.VIR_ERR_CONFIG_UNSUPPORTED) -> MediatedDevice:
        """Return the mediated device with that name; other devices are refused."""
        self._named(name)
        device = self.hypervisor.devices.mdevs.get(name)
        if device is None:
            raise LibvirtError(code, 'Unsupported device type', domain=_FROM)
        return device

    def _read_mdev(self, xml: str, what: str, action: str) -> MediatedDevice:
        """Return the device of a definition.

        :param what: the word for what fails without a parent, ``action`` for what mdevctl does.
        """
        root = reading.parse(xml, root='device', document='node_device_definition', domain=_FROM)
        capability = root.find('capability')
        if capability is None:
            raise internal("no device capabilities for 'new device'", domain=_FROM)
        if capability.get('type') != 'mdev':
            raise LibvirtError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, 'Unsupported device type',
                               domain=_FROM)
        kind = capability.find('type')
        wanted = None if kind is None else kind.get('id')
        if not wanted:
            raise LibvirtError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
                               "missing type id attribute for 'new device'", domain=_FROM)
        uuid = capability.findtext('uuid')
        if uuid is not None:
            try:
                uuid = str(uuids.UUID(uuid.strip()))
            except ValueError:
                raise internal(f"Invalid uuid '{uuid}' for new mdev device",
                               domain=_FROM) from None
        name = root.findtext('parent')
        if not name:
            raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                               f'cannot {what} a mediated device without a parent', domain=_FROM)
        parent = self.hypervisor.devices.pci_device(name)
        if parent is None:
            raise internal(f"unable to find parent device '{name}'", domain=_FROM)
        if action == 'start' and wanted not in {known.id for known in parent.mdev_types}:
            raise internal(f'Unable to start mediated device: Error: Parent {parent.address} does '
                           f'not support mdev type {wanted}', domain=_FROM)
        attributes = {attribute.get('name', ''): attribute.get('value', '')
                      for attribute in capability.findall('attr')}
        return self.hypervisor.devices.mdevs.make(
            uuid or self.hypervisor.randomness.uuid(), wanted, parent, attributes)

    @procedure
    def node_device_create_xml(self, xml: str, flags: int) -> NodeDevice:
        """Create a transient mediated device."""
        check_flags('nodeDeviceCreateXML', flags, libvirt.VIR_NODE_DEVICE_CREATE_XML_VALIDATE,
                    domain=_FROM)
        device = self._read_mdev(xml, 'create', 'start')
        self._start(device, 'start')
        return device.node

    @procedure
    def node_device_define_xml(self, xml: str, flags: int) -> NodeDevice:
        """Define a mediated device without creating it."""
        check_flags('nodeDeviceDefineXML', flags, libvirt.VIR_NODE_DEVICE_DEFINE_XML_VALIDATE,
                    domain=_FROM)
        device = self._read_mdev(xml, 'define', 'define')
        mdevs = self.hypervisor.devices.mdevs
        known = mdevs.get(device.node.name)
        if known is None:
            mdevs.add(device)
            known = device
        elif known.node.persistent:
            raise internal('Unable to define mediated device: Error: Cowardly refusing to '
                           f'overwrite existing config {known.parent.address}/{known.uuid}',
                           domain=_FROM)
        known.node.persistent = True
        self._publish(known, libvirt.VIR_NODE_DEVICE_EVENT_DEFINED)
        return known.node

    @procedure
    def node_device_create(self, name: str, flags: int) -> None:
        """Create a defined mediated device."""
        check_flags('nodeDeviceCreate', flags, 0, domain=_FROM)
        if self._named(name).active:
            raise invalid('Device is already active', domain=_FROM)
        self._start(self._mdev(name), 'create')

    def _start(self, device: MediatedDevice, action: str) -> None:
        mdevs = self.hypervisor.devices.mdevs
        known = mdevs.get(device.node.name)
        if known is not None and known is not device:
            if known.node.active:
                raise internal(f'Unable to {action} mediated device: Error: Device already exists',
                               domain=_FROM)
            device.node.persistent, device.node.autostart = True, known.node.autostart
        kind = next((kind for kind in device.parent.mdev_types if kind.id == device.kind), None)
        if kind is None or not mdevs.left(device.parent, kind):
            raise internal(f'Unable to {action} mediated device: Error: No space left on device '
                           '(os error 28)', domain=_FROM)
        mdevs.start(device)
        self._publish(device, _CREATED)

    @procedure
    def node_device_destroy(self, name: str) -> None:
        """Destroy a mediated device; its definition stays."""
        device = self._mdev(name)
        if not device.node.active:
            raise invalid(f"Device '{name}' is not active", domain=_FROM)
        if self.hypervisor.host_devices.mdev_user(device.uuid) is not None:
            raise internal(f"Unable to destroy '{name}': device in use", domain=_FROM)
        device.node.active = False
        self._publish(device, _DELETED)
        if not device.node.persistent:
            self.hypervisor.devices.mdevs.remove(device)

    @procedure
    def node_device_undefine(self, name: str, flags: int) -> None:
        """Remove a mediated device's definition."""
        check_flags('nodeDeviceUndefine', flags, 0, domain=_FROM)
        if not self._named(name).persistent:
            raise invalid(f"Node device '{name}' is not defined", domain=_FROM)
        device = self._mdev(name)
        device.node.persistent = False
        self._publish(device, libvirt.VIR_NODE_DEVICE_EVENT_UNDEFINED)
        if not device.node.active:
            self.hypervisor.devices.mdevs.remove(device)

    @procedure
    def node_device_dettach(self, name: str) -> None:
        """Detach a PCI device from the host, for a guest to use."""
        self._detach(name, None)

    @procedure
    def node_device_detach_flags(self, name: str, driver: str | None, flags: int) -> None:
        """Detach a PCI device from the host, for a driver of guests."""
        check_flags('qemuNodeDeviceDetachFlags', flags, 0)
        self._detach(name, driver)

    def _detach(self, name: str, driver: str | None) -> None:
        if driver == 'kvm':
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, 'KVM device assignment is no '
                               'longer supported on this system')
        if driver not in (None, 'vfio'):
            raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG, f"unknown driver name '{driver}'")
        if not self.hypervisor.hardware.has_iommu:
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, 'VFIO device assignment is '
                               'currently not supported on this system')
        device = self._pci_device(name)
        self._check_unused(device)
        self.hypervisor.devices.drivers[device.address] = VFIO

    @procedure
    def node_device_re_attach(self, name: str) -> None:
        """Give a PCI device back to the host's own driver."""
        device = self._pci_device(name)
        self._check_unused(device)
        self.hypervisor.devices.drivers.pop(device.address, None)

    @procedure
    def node_device_reset(self, name: str) -> None:
        """Reset a PCI device that no guest uses."""
        device = self._pci_device(name)
        if device.is_bridge:
            raise internal(f'Invalid attempt to reset PCI device {device.address}. Only PCI '
                           'endpoint devices can be reset', domain=libvirt.VIR_FROM_NONE)
        if self.hypervisor.host_devices.user(device.address) is not None:
            raise internal(f'Not resetting active device {device.address}',
                           domain=libvirt.VIR_FROM_NONE)

    def _pci_device(self, name: str) -> PciDevice:
        self._named(name)
        device = self.hypervisor.devices.pci_device(name)
        if device is None:
            raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG, f'device {name} is not a PCI device',
                               domain=libvirt.VIR_FROM_DOMAIN)
        return device

    def _check_unused(self, device: PciDevice) -> None:
        user = self.hypervisor.host_devices.user(device.address)
        if user is not None:
            raise invalid(f'PCI device {device.address} is in use by driver QEMU, domain '
                          f'{user.name}', domain=libvirt.VIR_FROM_NONE)

    def _publish(self, device: MediatedDevice, event: int) -> None:
        self.hypervisor.object_events.publish(
            'node_device', libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, device.node.name,
            device.node, event, 0)
