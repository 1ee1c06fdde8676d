"""Calls about the configuration of domains: metadata, memory, vCPUs, tuning, statistics."""

from __future__ import annotations

import libvirt

from tests.conformance.calls.world import World

_TITLE, _DESCRIPTION, _ELEMENT = (libvirt.VIR_DOMAIN_METADATA_TITLE,
                                  libvirt.VIR_DOMAIN_METADATA_DESCRIPTION,
                                  libvirt.VIR_DOMAIN_METADATA_ELEMENT)
_NOW, _LIVE, _CONFIG = 0, libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
_IMPACTS = {'now': _NOW, 'live': _LIVE, 'config': _CONFIG, 'both': _LIVE | _CONFIG,
            'unknown': 1 << 12}


def metadata(world: World) -> None:
    """Get and set title, description and elements, by state and impact."""
    domains = {'off': world.define('off'), 'running': world.start('running'),
               'transient': world.write.createXML(world.xml('transient'))}
    for state, domain in domains.items():
        for impact, flags in _IMPACTS.items():
            where = f'{state}, {impact}'
            for name, kind in (('title', _TITLE), ('description', _DESCRIPTION)):
                world.step(f'{where}: no {name}', domain.metadata, kind, None, flags)
                world.step(f'{where}: set {name}', domain.setMetadata, kind, f'{where} text',
                           None, None, flags)
                world.step(f'{where}: {name}', domain.metadata, kind, None, flags)
                world.step(f'{where}: remove {name}', domain.setMetadata, kind, None, None, None,
                           flags)
            world.step(f'{where}: no element', domain.metadata, _ELEMENT, 'urn:x', flags)
            world.step(f'{where}: set element', domain.setMetadata, _ELEMENT, "<a b='c'/>", 'k',
                       'urn:x', flags)
            world.step(f'{where}: element', domain.metadata, _ELEMENT, 'urn:x', flags)
            world.step(f'{where}: remove element', domain.setMetadata, _ELEMENT, None, 'k',
                       'urn:x', flags)
    domain = domains['off']
    world.step('unknown kind', domain.metadata, 7, None, 0)
    world.step('set unknown kind', domain.setMetadata, 7, 'x', None, None, 0)
    world.step('title with newline', domain.setMetadata, _TITLE, 'a\nb', None, None, 0)
    world.step('title with URI', domain.setMetadata, _TITLE, 'a', 'k', 'urn:x', 0)
    world.step('element without URI', domain.setMetadata, _ELEMENT, '<a/>', None, None, 0)
    world.step('element without key', domain.setMetadata, _ELEMENT, '<a/>', None, 'urn:x', 0)
    world.step('broken element', domain.setMetadata, _ELEMENT, '<a', 'k', 'urn:x', 0)
    world.step('element of nothing', domain.metadata, _ELEMENT, None, 0)


def memory_and_vcpus(world: World) -> None:
    """Get and set memory and vCPUs, by state and impact."""
    domains = {'off': world.define('off'), 'running': world.start('running'),
               'transient': world.write.createXML(world.xml('transient'))}
    for state, domain in domains.items():
        for impact, flags in _IMPACTS.items():
            where = f'{state}, {impact}'
            world.step(f'{where}: vcpusFlags', domain.vcpusFlags, flags)
            world.step(f'{where}: maximum', domain.vcpusFlags,
                       flags | libvirt.VIR_DOMAIN_VCPU_MAXIMUM)
            world.step(f'{where}: setVcpusFlags 3', domain.setVcpusFlags, 3, flags)
            world.step(f'{where}: setVcpusFlags 0', domain.setVcpusFlags, 0, flags)
            world.step(f'{where}: memory', domain.setMemoryFlags, 65536, flags)
            world.step(f'{where}: more memory than its maximum', domain.setMemoryFlags, 1 << 20,
                       flags)
            world.step(f'{where}: no memory', domain.setMemoryFlags, 0, flags)
            world.step(f'{where}: maximum memory', domain.setMemoryFlags, 131072,
                       flags | libvirt.VIR_DOMAIN_MEM_MAXIMUM)
            world.step(f'{where}: its memory', lambda domain=domain: domain.info()[1:3])
            world.step(f'{where}: numaParameters', domain.numaParameters, flags)
            world.step(f'{where}: vcpuPinInfo', lambda domain=domain, flags=flags: len(
                domain.vcpuPinInfo(flags)))
            world.step(f'{where}: emulatorPinInfo', lambda domain=domain, flags=flags: len(
                domain.emulatorPinInfo(flags)))
            world.step(f'{where}: iothreads', domain.ioThreadInfo, flags)
            world.step(f'{where}: memory period', domain.setMemoryStatsPeriod, 2, flags)
        world.step(f'{state}: setMemory', domain.setMemory, 65536)
        world.step(f'{state}: setMaxMemory', domain.setMaxMemory, 131072)
        world.step(f'{state}: maxMemory', domain.maxMemory)
        world.step(f'{state}: maxVcpus', domain.maxVcpus)
        world.step(f'{state}: pin beyond', domain.pinVcpu, 9, (True,))
        world.step(f'{state}: guest vcpus', domain.vcpusFlags, libvirt.VIR_DOMAIN_VCPU_GUEST)
        world.step(f'{state}: guestVcpus', domain.guestVcpus)
        world.step(f'{state}: schedulerType', domain.schedulerType)


def queries(world: World) -> None:
    """Query with invalid flags and unknown names."""
    for state, domain in (('off', world.define('off')), ('running', world.start('running'))):
        for call in ('state', 'XMLDesc', 'controlInfo', 'hasManagedSaveImage',
                     'diskErrors', 'fsInfo', 'hostname', 'jobStats',
                     'migrateGetMaxSpeed', 'migrateGetMaxDowntime',
                     'migrateGetCompressionCache', 'snapshotNum', 'listAllSnapshots',
                     'hasCurrentSnapshot', 'snapshotCurrent', 'reset', 'createWithFlags',
                     'destroyFlags', 'undefineFlags', 'shutdownFlags', 'reboot', 'managedSave',
                     'managedSaveRemove', 'injectNMI', 'launchSecurityInfo', 'messages'):
            world.step(f'{state}: {call} with unknown flags', getattr(domain, call), 1 << 25)
        world.step(f'{state}: diskErrors', domain.diskErrors)
        world.step(f'{state}: snapshotNum', domain.snapshotNum)
        world.step(f'{state}: listAllSnapshots', domain.listAllSnapshots)
        world.step(f'{state}: hasCurrentSnapshot', domain.hasCurrentSnapshot)
        world.step(f'{state}: snapshotCurrent', domain.snapshotCurrent)
        world.step(f'{state}: snapshotLookupByName', domain.snapshotLookupByName, 'none')
        world.step(f'{state}: blockStats', domain.blockStats, 'vda')
        world.step(f'{state}: blockStatsFlags', domain.blockStatsFlags, 'vda')
        world.step(f'{state}: blockStats of nothing', domain.blockStats, '')
        world.step(f'{state}: interfaceStats', domain.interfaceStats, 'vnet77')
        world.step(f'{state}: blockInfo', domain.blockInfo, 'vda')
        world.step(f'{state}: blockJobInfo', domain.blockJobInfo, 'vda')
        world.step(f'{state}: blockIoTune', domain.blockIoTune, 'vda')
        world.step(f'{state}: blockResize', domain.blockResize, 'vda', 1024)
        world.step(f'{state}: interfaceParameters', domain.interfaceParameters, 'vnet77')
        world.step(f'{state}: interfaceAddresses', domain.interfaceAddresses, 0)
        world.step(f'{state}: interfaceAddresses of the guest', domain.interfaceAddresses, 1)
        world.step(f'{state}: interfaceAddresses of nobody', domain.interfaceAddresses, 9)
        world.step(f'{state}: fsFreeze', domain.fsFreeze)
        world.step(f'{state}: fsTrim', domain.fSTrim, None, 0)
        world.step(f'{state}: setUserPassword', domain.setUserPassword, 'root', 'x')
        world.step(f'{state}: setTime', domain.setTime, {'seconds': 1})
        world.step(f'{state}: guestInfo', domain.guestInfo)
        world.step(f'{state}: memoryPeek', domain.memoryPeek, 0, 8, 1)
        world.step(f'{state}: sendKey', domain.sendKey, 0, 1, [1], 1)
        world.step(f'{state}: screenshot', lambda domain=domain: domain.screenshot(
            world.write.newStream(), 0))
        world.step(f'{state}: openConsole', lambda domain=domain: domain.openConsole(
            None, world.write.newStream()))
        world.step(f'{state}: migrateSetMaxDowntime', domain.migrateSetMaxDowntime, 100)
        world.step(f'{state}: pMSuspendForDuration', domain.pMSuspendForDuration, 0, 0)
        world.step(f'{state}: securityLabelList', domain.securityLabelList)


def devices(world: World) -> None:
    """Attach and detach devices that cannot be attached or detached."""
    domains = {'off': world.define('off'), 'running': world.start('running')}
    broken = {
        'nothing': '', 'unknown device': '<x/>', 'disk without target': "<disk type='file'/>",
        'a domain': '<domain/>',
        'rng': "<rng model='virtio'><backend model='x'>/dev/urandom</backend></rng>"}
    for state, domain in domains.items():
        for name, xml in broken.items():
            for call in ('attachDevice', 'detachDevice', 'attachDeviceFlags',
                         'detachDeviceFlags', 'updateDeviceFlags'):
                flags = (1 << 12,) if call.endswith('Flags') and name == 'rng' else ()
                if call == 'updateDeviceFlags' and not flags:
                    flags = (0,)
                world.step(f'{state}: {call} of {name}', getattr(domain, call), xml, *flags)
        world.step(f'{state}: detachDeviceAlias', domain.detachDeviceAlias, 'none')
        disk = ("<disk type='file' device='disk'><source file='/none'/>"
                "<target dev='vdz' bus='virtio'/></disk>")
        world.step(f'{state}: detach a disk that is not there', domain.detachDeviceFlags, disk,
                   libvirt.VIR_DOMAIN_AFFECT_CURRENT)
        world.step(f'{state}: detach from config', domain.detachDeviceFlags, disk, _CONFIG)
        world.step(f'{state}: attach live and config', domain.attachDeviceFlags, disk,
                   _LIVE | _CONFIG)
        nic = "<interface type='user'><model type='virtio'/></interface>"
        world.step(f'{state}: detach an interface that is not there', domain.detachDeviceFlags,
                   nic, 0)
        world.step(f'{state}: update a disk that is not there', domain.updateDeviceFlags, disk, 0)


SCENARIOS = (metadata, memory_and_vcpus, queries, devices)
