"""Domain XML after a definition, with all added defaults, addresses and controllers."""

from __future__ import annotations

import libvirt

from tests.conformance.calls.world import World

#: By name: the machine type, the XML before the devices, the devices.
_BODIES = {
    'a desktop': ('pc', '<features><acpi/><apic/></features>', '''
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap'/>
          <source file='/images/disk'/><target dev='vda'/><serial>abc</serial>
          <iotune><total_iops_sec>5</total_iops_sec></iotune></disk>
        <disk type='file' device='cdrom'><target dev='sda' bus='scsi'/></disk>
        <controller type='scsi' model='virtio-scsi'/>
        <interface type='user'><mac address='{mac}'/></interface>
        <graphics type='vnc' port='-1' listen='0.0.0.0'/><graphics type='spice' autoport='yes'/>
        <video><model type='virtio'/></video><serial type='pty'/><console type='pty'/>
        <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
        <rng model='virtio'><rate bytes='1024' period='1000'/>
          <backend model='random'>/dev/urandom</backend></rng>
        <watchdog model='i6300esb' action='reset'/><input type='tablet' bus='usb'/>
        <sound model='ich6'/><redirdev bus='usb' type='spicevmc'/>'''),
    'a server': ('q35', "<features><acpi/></features><cpu mode='host-model'/>", '''
        <disk type='network' device='disk'><driver type='raw'/>
          <source protocol='rbd' name='pool/image'><host name='192.0.2.1' port='6789'/></source>
          <target dev='vda' bus='virtio'/></disk>
        <disk type='block' device='disk'><source dev='/dev/null'/><target dev='sda' bus='sata'/>
        </disk>
        <interface type='user'><mac address='{mac}'/><model type='virtio'/><boot order='1'/>
        </interface>
        <tpm model='tpm-tis'><backend type='emulator'/></tpm><vsock><cid auto='yes'/></vsock>
        <filesystem type='mount' accessmode='mapped'><source dir='/srv'/><target dir='x'/>
        </filesystem><memballoon model='none'/>'''),
    'much tuning': ('pc', '''
        <metadata><x:y xmlns:x='urn:x'><x:z a='1'/></x:y></metadata><iothreads>2</iothreads>
        <cputune><vcpupin vcpu='0' cpuset='0'/><emulatorpin cpuset='0-1'/></cputune>
        <numatune><memory mode='strict' nodeset='0'/></numatune>
        <memoryBacking><hugepages/><locked/></memoryBacking>
        <features><acpi/><hyperv><relaxed state='on'/><spinlocks state='on' retries='8191'/>
          </hyperv><kvm><hidden state='on'/></kvm><vmcoreinfo/><pmu state='off'/></features>
        <clock offset='utc'><timer name='pit' tickpolicy='delay'/>
          <timer name='hypervclock' present='yes'/></clock>
        <cpu mode='custom' match='exact'><model>Nehalem</model>
          <topology sockets='1' cores='2' threads='1'/><feature policy='require' name='vmx'/>
          <numa><cell id='0' cpus='0-1' memory='65536'/></numa></cpu>
        <on_reboot>destroy</on_reboot>''', ''),
    'many buses': ('q35', '', '''
        <controller type='pci' index='1' model='pcie-root-port'/>
        <controller type='pci' model='pcie-to-pci-bridge'/>
        <hostdev mode='subsystem' type='usb'>
          <source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>
        <panic model='isa'/><shmem name='s'><size unit='M'>4</size></shmem>'''),
    'USB 2': ('pc', '', '''
        <controller type='usb' model='ich9-ehci1'/>
        <controller type='usb' model='ich9-uhci1'><master startport='0'/></controller>
        <controller type='usb' model='ich9-uhci2'><master startport='2'/></controller>
        <controller type='usb' model='ich9-uhci3'><master startport='4'/></controller>'''),
    'old hardware': ('pc', '<description>d</description><title>t</title>', '''
        <disk type='file' device='floppy'><target dev='fda'/></disk>
        <disk type='block' device='lun'><source dev='/x'/><target dev='sdb' bus='scsi'/></disk>
        <controller type='usb' model='nec-xhci' ports='8'/>
        <controller type='virtio-serial' index='0' ports='4'/>
        <serial type='tcp'><source mode='bind' host='127.0.0.1' service='4555'/>
          <protocol type='telnet'/></serial>
        <parallel type='file'><source path='/tmp/p'/></parallel>
        <video><model type='cirrus'/></video><video><model type='qxl'/></video>'''),
    'a second card that must be the first': (
        'pc', '', "<video><model type='qxl'/></video><video><model type='cirrus'/></video>"),
    'a LUN in a file': ('pc', '', '''
        <disk type='file' device='lun'><source file='/x'/><target dev='sdb' bus='scsi'/></disk>'''),
    'an ISA machine': ('isapc', '', "<graphics type='vnc'/>"),
}


def dumps(world: World) -> None:
    """Define many kinds of domains and dump their XML."""
    for name, (machine, above, devices) in _BODIES.items():
        devices = devices.replace('{mac}', world.mac(name))
        xml = world.xml('dumped', more=f'{above}<devices>{devices}</devices>')
        xml = xml.replace("machine='pc'", f"machine='{machine}'")
        domain = world.step(f'define {name}', world.write.defineXML, xml)
        if domain is not None:
            world.step(name, domain.XMLDesc)
            world.step(f'{name}, to migrate', domain.XMLDesc, libvirt.VIR_DOMAIN_XML_INACTIVE
                       | libvirt.VIR_DOMAIN_XML_MIGRATABLE)
            domain.undefine()


SCENARIOS = (dumps,)
