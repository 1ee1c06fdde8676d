"""A session with saved guests, dumps, pictures, iothreads and events of performance counters.

Everything happens in one directory, whose path is replaced in outcomes.
"""

from __future__ import annotations

import os
from typing import Any

import libvirt

from tests.conformance.calls.world import Outcome, Session, World, with_texts

_RUNNING, _PAUSED = libvirt.VIR_DOMAIN_SAVE_RUNNING, libvirt.VIR_DOMAIN_SAVE_PAUSED
_LIVE, _CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
_VIDEO = "<graphics type='vnc' port='-1' autoport='no' socket='{directory}/vnc'/>" \
    "<video><model type='vga'/></video>"


class _Session(Session):

    def state(self, name: str) -> None:
        """Record whether a domain runs, and why."""
        self.step(name, self.world.write.lookupByName('guest').state)

    def image(self, name: str, flags: int = 0) -> None:
        """Record the XML of a saved image, as far as it is the definition's."""
        def read() -> list[str]:
            text = self.world.write.saveImageGetXMLDesc(self.path(name), flags)
            return [line.strip() for line in text.splitlines()
                    if '<name>' in line or '<domain' in line or '<on_' in line or 'title' in line]
        number = sum(step.startswith(f'XML of {name}, flags {flags}, ')
                     for step in self.world.outcomes)
        self.step(f'XML of {name}, flags {flags}, reading {number}', read)

    def save(self) -> None:
        world, connection = self.world, self.world.write
        step = self.step
        guest = world.start('guest')
        for flags in (_RUNNING | _PAUSED, 1 << 12):
            step(f'save, flags {flags}', guest.saveFlags, self.path('no'), None, flags)
        step('save in no directory', guest.save, self.path('none/x'))
        self.state('after refused saves')
        step('save', guest.save, self.path('one'))
        self.state('saved')
        step('saved file', os.path.exists, self.path('one'))
        step('save a domain that is off', guest.save, self.path('two'))
        self.image('one')
        self.image('one', libvirt.VIR_DOMAIN_XML_SECURE)
        self.image('one', 1 << 12)
        self.image('none')
        with open(self.path('text'), 'w') as stream:
            stream.write('no image, but a text which is longer than the header of an image, '
                         'which has ninety-two bytes in this version')
        with open(self.path('empty'), 'w') as stream:
            pass
        for name in ('text', 'empty'):
            self.image(name)
            step(f'restore {name}', connection.restore, self.path(name))
        step('restore nothing', connection.restore, self.path('none'))
        step('restore, bad flags', connection.restoreFlags, self.path('one'), None, 1 << 12)
        step('restore, both states', connection.restoreFlags, self.path('one'), None,
             _RUNNING | _PAUSED)
        step('restore', connection.restore, self.path('one'))
        self.state('restored')
        step('restore a domain that runs', connection.restore, self.path('one'))
        guest.suspend()
        step('save a paused domain', guest.save, self.path('paused'))
        step('restore a paused domain', connection.restore, self.path('paused'))
        self.state('restored as paused')
        step('save as running', guest.saveFlags, self.path('paused'), None, _RUNNING)
        step('restore as running', connection.restore, self.path('paused'))
        self.state('restored as running')
        step('save again', guest.saveFlags, self.path('paused'), None, _PAUSED)
        step('restore with another state', connection.restoreFlags, self.path('paused'), None,
             _RUNNING)
        self.state('restored with another state')
        guest.destroy()

    def change(self) -> None:
        world, connection = self.world, self.world.write
        step = self.step
        guest = connection.lookupByName('guest')
        guest.create()
        xml = guest.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE)
        titled = xml.replace('</uuid>', '</uuid><title>new</title>')
        other = xml.replace('<name>guest<', '<name>other<')
        step('save with another name', guest.saveFlags, self.path('three'), other, 0)
        step('save with a broken XML', guest.saveFlags, self.path('three'), '<domain', 0)
        step('save with a title', guest.saveFlags, self.path('three'), titled, 0)
        self.image('three')
        define = connection.saveImageDefineXML
        step('define without a change', define, self.path('three'), titled, 0)
        step('define with another name', define, self.path('three'), other, 0)
        step('define a broken XML', define, self.path('three'), '<domain', 0)
        step('define with bad flags', define, self.path('three'), titled, 1 << 12)
        step('define in nothing', define, self.path('none'), titled, 0)
        step('define', define, self.path('three'), titled.replace('>new<', '>newer<'), 0)
        self.image('three')
        step('define as paused', define, self.path('three'), titled, _PAUSED)
        step('restore with another name', connection.restoreFlags, self.path('three'), other, 0)
        step('restore with a title', connection.restoreFlags, self.path('three'),
             titled.replace('>new<', '>last<'), 0)
        step('title', guest.metadata, libvirt.VIR_DOMAIN_METADATA_TITLE, None)
        self.state('restored with a title')
        guest.destroy()
        parameters = {libvirt.VIR_DOMAIN_SAVE_PARAM_FILE: self.path('four')}
        step('save by parameters, off', guest.saveParams, parameters, 0)
        guest.create()
        step('save by unknown parameters', guest.saveParams, {'x': 'y'}, 0)
        step('save by parameters', guest.saveParams, parameters, 0)
        step('restore by no parameters', connection.restoreParams, {}, 0)
        step('restore by parameters', connection.restoreParams, parameters, 0)
        guest.destroy()
        transient = connection.createXML(world.xml('transient'))
        step('save a transient domain', transient.save, self.path('transient'))
        step('a saved transient domain', connection.lookupByName, 'transient')
        step('restore a transient domain', connection.restore, self.path('transient'))
        step('a restored transient domain', lambda: connection.lookupByName(
            'transient').isPersistent())
        connection.lookupByName('transient').destroy()

    def dump(self) -> None:
        step = self.step
        guest = self.world.write.lookupByName('guest')
        raw = libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_RAW
        step('dump a domain that is off', guest.coreDump, self.path('core'), 0)
        guest.create()
        for name, flags in (('crash and reset', libvirt.VIR_DUMP_CRASH | libvirt.VIR_DUMP_RESET),
                            ('crash and live', libvirt.VIR_DUMP_CRASH | libvirt.VIR_DUMP_LIVE),
                            ('reset and live', libvirt.VIR_DUMP_RESET | libvirt.VIR_DUMP_LIVE),
                            ('unknown', 1 << 12)):
            step(f'dump, {name}', guest.coreDump, self.path('core'), flags)
        step('dump in no directory', guest.coreDump, self.path('none/core'),
             libvirt.VIR_DUMP_MEMORY_ONLY)
        for number in range(6):
            step(f'dump, format {number}', guest.coreDumpWithFormat, self.path(f'core{number}'),
                 number, libvirt.VIR_DUMP_MEMORY_ONLY)
        step('dump with a format and all devices', guest.coreDumpWithFormat, self.path('core'),
             libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB, 0)
        step('dump', guest.coreDump, self.path('core'), libvirt.VIR_DUMP_MEMORY_ONLY)
        step('dumped file', os.path.exists, self.path('core'))
        self.state('dumped')
        step('dump live', guest.coreDumpWithFormat, self.path('core'), raw,
             libvirt.VIR_DUMP_MEMORY_ONLY | libvirt.VIR_DUMP_LIVE)
        step('dump and reset', guest.coreDump, self.path('core'),
             libvirt.VIR_DUMP_MEMORY_ONLY | libvirt.VIR_DUMP_RESET)
        self.state('dumped and reset')
        step('dump and crash', guest.coreDump, self.path('core'),
             libvirt.VIR_DUMP_MEMORY_ONLY | libvirt.VIR_DUMP_CRASH)
        self.state('dumped and crashed')

    def picture(self) -> None:
        world, step = self.world, self.step
        guest = world.write.lookupByName('guest')

        def take(domain: libvirt.virDomain, screen: int = 0, flags: int = 0) -> Any:
            stream = world.write.newStream()
            kind = domain.screenshot(stream, screen, flags)
            pieces: list[bytes] = []
            stream.recvAll(lambda stream, data, pieces: pieces.append(data), pieces)
            stream.finish()
            return [kind, b''.join(pieces)[:4].decode('latin-1')]
        step('picture of a domain that is off', take, guest)
        guest.create()
        step('picture without a screen', take, guest)
        seen = world.start('seen', more='<devices>' + _VIDEO.format(directory=self.directory)
                           + '</devices>')
        step('picture', take, seen)
        step('picture of another screen', take, seen, 1)
        step('picture with flags', take, seen, 0, 1)
        seen.suspend()
        step('picture of a paused domain', take, seen)
        seen.destroy()

    def threads(self) -> None:
        step = self.step
        guest = self.world.write.lookupByName('guest')
        for where, flags in (('live', _LIVE), ('config', _CONFIG), ('both', _LIVE | _CONFIG),
                             ('now', 0)):
            step(f'{where}: no iothreads', guest.ioThreadInfo, flags)
            step(f'{where}: pin no iothread', guest.pinIOThread, 1, (True, False), flags)
            step(f'{where}: delete no iothread', guest.delIOThread, 1, flags)
            step(f'{where}: add iothread 1', guest.addIOThread, 1, flags)
            step(f'{where}: add iothread 1 again', guest.addIOThread, 1, flags)
            step(f'{where}: add iothread 3', guest.addIOThread, 3, flags)
            step(f'{where}: iothreads', guest.ioThreadInfo, flags)
            step(f'{where}: pin iothread 1', guest.pinIOThread, 1, (True, False), flags)
            step(f'{where}: pin to no CPU', guest.pinIOThread, 1, (False, False), flags)
            step(f'{where}: pinned iothreads', guest.ioThreadInfo, flags)
            for parameters in ({'poll_max_ns': 1000}, {'poll_grow': 2, 'poll_shrink': 3},
                               {'x': 1}, {'thread_pool_min': 2},
                               {'thread_pool_min': 9, 'thread_pool_max': 3}):
                step(f'{where}: set {parameters}', guest.setIOThreadParams, 1, parameters, flags)
            step(f'{where}: set parameters of iothread 7', guest.setIOThreadParams, 7,
                 {'poll_max_ns': 1}, flags)
            step(f'{where}: XML', self._threads_xml, flags)
            step(f'{where}: delete iothread 3', guest.delIOThread, 3, flags)
            step(f'{where}: delete iothread 1', guest.delIOThread, 1, flags)
            step(f'{where}: deleted iothreads', guest.ioThreadInfo, flags)
        step('add iothread 0', guest.addIOThread, 0, 0)
        step('add with bad flags', guest.addIOThread, 1, 1 << 12)

    def _threads_xml(self, flags: int) -> list[str]:
        text = self.world.write.lookupByName('guest').XMLDesc(
            libvirt.VIR_DOMAIN_XML_INACTIVE if flags == _CONFIG else 0)
        return [line.strip() for line in text.splitlines() if 'iothread' in line]

    def counters(self) -> None:
        step = self.step
        guest = self.world.write.lookupByName('guest')
        for where, flags in (('config', _CONFIG), ('both', _LIVE | _CONFIG), ('unknown', 1 << 12)):
            step(f'{where}: perf events', guest.perfEvents, flags)
        step('enable perf events', guest.setPerfEvents,
             {'cmt': True, 'cpu_cycles': True, 'mbmt': False}, _CONFIG)
        step('enabled perf events', guest.perfEvents, _CONFIG)
        step('XML of perf events', lambda: [
            line.strip() for line in guest.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE).splitlines()
            if 'event' in line or 'perf' in line])
        step('disable perf events', guest.setPerfEvents, {'cmt': False}, _CONFIG)
        step('disabled perf events', guest.perfEvents, _CONFIG)
        guest.destroy()
        guest.undefine()

    def run(self) -> None:
        for part in (self.save, self.change, self.dump, self.picture, self.threads, self.counters):
            part()


def outcomes(uri: str, directory: str) -> dict[str, Outcome]:
    """Return the outcome of each step on a daemon, as JSON has it.

    :param directory: an empty directory in which the daemon can create files.
    """
    world = World(uri)
    try:
        _Session(world, directory).run()
        return with_texts(world.outcomes, lambda text: text.replace(directory, '<directory>'))
    finally:
        world.close()
