"""Calls about the host, its connections, and objects other than domains."""

from __future__ import annotations

import libvirt

from tests.conformance.calls.world import World


def connections(world: World) -> None:
    """Query connections and the host."""
    connection = world.write
    world.steps('', connection, 'getType isEncrypted isSecure isAlive getLibVersion')
    world.step('getMaxVcpus of nothing', connection.getMaxVcpus, 'none')
    world.step('getMaxVcpus qemu', connection.getMaxVcpus, 'qemu')
    world.step('models of nothing', connection.getCPUModelNames, 'none')
    world.step('models, flags', connection.getCPUModelNames, 'x86_64', 1)
    world.step('CPU statistics of one beyond', connection.getCPUStats, 1 << 20)
    world.step('CPU statistics of one below', connection.getCPUStats, -2)
    world.step('CPU statistics, flags', connection.getCPUStats, -1, 1)
    world.step('memory statistics beyond', connection.getMemoryStats, 1 << 10)
    world.step('memory statistics, flags', connection.getMemoryStats, -1, 1)
    world.step('keys of memory statistics', lambda: sorted(connection.getMemoryStats(-1)))
    world.step('keys of CPU statistics', lambda: sorted(connection.getCPUStats(-1)))
    world.step('free memory beyond', connection.getCellsFreeMemory, 1 << 10, 1)
    world.step('free pages beyond', connection.getFreePages, [4], 1 << 10, 1)
    world.step('free pages of no size', connection.getFreePages, [5], 0, 1)
    world.step('sysinfo, flags', connection.getSysinfo, 1)
    world.step('compare nothing', connection.compareCPU, '', 0)
    world.step('compare broken', connection.compareCPU, '<cpu', 0)
    world.step('compare another element', connection.compareCPU, '<a/>', 0)
    world.step('compare an unknown model', connection.compareCPU,
               "<cpu><arch>x86_64</arch><model>none</model></cpu>", 0)
    world.step('compare, flags', connection.compareCPU, '<cpu/>', 1 << 10)
    world.step('baseline of nothing', connection.baselineCPU, [], 0)
    world.step('baseline broken', connection.baselineCPU, ['<cpu'], 0)
    world.step('domain capabilities of no arch', connection.getDomainCapabilities,
               None, 'none', None, None)
    world.step('domain capabilities of no machine', connection.getDomainCapabilities,
               None, 'x86_64', 'none', None)
    world.step('domain capabilities, flags', connection.getDomainCapabilities,
               None, None, None, None, 1)
    world.step('XML from nothing', connection.domainXMLFromNative, 'none', '', 0)
    world.step('XML to nothing', connection.domainXMLToNative, 'none', '<domain/>', 0)
    world.step('restore', connection.restore, '/none/at/all')
    world.step('save image', connection.saveImageGetXMLDesc, '/none/at/all')
    world.step('storage sources', connection.findStoragePoolSources, 'none', None)
    world.step('suspend the host', connection.suspendForDuration, 9, 0)
    world.step('statistics, flags', connection.getAllDomainStats, 0, 1 << 20)
    world.step('statistics of nobody', connection.getAllDomainStats)
    world.step('statistics, unknown groups', connection.getAllDomainStats, 1 << 30)
    world.step('statistics, unknown groups enforced', connection.getAllDomainStats, 1 << 30,
               libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)
    world.step('deregister an unknown callback', connection.domainEventDeregisterAny, 4711)


def readers(world: World) -> None:
    """Make calls that a read-only client is refused."""
    domain = world.start('mine')
    mine = world.read.lookupByName('mine')
    world.steps('domain', mine, 'name state info isActive hasManagedSaveImage maxMemory autostart')
    calls = {
        'create': (), 'destroy': (), 'shutdown': (), 'reboot': (0,), 'reset': (), 'suspend': (),
        'resume': (), 'undefine': (), 'undefineFlags': (0,), 'setAutostart': (1,),
        'managedSave': (), 'managedSaveRemove': (), 'rename': ('x',), 'setMemory': (65536,),
        'setMaxMemory': (65536,), 'setVcpus': (1,), 'attachDevice': ('<a/>',),
        'detachDevice': ('<a/>',), 'setMetadata': (0, 'x', None, None), 'save': ('/x',),
        'injectNMI': (), 'sendKey': (0, 1, [1], 1), 'abortJob': (), 'pinVcpu': (0, (True,)),
        'migrateSetMaxDowntime': (1,), 'blockResize': ('vda', 1), 'coreDump': ('/x',),
        'snapshotCreateXML': ('<a/>',), 'setNumaParameters': ({'numa_nodeset': '0'},),
        'setTime': ({'seconds': 1},), 'fSTrim': (None, 0), 'fsFreeze': (),
        'setUserPassword': ('a', 'b'),
        'blockPeek': ('vda', 0, 1), 'memoryPeek': (0, 1, 1), 'interfaceAddresses': (1,),
        'hostname': (), 'fsInfo': (), 'guestVcpus': (), 'getTime': (), 'openConsole': (None, None),
        'XMLDesc': (libvirt.VIR_DOMAIN_XML_SECURE,), 'guestInfo': (), 'setBlockIoTune': (
            'vda', {'total_iops_sec': 1})}
    for name, arguments in calls.items():
        if name == 'openConsole':
            arguments = (None, world.read.newStream())
        world.step(name, getattr(mine, name), *arguments)
    world.step('migratable', mine.XMLDesc, libvirt.VIR_DOMAIN_XML_MIGRATABLE)
    reader = world.read
    for name, arguments in {
            'defineXML': (world.xml('x'),), 'createXML': (world.xml('x'),), 'restore': ('/x',),
            'networkDefineXML': ('<a/>',), 'storagePoolDefineXML': ('<a/>',),
            'secretDefineXML': ('<a/>',), 'nodeDeviceCreateXML': ('<a/>',),
            'setMemoryParameters': ({'shm_pages_to_scan': 1},), 'suspendForDuration': (0, 60),
            'interfaceDefineXML': ('<a/>',), 'nwfilterDefineXML': ('<a/>',),
            'domainXMLToNative': ('x', 'y'), 'saveImageGetXMLDesc': ('/x',),
            'getDomainCapabilities': (None, 'none')}.items():
        world.step(f'connection: {name}', getattr(reader, name), *arguments)
    world.step('state', domain.state)


def secrets(world: World) -> None:
    """Define, set, read and remove secrets."""
    connection, uuid = world.write, world.uuid('secret')
    xml = (f"<secret ephemeral='no' private='no'><uuid>{uuid}</uuid>"
           "<usage type='volume'><volume>/x</volume></usage></secret>")
    world.step('none', connection.listAllSecrets)
    world.step('numOfSecrets', connection.numOfSecrets)
    world.step('no UUID', connection.secretLookupByUUIDString, uuid)
    world.step('no usage', connection.secretLookupByUsage, 1, '/x')
    for name, document in {
            'empty': '', 'broken': '<secret', 'another element': '<a/>', 'no usage in it':
            '<secret/>', 'unknown usage': "<secret><usage type='x'/></secret>",
            'no volume': "<secret><usage type='volume'/></secret>",
            'bad UUID': xml.replace(uuid, 'none'),
            'bad ephemeral': xml.replace("ephemeral='no'", "ephemeral='x'")}.items():
        world.step(name, lambda document=document: connection.secretDefineXML(document).usageID())
    secret = world.step('define', connection.secretDefineXML, xml)
    if secret is None:
        return
    world.step('define with unknown flags', connection.secretDefineXML, xml, 1 << 10)
    world.step('same usage', connection.secretDefineXML, xml.replace(uuid, world.uuid('other')))
    world.step('another usage', connection.secretDefineXML, xml.replace('/x', '/y'))
    world.steps('', secret, 'usageID usageType UUIDString XMLDesc value')
    world.step('set', secret.setValue, b'\0opaque')
    world.step('value', lambda: secret.value() == b'\0opaque')
    world.step('value, flags', secret.value, 1)
    world.step('set, flags', secret.setValue, b'x', 1)
    reader = world.read.secretLookupByUsage(1, '/x')
    world.step('value for readers', reader.value)
    world.step('XML for readers', reader.XMLDesc)
    world.step('undefine for readers', reader.undefine)
    for flags in (1, 2, 4, 8, 3, 12, 16):
        world.step(f'list {flags}', lambda flags=flags: len(connection.listAllSecrets(flags)))
    world.step('make it private', connection.secretDefineXML,
               xml.replace("private='no'", "private='yes'"))
    world.step('make it ephemeral', connection.secretDefineXML,
               xml.replace("ephemeral='no'", "ephemeral='yes'"))
    other = world.uuid('private')
    private = connection.secretDefineXML(
        xml.replace("private='no'", "private='yes'").replace(uuid, other).replace('/x', '/z'))
    private.setValue(b'x')
    world.step('value of a private one', private.value)
    private.undefine()
    world.step('undefine', secret.undefine)
    world.steps('gone', secret, 'XMLDesc value undefine')
    world.step('set what is gone', secret.setValue, b'x')


def absent(world: World) -> None:
    """Look up networks, pools, volumes, devices and interfaces that do not exist."""
    connection, uuid = world.write, world.uuid('nothing')
    for name, argument in (
            ('networkLookupByName', 'none'), ('networkLookupByUUIDString', uuid),
            ('storagePoolLookupByName', 'none'), ('storagePoolLookupByUUIDString', uuid),
            ('storageVolLookupByKey', '/none'), ('storageVolLookupByPath', '/none'),
            ('storagePoolLookupByTargetPath', '/none'), ('nodeDeviceLookupByName', 'none'),
            ('nwfilterLookupByName', 'none')):
        world.step(name, getattr(connection, name), argument)
    for name in ('listAllNetworks', 'listAllStoragePools', 'listAllDevices', 'listAllSecrets'):
        world.step(f'{name}, unknown flags', getattr(connection, name), 1 << 30)
    world.step('wwn', connection.nodeDeviceLookupSCSIHostByWWN, 'a', 'b')


SCENARIOS = (connections, readers, secrets, absent)
