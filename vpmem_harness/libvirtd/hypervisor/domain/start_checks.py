"""Refuse to start guests with devices and files that QEMU cannot use.

Source: libvirt 9.0.0, src/qemu/qemu_command.c, src/qemu/qemu_cgroup.c, src/qemu/qemu_process.c,
src/security/security_dac.c; QEMU 7.2, softmmu/vl.c (qemu_validate_options).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import bad_xml, internal, system_error, unsupported
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, every, text_of

_FIRST_PORT, _LAST_PORT = 5900, 65535

#: The files that a guest boots from, in the order in which libvirt gives them to QEMU's user.
_BOOT_FILES: Final = ('os/kernel', 'os/initrd', 'os/dtb', 'os/acpi/table')


def check_devices(devices: Element) -> None:
    """Refuse devices for which libvirt has no options of QEMU."""
    kinds = [graphics.get('type') for graphics in devices.findall('graphics')]
    if len(kinds) != len(set(kinds)):
        raise unsupported('only 1 graphics device of each type (sdl, vnc, spice, headless, dbus) '
                          'is supported')
    for graphics in devices.findall('graphics'):
        if len(graphics.findall('listen')) > 1:
            raise unsupported('QEMU does not support multiple listens for one graphics device.')
        port = int(graphics.get('port', '-1'))
        if graphics.get('type') == 'vnc' and graphics.get('autoport') == 'no' \
                and not _FIRST_PORT <= port <= _LAST_PORT:
            raise unsupported(f'vnc port must be in range [{_FIRST_PORT},{_LAST_PORT}]')
    for target in every(devices, 'disk/target'):
        if target.get('bus') in ('xen', 'uml'):
            raise internal(f"unsupported disk bus '{target.get('bus')}' with device setup")
    for interface in devices.findall('interface'):
        if interface.find('script') is not None \
                and interface.get('type') not in ('bridge', 'ethernet'):
            raise unsupported('scripts are not supported on interfaces of type '
                              f"{interface.get('type')}")
    for size in every(devices, 'shmem/size'):
        number = int(size.text or 0)
        if number & (number - 1):
            raise bad_xml('shmem size must be a power of two', domain=libvirt.VIR_FROM_QEMU)


def check_partition(definition: Definition) -> None:
    """Refuse a partition of the host's resources that is no absolute path."""
    path = text_of(definition.root, 'resource/partition')
    if path and not path.startswith('/'):
        raise unsupported(f"Resource partition '{path}' must start with '/'",
                          domain=libvirt.VIR_FROM_DOMAIN)


def check_boot_files(definition: Definition, backing: Backing) -> None:
    """Refuse a kernel, and what belongs to it, that does not exist."""
    for path in _paths(definition.root, _BOOT_FILES):
        if not os.path.isabs(path) or backing.stat(path) is None:
            above = backing.stat(os.path.dirname(path)) if os.path.isabs(path) else None
            number = errno.ENOENT if above is None or above.kind == 'directory' else errno.ENOTDIR
            raise system_error(number, f'unable to stat: {path}',
                               domain=libvirt.VIR_FROM_SECURITY)


def _paths(root: Element, names: Iterable[str]) -> list[str]:
    return [found.text for name in names for found in every(root, name) if found.text]


def without_kernel(definition: Definition) -> str | None:
    """Return QEMU's refusal of a command line or an initial RAM disk without a kernel, or None."""
    root = definition.root
    if text_of(root, 'os/kernel'):
        return None
    for option, name in (('append', 'cmdline'), ('initrd', 'initrd')):
        if text_of(root, f'os/{name}'):
            return f'-{option} only allowed with -kernel option'
    return None
