"""Documents of backups.

Source: libvirt 9.0.0, src/conf/backup_conf.c (virDomainBackupDefParse,
virDomainBackupDefFormat, virDomainBackupAlignDisks).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import bad_argument, bad_xml, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.backups.backup import Backup, BackupDisk
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.creation import writable
from vpmem_harness.libvirtd.xml import etree, reading, schema
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element, add, element, every

_FROM: Final = libvirt.VIR_FROM_DOMAIN
_PORT_MAX: Final = 65535


def parse(xml: str) -> Backup:
    """Parse a client's document, which libvirt always validates against its schema."""
    root = reading.parse(xml, root='domainbackup', document='domain_backup', domain=_FROM)
    schema.check(xml, 'domainbackup.rng')
    backup = Backup(root.get('mode', 'push'), root.findtext('incremental') or None)
    server = root.find('server')
    if server is not None:
        if not backup.pull:
            raise unsupported('use of <server> requires pull mode backup', domain=_FROM)
        backup.server = _parse_server(server)
    backup.disks = [_parse_disk(disk, pull=backup.pull) for disk in every(root, 'disks/*')]
    return backup


def _parse_server(given: Element) -> Element:
    port = given.get('port', '0')
    if not port.isdecimal() or int(port) > _PORT_MAX:
        raise bad_argument(f"port '{port}' out of range", domain=libvirt.VIR_FROM_NONE)
    return element('server', transport=given.get('transport', 'tcp'), tls=given.get('tls'),
                   name=given.get('name'), port=int(port) or None, socket=given.get('socket'))


def _parse_disk(given: Element, *, pull: bool) -> BackupDisk:
    name = given.get('name')
    if name is None:
        raise bad_xml('missing name from disk backup element', domain=_FROM)
    if given.get('backup') == 'no':
        return BackupDisk(name, included=False)
    driver, source = given.find('driver'), given.find('scratch' if pull else 'target')
    return BackupDisk(
        name, type=given.get('type', 'file'), source=source,
        path=None if source is None else source.get('file') or source.get('dev'),
        format='' if driver is None else driver.get('type', ''),
        mode=given.get('backupmode', ''), incremental=given.get('incremental'),
        export=given.get('exportname') if pull else None,
        export_bitmap=given.get('exportbitmap') if pull else None)


def align(backup: Backup, definition: Definition, suffix: str,
          path: Callable[[Element], str | None]) -> None:
    """Complete a backup with the domain's other disks, and with names of new files.

    :param suffix: the end of the names of new files.
    :param path: returns the path of a disk's image.
    :raises LibvirtError: a listed disk does not exist or is empty, or a file cannot be named.
    """
    present = definition.devices.findall('disk')
    if not present:
        raise unsupported('domain must have at least one disk to perform backup', domain=_FROM)
    listed: set[str] = set()
    for wanted in backup.disks:
        _check_listed(backup, wanted, definition, listed)
        listed.add(wanted.name)
    for disk in present:
        name = disks.target(disk)[0]
        if name in listed:
            continue
        added = BackupDisk(name, included=not listed and writable(disk))
        if added.included:
            if disk.get('type', 'file') not in ('file', 'volume'):
                raise unsupported(f"refusing to generate file name for disk '{name}'",
                                  domain=_FROM)
            added.path = f'{path(disk)}.{suffix}'
        backup.disks.append(added)
    for wanted in backup.disks:
        if not wanted.mode:
            incremental = wanted.incremental or backup.incremental
            wanted.mode = 'incremental' if incremental else 'full'
        if wanted.mode == 'incremental':
            wanted.incremental = wanted.incremental or backup.incremental


def _check_listed(backup: Backup, wanted: BackupDisk, definition: Definition,
                  listed: set[str]) -> None:
    disk = disks.by_target(definition.devices, wanted.name)
    if disk is None:
        raise unsupported(f"no disk named '{wanted.name}'", domain=_FROM)
    if wanted.name in listed:
        raise unsupported(f"disk '{wanted.name}' specified twice", domain=_FROM)
    if wanted.mode == 'incremental' and not wanted.incremental and not backup.incremental:
        raise unsupported(f"'incremental' backup mode of disk '{wanted.name}' requires setting "
                          "'incremental' field for disk or backup", domain=_FROM)
    if wanted.included and disk.find('source') is None:
        raise unsupported(f"disk '{wanted.name}' has no media", domain=_FROM)


def serialize(backup: Backup) -> str:
    """Return the document of a running backup."""
    root = element('domainbackup', mode=backup.mode)
    if backup.incremental:
        add(root, 'incremental', backup.incremental)
    if backup.server is not None:
        root.append(etree.copy(backup.server))
    add(root, 'disks').extend([_disk(disk, pull=backup.pull) for disk in backup.disks])
    return etree.serialize(root)


def _disk(disk: BackupDisk, *, pull: bool) -> Element:
    if not disk.included:
        return element('disk', name=disk.name, backup='no')
    shown = element(
        'disk', name=disk.name, backup='yes', type=disk.type, backupmode=disk.mode,
        incremental=disk.incremental, exportname=disk.export, exportbitmap=disk.export_bitmap,
        index=disk.index)
    add(shown, 'driver', type=disk.format)
    source = add(shown, 'scratch' if pull else 'target',
                 **{'dev' if disk.type == 'block' else 'file': disk.path})
    if disk.source is not None:
        source.extend([etree.copy(child) for child in disk.source])
    return shown
