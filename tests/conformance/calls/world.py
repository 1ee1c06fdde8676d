"""Environment of the calls: connections to a daemon, and a record of each call's outcome."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import libvirt

from vpmem_harness.randomness import Randomness

#: The outcome of a call: its value, or a mapping with the fields of its error.
Outcome = Any

_UUID = re.compile(r'\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b')
#: The prefix of a driver's own functions, as in qemuDomainGetState.
_FUNCTION = re.compile(r'(^|\bin (?:function )?)(?:qemu|test)(?=[A-Z])')
#: The directory of managed saves, which depends on libvirtd's user.
_SAVES = re.compile(r"/\S*(?=/libvirt/qemu/save/)")
_NAMED = (libvirt.virDomain, libvirt.virNetwork, libvirt.virStoragePool, libvirt.virStorageVol,
          libvirt.virNodeDevice, libvirt.virDomainSnapshot, libvirt.virDomainCheckpoint,
          libvirt.virNWFilter)


def with_texts(outcome: Outcome, change: Callable[[str], str]) -> Outcome:
    """Return an outcome in whose texts ``change`` has replaced what differs from run to run."""
    if isinstance(outcome, str):
        return change(outcome)
    if isinstance(outcome, dict):
        return {key: with_texts(value, change) for key, value in outcome.items()}
    if isinstance(outcome, list | tuple):
        return [with_texts(value, change) for value in outcome]
    return outcome


_DOMAIN = '''
<domain type='{kind}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  <currentMemory unit='MiB'>{current}</currentMemory>
  <vcpu current='1'>2</vcpu>
  <os><type arch='{arch}'{machine}>hvm</type></os>
  {more}
</domain>
'''


class World:
    """Connections to a daemon; the calls do not depend on its kind.

    ``write`` and ``read`` are connections; ``outcomes`` has the outcome of each call so far, by the
    name of its step. UUIDs and the names of drivers' own functions are replaced.

    :param kind: the type of domains, ``qemu`` or ``test``.
    """

    def __init__(self, uri: str, kind: str = 'qemu') -> None:
        self.kind = kind
        self.uri = uri
        self.write = libvirt.open(uri)
        self.read = libvirt.openReadOnly(uri)
        self.outcomes: dict[str, Outcome] = {}
        self._random = Randomness(5)
        self._uuids: dict[str, str] = {}
        with contextlib.suppress(libvirt.libvirtError):
            self.write.lookupByName('test').destroy()       # the test driver has one
            self.write.lookupByName('test').undefine()

    def close(self) -> None:
        """Remove all definitions and close the connections."""
        for domain in self.write.listAllDomains():
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroy()
            with contextlib.suppress(libvirt.libvirtError):
                domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                                     | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                                     | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
        self.read.close()
        self.write.close()

    def uuid(self, name: str) -> str:
        """Return the UUID of a name, always the same."""
        if name not in self._uuids:
            self._uuids[name] = str(self._random.uuid())
        return self._uuids[name]

    def mac(self, name: str) -> str:
        """Return the MAC address of a name, always the same."""
        return Randomness(5).derive(name).mac()

    def secrets(self) -> list[libvirt.virSecret]:
        """Return the defined secrets; none if the daemon does not simulate secrets."""
        try:
            return self.write.listAllSecrets()
        except libvirt.libvirtError:
            return []

    def xml(self, name: str, *, uuid: str | None = None, more: str = '', memory: int = 64,
            current: int = 64) -> str:
        """Return the XML of a small domain."""
        qemu = self.kind == 'qemu'
        return _DOMAIN.format(
            kind=self.kind, name=name, uuid=uuid or self.uuid(name), memory=memory,
            current=current, arch='x86_64' if qemu else 'i686',
            machine=" machine='pc'" if qemu else '', more=more)

    def define(self, name: str, **options: Any) -> libvirt.virDomain:
        """Define a domain that is off."""
        return self.write.defineXML(self.xml(name, **options))

    def start(self, name: str, **options: Any) -> libvirt.virDomain:
        """Define and start a domain."""
        domain = self.define(name, **options)
        domain.create()
        return domain

    def step(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call, record its outcome, and return its value, None if it failed."""
        if name in self.outcomes:
            raise ValueError(f'two steps are named {name!r}')
        try:
            value = call(*arguments)
        except libvirt.libvirtError as error:
            self.outcomes[name] = self._of_error(error)
            return None
        self.outcomes[name] = self._plain(value)
        return value

    def steps(self, name: str, thing: Any, calls: Iterator[str] | str) -> None:
        """Make several calls without arguments, each as a step."""
        for call in calls.split() if isinstance(calls, str) else calls:
            self.step(f'{name}: {call}', getattr(thing, call))
            if call == 'info' and isinstance(self.outcomes[f'{name}: info'], list):
                del self.outcomes[f'{name}: info'][4]       # the CPU time

    def _of_error(self, error: libvirt.libvirtError) -> dict[str, Any]:
        return {
            'code': error.get_error_code(), 'domain': error.get_error_domain(),
            'level': error.get_error_level(), 'message': self.text(error.get_error_message()),
            'str1': self.text(error.get_str1()), 'str2': self.text(error.get_str2()),
            'str3': self.text(error.get_str3()), 'int1': error.get_int1(),
            'int2': error.get_int2()}

    def text(self, text: str | None) -> str | None:
        """Return a text without the parts that differ from run to run."""
        if text is None:
            return None
        text = _SAVES.sub('/var/lib', _FUNCTION.sub(r'\1', text))
        return _UUID.sub(self._name_of, text)

    def _name_of(self, match: re.Match[str]) -> str:
        for name, uuid in self._uuids.items():
            if uuid == match.group(0):
                return f'<uuid of {name}>'
        return '<uuid>'

    def _plain(self, value: Any) -> Any:
        if isinstance(value, _NAMED):
            name = value.getName() if hasattr(value, 'getName') else value.name()
            return f'{type(value).__name__} {name}'
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {str(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            items = [self._plain(item) for item in value]
            if value and all(isinstance(item, _NAMED) for item in value):
                items.sort()
            return items
        if isinstance(value, bool | int | float) or value is None:
            return value
        return type(value).__name__


class Session:
    """Steps on a world; a session of some calls derives from it.

    ``connection`` is the world's connection for writing, and ``step`` records a step of the world.

    :param directory: a directory in which the daemon can create files.
    """

    def __init__(self, world: World, directory: str = '') -> None:
        self.world = world
        self.connection = world.write
        self.directory = directory
        self.step = world.step

    def path(self, name: str) -> str:
        """Return the path of a file in the directory."""
        return os.path.join(self.directory, name)
