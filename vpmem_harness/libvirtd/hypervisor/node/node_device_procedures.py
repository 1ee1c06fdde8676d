"""Procedures for node devices.

Source: libvirt 9.0.0, src/node_device/node_device_driver.c.
"""

from __future__ import annotations

import uuid as uuids

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.node import node_devices
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

    def _devices(self) -> list[NodeDevice]:
        hypervisor = self.hypervisor
        hardware = hypervisor.hardware.pci
        used: dict[str, dict[str, int]] = {}
        for device in hypervisor.mdevs.values():
            if device.active:
                kinds = used.setdefault(device.parent or '', {})
                kind = device.document.find('capability/type')
                name = '' if kind is None else kind.get('id', '')
                kinds[name] = kinds.get(name, 0) + 1
        found = [node_devices.computer(hypervisor.uuid)]
        for group, card in enumerate(hardware):
            functions = tuple(other for other in hardware if other.physical == card.address)
            found.append(node_devices.pci(card, functions, group, used.get(card.name, {})))
            interface = node_devices.network(card)
            if interface is not None:
                found.append(interface)
        return found + list(hypervisor.mdevs.values())

    def _named(self, name: str) -> NodeDevice:
        for device in self._devices():
            if device.name == name:
                return device
        raise LibvirtError(libvirt.VIR_ERR_NO_NODE_DEVICE,
                           f"no node device with matching name '{name}'", domain=_FROM)

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
        return [device for device in self._devices()
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
        return [device for device in self._devices()
                if (not kinds or any(kinds & _CAPS.get(cap, 0) for cap in device.caps))
                and wanted & (_ACTIVE if device.active else _INACTIVE)]

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
        device = self._named(name)
        return int(device.persistent or name not in self.hypervisor.mdevs)

    @procedure
    def node_device_get_autostart(self, name: str) -> int:
        """Return 1 for a device that is created when the host starts."""
        device = self._named(name)
        return int(device.autostart or name not in self.hypervisor.mdevs)

    @procedure
    def node_device_set_autostart(self, name: str, autostart: int) -> None:
        """Set whether a defined mediated device is created when the host starts."""
        device = self._mdev(name)
        if not device.persistent:
            raise invalid('cannot set autostart for transient node device', domain=_FROM)
        device.autostart = bool(autostart)

    def _mdev(self, name: str) -> NodeDevice:
        self._named(name)
        device = self.hypervisor.mdevs.get(name)
        if device is None:
            raise LibvirtError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, 'Unsupported device type',
                               domain=_FROM)
        return device

    def _read_mdev(self, xml: str) -> NodeDevice:
        root = reading.parse(xml, root='device', document='node_device_definition', domain=_FROM)
        capability = root.find('capability')
        if capability is None or capability.get('type') != 'mdev':
            raise LibvirtError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, 'Unsupported device type',
                               domain=_FROM)
        parent_name = root.findtext('parent')
        if not parent_name:
            raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                               'cannot create a mediated device without a parent',
                               domain=_FROM)
        kind = capability.find('type')
        for group, parent in enumerate(self.hypervisor.hardware.pci):
            if parent.name == parent_name:
                wanted = '' if kind is None else kind.get('id', '')
                if wanted not in {known.id for known in parent.mdev_types}:
                    raise internal(f"Unable to start mediated device '{parent_name}': the type "
                                   f"'{wanted}' is not supported", domain=_FROM)
                uuid = capability.findtext('uuid') or self.hypervisor.randomness.uuid()
                return node_devices.mdev(str(uuids.UUID(uuid)), wanted, parent, group)
        raise LibvirtError(libvirt.VIR_ERR_NO_NODE_DEVICE,
                           f"cannot find parent '{parent_name}' definition", domain=_FROM)

    @procedure
    def node_device_create_xml(self, xml: str, flags: int) -> NodeDevice:
        """Create a transient mediated device."""
        check_flags('nodeDeviceCreateXML', flags, 0, domain=_FROM)
        device = self._read_mdev(xml)
        self._start_mdev(device)
        return device

    @procedure
    def node_device_define_xml(self, xml: str, flags: int) -> NodeDevice:
        """Define a mediated device without creating it."""
        check_flags('nodeDeviceDefineXML', flags, 0, domain=_FROM)
        device = self._read_mdev(xml)
        known = self.hypervisor.mdevs.get(device.name)
        if known is not None:
            known.persistent = True
            return known
        device.active, device.persistent = False, True
        self.hypervisor.mdevs[device.name] = device
        self._publish(device, libvirt.VIR_NODE_DEVICE_EVENT_DEFINED)
        return device

    @procedure
    def node_device_create(self, name: str, flags: int) -> None:
        """Create a defined mediated device."""
        check_flags('nodeDeviceCreate', flags, 0, domain=_FROM)
        device = self._mdev(name)
        if device.active:
            raise invalid('Device is already active', domain=_FROM)
        self._start_mdev(device)

    def _start_mdev(self, device: NodeDevice) -> None:
        kind = device.document.find('capability/type')
        wanted = '' if kind is None else kind.get('id', '')
        parent = next(parent for parent in self.hypervisor.hardware.pci
                      if parent.name == device.parent)
        room = next(known.available for known in parent.mdev_types if known.id == wanted)
        taken = sum(other.active and other.parent == device.parent
                    and other.document.find(f"capability/type[@id='{wanted}']") is not None
                    for other in self.hypervisor.mdevs.values())
        if taken >= room:
            raise internal(f"Unable to start mediated device '{device.name}': No space left on "
                           'device', domain=_FROM)
        device.active = True
        self.hypervisor.mdevs[device.name] = device
        self._publish(device, _CREATED)

    @procedure
    def node_device_destroy(self, name: str) -> None:
        """Destroy a mediated device; its definition stays."""
        device = self._mdev(name)
        if not device.active:
            raise invalid('Device is not active', domain=_FROM)
        device.active = False
        self._publish(device, _DELETED)
        if not device.persistent:
            del self.hypervisor.mdevs[name]

    @procedure
    def node_device_undefine(self, name: str, flags: int) -> None:
        """Remove a mediated device's definition."""
        check_flags('nodeDeviceUndefine', flags, 0, domain=_FROM)
        device = self._mdev(name)
        if not device.persistent:
            raise invalid('Node device is not persistent', domain=_FROM)
        device.persistent = False
        self._publish(device, libvirt.VIR_NODE_DEVICE_EVENT_UNDEFINED)
        if not device.active:
            del self.hypervisor.mdevs[name]

    def _publish(self, device: NodeDevice, event: int) -> None:
        self.hypervisor.object_events.publish(
            'node_device', libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, device.name, device,
            event, 0)
