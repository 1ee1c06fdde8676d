"""Documents of snapshots.

Source: libvirt 9.0.0, src/conf/snapshot_conf.c (virDomainSnapshotDefParse,
virDomainSnapshotDefFormatInternal).
"""

from __future__ import annotations

import re
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    bad_attribute,
    bad_xml,
    internal,
    unsupported,
)
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import Snapshot
from vpmem_harness.libvirtd.xml import etree, reading, schema
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml
from vpmem_harness.libvirtd.xml.etree import Element, add, element, every
from vpmem_harness.libvirtd.xml.host import XmlHost
from vpmem_harness.libvirtd.xml.storage.common import FILE_FORMATS

_FROM: Final = libvirt.VIR_FROM_DOMAIN_SNAPSHOT
#: Where the memory or a disk of a snapshot can be.
_LOCATIONS: Final = ('no', 'internal', 'external', 'manual')
#: The states of domains by number, and that of a snapshot of disks.
STATES: Final = ('nostate', 'running', 'blocked', 'paused', 'shutdown', 'shutoff', 'crashed',
                  'pmsuspended', 'disk-snapshot')


def parse(xml: str, host: XmlHost, now: int, *, offline: bool, redefine: bool = False,
          validate: bool = False) -> Snapshot:
    """Parse a client's document.

    :param now: the time in seconds, for a new snapshot.
    :param offline: whether a new snapshot cannot have the guest's memory.
    :param redefine: whether the document describes an existing snapshot.
    :param validate: whether to validate it against libvirt's schema.
    """
    root = reading.parse(xml, root='domainsnapshot', document='domain_snapshot', domain=_FROM)
    if validate:
        schema.check(xml, 'domainsnapshot.rng')
    name = root.findtext('name') or None
    if name is None and redefine:
        raise bad_xml('a redefined snapshot must have a name', domain=_FROM)
    snapshot = Snapshot(name or str(now), now, description=root.findtext('description'))
    if redefine:
        offline = _parse_existing(root, snapshot, host)
    _parse_memory(root, snapshot, offline=offline, redefine=redefine)
    snapshot.disks = [_parse_disk(disk) for disk in every(root, 'disks/*')]
    cookie = root.find('cookie')
    if not offline and cookie is not None:
        snapshot.cookie = etree.copy(cookie)
    return snapshot


def _parse_existing(root: Element, snapshot: Snapshot, host: XmlHost) -> bool:
    """Parse what only an existing snapshot has; return whether it is one without memory."""
    time = root.findtext('creationTime') or ''
    if not re.fullmatch(r'\s*[+-]?[0-9]+', time):
        raise internal('missing creationTime from existing snapshot', domain=_FROM)
    snapshot.created = int(time)
    snapshot.parent = root.findtext('parent/name') or None
    state = root.findtext('state')
    if not state:
        raise bad_xml('missing state from existing snapshot', domain=_FROM)
    if state not in STATES[1:]:
        raise unsupported(f"Invalid state '{state}' in domain snapshot XML", domain=_FROM)
    snapshot.state = state
    snapshot.definition = _parse_domain(root, 'domain', host)
    snapshot.inactive = _parse_domain(root, 'inactiveDomain', host)
    return state in ('shutoff', 'disk-snapshot')


def _parse_domain(root: Element, tag: str, host: XmlHost) -> Definition | None:
    found = root.find(tag)
    if found is None or not found.get('type'):
        return None
    copied = etree.copy(found)
    copied.tag = 'domain'
    return domain_xml.parse(etree.serialize(copied), host)


def _parse_memory(root: Element, snapshot: Snapshot, *, offline: bool, redefine: bool) -> None:
    memory = root.find('memory')
    place = None if memory is None else memory.get('snapshot')
    file = None if memory is None else memory.get('file')
    if place is not None and place not in _LOCATIONS:
        raise bad_attribute('memory', 'snapshot', place)
    if place == 'manual':
        raise bad_xml("'manual' memory snapshot mode not supported", domain=_FROM)
    if place is None and file is not None:
        place = 'external'
    elif place is None and redefine:
        place = 'no' if offline else 'internal'
    if file is not None and place != 'external':
        raise bad_xml(f"memory filename '{file}' requires external snapshot", domain=_FROM)
    if file is None and place == 'external':
        raise bad_xml('external memory snapshots require a filename', domain=_FROM)
    if offline and place not in (None, 'no'):
        raise bad_xml('memory state cannot be saved with offline or disk-only snapshot',
                      domain=_FROM)
    if file is not None and not file.startswith('/'):
        raise bad_xml(f'memory snapshot file path ({file}) must be absolute', domain=_FROM)
    snapshot.memory, snapshot.memory_file = place or '', file


def _parse_disk(given: Element) -> Element:
    """Return a disk that a client lists: ``snapshot`` is missing unless it is known."""
    name = given.get('name')
    if name is None:
        raise internal('missing name from disk snapshot element', domain=_FROM)
    how, kind = given.get('snapshot'), given.get('type')
    if how is not None and how not in _LOCATIONS:
        raise bad_attribute('disk', 'snapshot', how)
    if kind is not None and kind not in disks.TYPES:
        raise bad_attribute('disk', 'type', kind)
    if kind in ('volume', 'dir'):
        raise bad_xml(f"unsupported disk snapshot type '{kind}'", domain=_FROM)
    source, driver = given.find('source'), given.find('driver')
    form = None if driver is None else driver.get('type')
    if form and form not in FILE_FORMATS[1:]:
        raise unsupported(f"unknown disk snapshot driver '{form}'", domain=_FROM)
    path = disks.source_path(given)
    if path and kind in (None, 'file', 'block') and not path.startswith('/'):
        raise bad_xml(f"disk snapshot image path '{path}' must be absolute", domain=_FROM)
    if how is None and (path or form):
        how = 'external'
    disk = element('disk', name=name, snapshot=how, type=kind or 'file')
    if driver is not None:
        disk.append(etree.copy(driver))
    if source is not None and source.attrib:
        disk.append(etree.copy(source))
    return disk


def serialize(snapshot: Snapshot, uuid: str, *, secure: bool) -> str:
    """Return a snapshot's document.

    :param uuid: the domain's UUID.
    :param secure: whether to include passwords.
    """
    root = element('domainsnapshot')
    add(root, 'name', snapshot.name)
    if snapshot.description:
        add(root, 'description', snapshot.description)
    add(root, 'state', snapshot.state)
    if snapshot.parent is not None:
        add(add(root, 'parent'), 'name', snapshot.parent)
    add(root, 'creationTime', snapshot.created)
    if snapshot.memory:
        add(root, 'memory', snapshot=snapshot.memory, file=snapshot.memory_file)
    if snapshot.disks:
        add(root, 'disks').extend([_shown(disk) for disk in snapshot.disks])
    if snapshot.definition is None:
        add(add(root, 'domain'), 'uuid', uuid)
    for tag, definition in (('domain', snapshot.definition),
                            ('inactiveDomain', snapshot.inactive)):
        if definition is not None:
            domain = reading.read(
                formatter.domain(definition, inactive=True, secure=secure), 'domain_definition')
            domain.tag = tag
            root.append(domain)
    if snapshot.cookie is not None:
        root.append(etree.copy(snapshot.cookie))
    return etree.serialize(root)


def _shown(disk: Element) -> Element:
    driver = disk.find('driver')
    if disk.find('source') is None and (driver is None or not driver.get('type')):
        return element('disk', name=disk.get('name'), snapshot=disk.get('snapshot'))
    shown = etree.copy(disk)
    etree.unset(shown, 'type')
    shown.set('type', disk.get('type', 'file'))
    return shown
