"""A session with calls that clients make less often: consoles, CPUs, tuning, host interfaces."""

from __future__ import annotations

import re
from typing import Any

import libvirt

from tests.conformance.event_session import EventSession

_FORCE = libvirt.VIR_DOMAIN_CONSOLE_FORCE
_CHANNELS = '''<features><acpi/></features><devices><serial type='pty'/>
<serial type='file'><source path='{directory}/serial'/></serial>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<channel type='pty'><target type='virtio' name='p'/></channel>
<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>
<interface type='user'><mac address='{mac}'/><model type='virtio'/></interface></devices>'''
_CPU = '<cpu><arch>x86_64</arch><model>{}</model>{}</cpu>'
_NUMA = "<cpu><numa><cell id='0' cpus='0-1' memory='65536'/></numa></cpu>"


class _Session(EventSession):

    @staticmethod
    def plain(text: str) -> str:
        return re.sub(r'/dev/pts/\d+', '/dev/pts/N', text)

    def _devices(self) -> str:
        return _CHANNELS.format(mac=self.world.mac('user'), directory=self.directory)

    def consoles(self) -> None:
        more = self._devices()
        domains = {'none': self.connection.createXML(self.world.xml('none')),
                   'off': self.world.define('off', more=more),
                   'running': self.world.start('running', more=more)}
        for state, domain in domains.items():
            for name in (None, 'serial0', 'serial1', 'console0', 'channel0', 'none', ''):
                self._open(f'{state}: console {name}', domain.openConsole, name)
            for name in (None, 'channel0', 'channel1', 'org.qemu.guest_agent.0', 'p', 'none'):
                self._open(f'{state}: channel {name}', domain.openChannel, name)
            self._open(f'{state}: flags of a console', domain.openConsole, None, 4)
            self._open(f'{state}: flags of a channel', domain.openChannel, None, 2)
        guest = domains['running']
        first = self.connection.newStream()
        self.step('open', guest.openConsole, None, first)
        self.step('type', first.send, b'abc')
        second = self.connection.newStream()
        self.step('open it again', guest.openConsole, None, second)
        second = self.connection.newStream()
        self.step('force it', guest.openConsole, None, second, _FORCE)
        self.step('the first one', first.recv, 1)
        self.step('finish', second.finish)
        third = self.connection.newStream()
        self.step('open after that', guest.openConsole, None, third)
        channel = self.connection.newStream()
        self.step('open a channel', guest.openChannel, None, channel)
        self._open('open the channel again', guest.openChannel, None)
        self.step('interface by its MAC address', guest.interfaceStats, self.world.mac('user'))
        self.step('limits of an empty drive', guest.blockIoTune, 'hda')
        self.step('destroy', guest.destroy)
        self.step('read at the end', third.recv, 1)
        self.step('read the channel', channel.recv, 1)

    def _open(self, name: str, call: Any, *arguments: Any) -> None:
        stream = self.connection.newStream()
        if self.step(name, call, arguments[0], stream, *arguments[1:]) is not None:
            stream.abort()

    def starts(self) -> None:
        guest = self.world.define('starts', more=f'{_NUMA}{self._devices()}')
        image = f'{self.directory}/saved'
        for name, call, arguments in (
                ('start', guest.create, ()), ('save', guest.save, (image,)),
                ('XML of the image', lambda: _middle(
                    self.connection.saveImageGetXMLDesc(image)), ()),
                ('restore', self.connection.restore, (image,)),
                ('managed save', guest.managedSave, ()), ('start it', guest.create, ()),
                ('managed save again', guest.managedSave, ()),
                ('start it paused', guest.createWithFlags, (1,)), ('end', guest.destroy, ()),
                ('start paused', guest.createWithFlags, (1,)),
                ('managed save paused', guest.managedSave, ()), ('start that', guest.create, ())):
            self.log.read(self.connection)
            self.step(name, call, *arguments)
            # A guest's driver opens the channel at its own time.
            self.step(f'{name}: events', lambda: [
                event for event in self.log.read(self.connection)
                if event != 'AGENT_LIFECYCLE starts 2 2' and 'JOB_COMPLETED' not in event])
            self.step(f'{name}: state', guest.state)
            if name.startswith('managed save'):
                self.step(f'{name}: XML', lambda: _middle(guest.managedSaveGetXMLDesc()))

    def processors(self) -> None:
        connection, step = self.connection, self.step
        for arch in ('x86_64', 'i686', 'ppc64', 'ppc64le', 'aarch64', 'armv7l', 's390x',
                     'riscv64', 'mips', 'none'):
            step(f'models of {arch}', connection.getCPUModelNames, arch)
        cpus = [_CPU.format('Nehalem', "<feature name='vmx'/>"), _CPU.format('Penryn', '')]
        for count in (1, 2):
            step(f'baseline of {count}', connection.baselineCPU, cpus[:count], 0)
            step(f"QEMU's baseline of {count}", connection.baselineHypervisorCPU, None, None, None,
                 'qemu', cpus[:count], 0)
        domain = self.world.define('cells', more=_NUMA)
        for count in (1, 2, 3, 1000):
            step(f'maximum {count}', domain.setVcpusFlags, count,
                 libvirt.VIR_DOMAIN_AFFECT_CONFIG | libvirt.VIR_DOMAIN_VCPU_MAXIMUM)

    def host(self) -> None:
        connection, step = self.connection, self.step
        step('suspend', connection.suspendForDuration, 0, 60)
        step('suspend to disk', connection.suspendForDuration, 1, 60)
        step('suspend to both', connection.suspendForDuration, 2, 60)
        step('suspend otherwise', connection.suspendForDuration, 9, 60)
        step('suspend, flags', connection.suspendForDuration, 0, 60, 1)
        step('adapter', connection.nodeDeviceLookupSCSIHostByWWN, '2000000012341234',
             '2000000012341234')
        step('adapter, flags', connection.nodeDeviceLookupSCSIHostByWWN, 'a', 'b', 1)
        step('from native', connection.domainXMLFromNative, 'qemu-argv', 'qemu')
        step('to native of another format', connection.domainXMLToNative, 'x', '<domain/>')
        step('to native, flags', connection.domainXMLToNative, 'qemu-argv', '<domain/>', 1)
        step('to native of no XML', connection.domainXMLToNative, 'qemu-argv', '<x')
        step('create with files', connection.createXMLWithFiles, '<domain/>', [])

    def interfaces(self) -> None:
        connection, step = self.connection, self.step
        loopback = step('loopback', lambda: connection.interfaceLookupByName('lo').XMLDesc())
        if loopback is None:
            return
        found = connection.interfaceLookupByName('lo')
        step('is it active', found.isActive)
        step('by address', lambda: connection.interfaceLookupByMACString(
            '00:00:00:00:00:00').name())
        step('among the active', lambda: 'lo' in connection.listInterfaces())
        for flags in range(5):
            step(f'among those of flags {flags}', lambda flags=flags: 'lo' in [
                each.name() for each in connection.listAllInterfaces(flags)])
        step('no such interface', connection.interfaceLookupByName, 'none')
        step('no such address', connection.interfaceLookupByMACString, 'x')
        step('XML, flags', found.XMLDesc, 2)
        for name in ('create', 'destroy', 'undefine'):
            step(f'{name} one', getattr(found, name))
        step('define one', connection.interfaceDefineXML, '<interface/>')
        for name in ('changeBegin', 'changeCommit', 'changeRollback'):
            step(name, getattr(connection, name))

    def tuning(self) -> None:
        step, domain = self.step, self.world.define('tuned')
        self.world.start('other')
        other = self.connection.lookupByName('other')
        for codeset in range(10):
            for code in (1, 2, 96, 255, 300, 600, 65536):
                step(f'key {code} of codeset {codeset}', other.sendKey, codeset, 0, [1, code], 2)
        step('unknown key of a guest that is off', domain.sendKey, 0, 0, [300], 1)
        step('key of a guest that is off', domain.sendKey, 0, 0, [30], 1)
        step('order of statistics', lambda: [[found[0].name() for found in (
            self.connection.domainListGetStats(domains, libvirt.VIR_DOMAIN_STATS_STATE))]
            for domains in ([other, domain], [domain, other])])
        step('abort in post-copy', other.abortJobFlags,
             libvirt.VIR_DOMAIN_ABORT_JOB_POSTCOPY)
        step('speed after post-copy', other.migrateGetMaxSpeed,
             libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY)
        for flags in (0, 1, 2):
            step(f'pin the emulator to nothing, flags {flags}', domain.pinEmulator, (False,),
                 flags)
        step('removed counter', other.setPerfEvents, {'cmt': True}, 1)
        step('vCPUs in a guest that is off', domain.setGuestVcpus, '0', 1)
        for group in (libvirt.VIR_DOMAIN_STATS_STATE, libvirt.VIR_DOMAIN_STATS_IOTHREAD,
                      libvirt.VIR_DOMAIN_STATS_VM, 1 << 20):
            step(f'enforce statistics {group}', lambda group=group: len(
                self.connection.getAllDomainStats(
                    group, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)))
        step('CPU statistics of none', self.connection.getCPUStats, 99)
        step('attach a disk with raw I/O', domain.attachDeviceFlags,
             "<disk type='block' rawio='yes'><source dev='/dev/none'/>"
             "<target dev='vdb' bus='virtio'/></disk>", libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        for device in ('disk', 'lun', 'cdrom'):
            step(f'raw I/O of a {device}', lambda device=device: self.world.define(
                f'raw {device}', more="<devices><disk type='block' rawio='yes' "
                f"device='{device}'><source dev='/dev/none'/><target dev='sda' bus='scsi'/>"
                '</disk></devices>').name())

    def run(self) -> None:
        for part in (self.consoles, self.starts, self.processors, self.host, self.interfaces,
                     self.tuning):
            part()


def _middle(xml: str) -> str:
    """Return CPU, disks and controllers; the rest depends on the privileges of the daemon."""
    return xml[xml.index('<features>'):xml.index('<interface')]


outcomes = _Session.outcomes
