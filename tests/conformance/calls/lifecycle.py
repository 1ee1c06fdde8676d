"""Calls about the lifecycle of domains, in every state."""

from __future__ import annotations

import libvirt

from tests.conformance.calls.world import World

_STATES = 'state info isActive isPersistent isUpdated name UUIDString OSType maxMemory maxVcpus'
#: Operations for any state, and their arguments.
_OPERATIONS = {
    'suspend': (), 'resume': (), 'create': (), 'shutdown': (), 'reboot': (0,), 'reset': (),
    'managedSave': (), 'managedSaveRemove': (), 'hasManagedSaveImage': (),
    'setAutostart': (1,), 'autostart': (), 'rename': ('renamed',), 'destroyFlags': (64,),
    'createWithFlags': (1 << 20,), 'shutdownFlags': (1 << 20,), 'undefineFlags': (1 << 20,),
    'injectNMI': (), 'pMWakeup': (), 'abortJob': (), 'jobInfo': (), 'jobStats': (),
    'controlInfo': (), 'blockInfo': ('vda',), 'memoryStats': (), 'vcpus': (), 'getTime': (),
    'destroy': (), 'undefine': ()}


def lookups(world: World) -> None:
    """Look up domains by name, UUID and ID."""
    connection = world.write
    world.step('no name', connection.lookupByName, 'none')
    world.step('no UUID', connection.lookupByUUIDString, world.uuid('none'))
    world.step('bad UUID', connection.lookupByUUIDString, 'none')
    world.step('no id', connection.lookupByID, 4711)
    world.step('negative id', connection.lookupByID, -1)
    world.step('empty name', connection.lookupByName, '')
    domain = world.define('found')
    world.step('by name', connection.lookupByName, 'found')
    world.step('by UUID', connection.lookupByUUIDString, world.uuid('found'))
    world.step('by UUID bytes', connection.lookupByUUID, domain.UUID())
    domain.create()
    world.step('by id', lambda: connection.lookupByID(domain.ID()).name())
    domain.destroy()
    domain.undefine()
    world.steps('gone', domain, 'state info isActive isPersistent isUpdated create destroy '
                'undefine suspend resume shutdown autostart maxMemory maxVcpus OSType XMLDesc '
                'hasManagedSaveImage vcpus memoryStats jobInfo controlInfo reset managedSave')


def listing(world: World) -> None:
    """List domains by their flags."""
    connection = world.write
    world.step('nothing', connection.listAllDomains)
    world.define('off')
    world.start('running')
    world.start('paused').suspend()
    connection.createXML(world.xml('transient'))
    world.define('auto').setAutostart(1)
    world.step('all', connection.listAllDomains)
    for bit in range(14):
        world.step(f'flag {1 << bit}', connection.listAllDomains, 1 << bit)
    for flags in (1 | 4, 2 | 8, 1 | 2, 16 | 64, 1 | 16 | 4, 256 | 512, 1024 | 2):
        world.step(f'flags {flags}', connection.listAllDomains, flags)
    for flags in (1 << 14, 1 << 20, 1 << 31):
        world.step(f'unknown flag {flags}', connection.listAllDomains, flags)
    world.step('numOfDomains', connection.numOfDomains)
    world.step('numOfDefinedDomains', connection.numOfDefinedDomains)
    world.step('listDomainsID', lambda: len(connection.listDomainsID()))
    world.step('listDefinedDomains', lambda: sorted(connection.listDefinedDomains()))


def definitions(world: World) -> None:
    """Define domains with the names and UUIDs of others, in any state."""
    connection, other = world.write, world.uuid('another')
    world.step('define', connection.defineXML, world.xml('one'))
    world.step('redefine', connection.defineXML, world.xml('one', memory=96))
    world.step('redefined', connection.lookupByName('one').maxMemory)
    world.step('same name', connection.defineXML, world.xml('one', uuid=other))
    world.step('same UUID', connection.defineXML, world.xml('two', uuid=world.uuid('one')))
    world.step('create, same name', connection.createXML, world.xml('one', uuid=other))
    world.step('create, same UUID', connection.createXML,
               world.xml('two', uuid=world.uuid('one')))
    world.step('create what is defined', connection.createXML, world.xml('one'))
    world.step('persistent still', connection.lookupByName('one').isPersistent)
    world.step('create what runs', connection.createXML, world.xml('one'))
    world.step('define what runs', connection.defineXML, world.xml('one', memory=128))
    world.step('its memory now', connection.lookupByName('one').maxMemory)
    world.step('name of what runs', connection.defineXML, world.xml('one', uuid=other))
    world.step('create a transient', connection.createXML, world.xml('three'))
    world.step('transient', connection.lookupByName('three').isPersistent)
    world.step('undefine it', connection.lookupByName('three').undefine)
    world.step('autostart it', connection.lookupByName('three').setAutostart, 1)
    world.step('define it', connection.defineXML, world.xml('three'))
    world.step('persistent now', connection.lookupByName('three').isPersistent)
    world.step('undefine what runs', connection.lookupByName('three').undefine)
    world.step('transient again', connection.lookupByName('three').isPersistent)
    world.step('destroy it', connection.lookupByName('three').destroy)
    world.step('gone', connection.lookupByName, 'three')


def documents(world: World) -> None:
    """Define invalid domain XML."""
    good = world.xml('good')
    broken = {
        'empty': '', 'no XML': 'domain', 'not closed': '<domain>', 'another element': '<a/>',
        'no type': '<domain/>',
        'unknown type': good.replace(f"type='{world.kind}'", "type='none'"),
        'no name': good.replace('<name>good</name>', ''),
        'empty name': good.replace('<name>good</name>', '<name></name>'),
        'slash in name': good.replace('<name>good</name>', '<name>a/b</name>'),
        'newline in name': good.replace('<name>good</name>', '<name>a\nb</name>'),
        'bad UUID': good.replace(world.uuid('good'), 'none'),
        'no memory': good.replace("<memory unit='MiB'>64</memory>", '').replace(
            "<currentMemory unit='MiB'>64</currentMemory>", ''),
        'bad memory': good.replace('>64</memory>', '>much</memory>'),
        'bad unit': good.replace("memory unit='MiB'", "memory unit='MuB'"),
        'negative memory': good.replace('>64</memory>', '>-1</memory>'),
        'no OS': good.replace('hvm', ''),
        'unknown OS': good.replace('hvm', 'svm'),
        'no vcpus': good.replace("<vcpu current='1'>2</vcpu>", '<vcpu>0</vcpu>'),
        'bad vcpus': good.replace("<vcpu current='1'>2</vcpu>", '<vcpu>x</vcpu>'),
        'more vcpus than there are': good.replace("current='1'", "current='3'"),
        'bad action': good.replace('</domain>', '<on_reboot>x</on_reboot></domain>'),
        'bad clock': good.replace('</domain>', "<clock offset='x'/></domain>"),
        'unknown feature': good.replace('</domain>', '<features><x/></features></domain>'),
        'disk without target': good.replace(
            '</domain>', "<devices><disk type='file'/></devices></domain>"),
        'bad disk type': good.replace(
            '</domain>', "<devices><disk type='x'><target dev='vda'/></disk></devices></domain>"),
        'bad disk bus': good.replace(
            '</domain>',
            "<devices><disk><target dev='vda' bus='x'/></disk></devices></domain>"),
        'two disks at one target': good.replace(
            '</domain>', '<devices>' + 2 * "<disk type='file'><source file='/x'/><target "
            "dev='vda' bus='virtio'/></disk>" + '</devices></domain>'),
        'bad interface type': good.replace(
            '</domain>', "<devices><interface type='x'/></devices></domain>"),
        'bad MAC': good.replace('</domain>', "<devices><interface type='user'><mac "
                                "address='x'/></interface></devices></domain>"),
        'bad address': good.replace(
            '</domain>', "<devices><rng model='virtio'><backend model='random'>/dev/urandom"
            "</backend><address type='x'/></rng></devices></domain>"),
        'bad graphics': good.replace(
            '</domain>', "<devices><graphics type='x'/></devices></domain>"),
        'bad CPU mode': good.replace('</domain>', "<cpu mode='x'/></domain>"),
        'topology and vcpus': good.replace(
            '</domain>', "<cpu><topology sockets='1' cores='1' threads='1'/></cpu></domain>"),
    }
    for name, xml in broken.items():
        world.step(name, lambda xml=xml: world.write.defineXML(xml).name())
    world.step('nothing came of it', world.write.listAllDomains)
    world.step('define with unknown flags', world.write.defineXMLFlags, good, 1 << 10)
    world.step('create with unknown flags', world.write.createXML, good, 1 << 10)
    world.step('create empty', world.write.createXML, '', 0)
    world.step('validated', world.write.defineXMLFlags, good, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def _everything(world: World, prefix: str, make) -> None:
    """Run each operation on a separate domain in some state."""
    world.steps(prefix, make(f'{prefix}-state'), _STATES)
    for number, (operation, arguments) in enumerate(_OPERATIONS.items()):
        domain = make(f'{prefix}-{number}')
        arguments = tuple(f'{a}-{prefix}' if isinstance(a, str) and a == 'renamed' else a
                          for a in arguments)
        value = world.step(f'{prefix}: {operation}', getattr(domain, operation), *arguments)
        if operation in ('vcpus', 'memoryStats', 'controlInfo') and value is not None:
            world.outcomes[f'{prefix}: {operation}'] = 'a value'
        world.step(f'{prefix}: state after {operation}', domain.state)
        for end in (domain.destroy, lambda domain=domain: domain.undefineFlags(1)):
            try:
                end()
            except libvirt.libvirtError:
                continue


def off(world: World) -> None:
    """Run each operation on a domain that is off."""
    _everything(world, 'off', world.define)


def running(world: World) -> None:
    """Run each operation on a running domain."""
    _everything(world, 'running', world.start)


def paused(world: World) -> None:
    """Run each operation on a paused domain."""
    def make(name: str) -> libvirt.virDomain:
        domain = world.start(name)
        domain.suspend()
        return domain
    _everything(world, 'paused', make)


def transient(world: World) -> None:
    """Run each operation on a transient domain."""
    _everything(world, 'transient', lambda name: world.write.createXML(world.xml(name)))


def a_life(world: World) -> None:
    """Query the states of a domain and their reasons, from start to end."""
    domain = world.define('alive')
    for number, (call, *arguments) in enumerate((
            ('create',), ('suspend',), ('suspend',), ('resume',), ('resume',), ('create',),
            ('destroy',), ('destroy',), ('createWithFlags', libvirt.VIR_DOMAIN_START_PAUSED),
            ('resume',), ('managedSave',), ('hasManagedSaveImage',), ('undefine',),
            ('managedSave',), ('create',), ('hasManagedSaveImage',),
            ('managedSave', libvirt.VIR_DOMAIN_SAVE_PAUSED), ('create',), ('state',),
            ('destroy',), ('managedSaveRemove',), ('undefine',), ('undefine',))):
        world.step(f'{number} {call}', getattr(domain, call), *arguments)
        world.step(f'{number} state after {call}', domain.state)
    again = world.define('alive')
    world.step('ids', lambda: again.ID())
    again.create()
    first = again.ID()
    again.destroy()
    again.create()
    world.step('ids grow', lambda: again.ID() > first)
    world.step('autodestroy', lambda: again.createWithFlags(libvirt.VIR_DOMAIN_START_AUTODESTROY))
    client = libvirt.open(world.uri)
    world.step('bound to its client', client.createXML, world.xml('bound'),
               libvirt.VIR_DOMAIN_START_AUTODESTROY)
    world.step('bound', lambda: world.write.lookupByName('bound').isActive())
    client.close()


SCENARIOS = (lookups, listing, definitions, documents, off, running, paused, transient, a_life)
