"""A session that attaches, updates and detaches devices of each kind, there or not."""

from __future__ import annotations

import libvirt

from tests.conformance.calls.world import Outcome, World

_CONFIG, _LIVE = libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_AFFECT_LIVE

DEVICES = {
    'sound': "<sound model='ich6'/>",
    'random numbers': "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
    'SCSI controller': "<controller type='scsi' index='3' model='virtio-scsi'/>",
    'PCI controller': "<controller type='pci' index='5' model='pci-bridge'/>",
    'USB controller': "<controller type='usb' index='2'/>",
    'watchdog': "<watchdog model='i6300esb' action='reset'/>",
    'ISA watchdog': "<watchdog model='ib700' action='reset'/>",
    'USB input': "<input type='tablet' bus='usb'/>",
    'virtio input': "<input type='mouse' bus='virtio'/>",
    'vsock': "<vsock model='virtio'><cid auto='yes'/></vsock>",
    'shared memory': "<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size>"
                     '</shmem>',
    'file system': "<filesystem type='mount' accessmode='mapped'><source dir='/srv'/>"
                   "<target dir='x'/></filesystem>",
    'redirected device': "<redirdev bus='usb' type='spicevmc'/>",
    'lease': "<lease><lockspace>a</lockspace><key>k</key><target path='/x'/></lease>",
    'serial port': "<serial type='pty'><target port='3'/></serial>",
    'serial port without number': "<serial type='file'><source path='/none/x'/></serial>",
    'parallel port': "<parallel type='file'><source path='/none/p'/></parallel>",
    'channel': "<channel type='unix'><target type='virtio' name='zz'/></channel>",
    'graphics': "<graphics type='vnc' port='-1'/>",
    'balloon': "<memballoon model='virtio'/>", 'panic': "<panic model='isa'/>",
    'hub': "<hub type='usb'/>",
    'disk': "<disk type='file' device='disk'><source file='/x'/><target dev='vdz' bus='virtio'/>"
            '</disk>',
    'memory': "<memory model='dimm'><target><size unit='MiB'>32</size><node>0</node></target>"
              '</memory>',
    'USB device': "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/>"
                  "<product id='0xbeef'/></source></hostdev>",
    'USB device by address': "<hostdev mode='subsystem' type='usb'><source>"
                             "<address bus='9' device='9'/></source></hostdev>",
    'PCI device': "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='9' "
                  "slot='9' function='0'/></source></hostdev>",
    'SCSI device': "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/>"
                   "<address bus='0' target='0' unit='0'/></source></hostdev>"}
#: Persistent domains cannot have these on the recorded machine.
_LIVE_ONLY = ('USB device',)


def outcomes(uri: str) -> dict[str, Outcome]:
    """Run the session; return the outcome of each step by its name."""
    world = World(uri)
    try:
        running = world.write.createXML(world.xml('running'))
        for name, xml in DEVICES.items():
            off = world.define('off')
            for number, (what, call) in enumerate((
                    ('detach', off.detachDeviceFlags), ('update', off.updateDeviceFlags),
                    ('attach', off.attachDeviceFlags), ('attach again', off.attachDeviceFlags),
                    ('detach it', off.detachDeviceFlags),
                    ('detach it again', off.detachDeviceFlags))):
                if number == 0 or name not in _LIVE_ONLY:
                    world.step(f'{name}: {what}', call, xml, _CONFIG)
            off.undefine()
            world.step(f'{name}: detach live', running.detachDeviceFlags, xml, _LIVE)
            world.step(f'{name}: update live', running.updateDeviceFlags, xml, _LIVE)
        return world.outcomes
    finally:
        world.close()
