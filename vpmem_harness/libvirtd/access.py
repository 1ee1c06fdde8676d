"""Read-only access, and the URIs that the daemon opens.

libvirt's public functions refuse changes over a read-only connection before any driver sees
them: most functions altogether (marked in the procedure table), a few by an argument.
Source: virCheckReadOnlyGoto and VIR_CONNECT_RO in src/libvirt-*.c of libvirt 9.0.0.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import libvirt

from vpmem_harness.libvirtd.drivers import DRIVERS
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.wire.procedures import Procedure

#: Procedure to the index of its flags, and the flags refused to read-only clients.
_SECURE_FLAGS: Final[dict[str, tuple[int, int]]] = {
    'domain_get_xml_desc': (1, libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_MIGRATABLE),
    'domain_managed_save_get_xml_desc': (1, libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE),
    'domain_save_image_get_xml_desc': (1, libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE),
    'domain_snapshot_get_xml_desc': (1, libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE),
    'domain_checkpoint_get_xml_desc': (1, libvirt.VIR_DOMAIN_CHECKPOINT_XML_SECURE),
}

#: Procedure to whether a call asks the guest, which is refused to read-only clients.
_GUEST: Final[dict[str, Callable[..., bool]]] = {
    'domain_get_vcpus_flags': lambda dom, flags: bool(flags & libvirt.VIR_DOMAIN_VCPU_GUEST),
    'domain_interface_addresses': lambda dom, source, flags: (
        bool(source == libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)),
}


_URI: Final = re.compile(r'([A-Za-z][\w+.-]*):(?://[^/?#]*)?([^?#]*)')


def refuse(procedure: Procedure, *arguments: Any) -> Any:
    """Raise the refusal of a procedure over a read-only connection."""
    raise LibvirtError(libvirt.VIR_ERR_OPERATION_DENIED,
                       f'read only access prevents {procedure.function}',
                       domain=procedure.error_domain)


def guard(procedure: Procedure, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method that refuses some arguments over a read-only connection.

    Return the method itself if no argument is refused.
    """
    secure = _SECURE_FLAGS.get(procedure.method)
    guest = _GUEST.get(procedure.method)
    if secure is None and guest is None:
        return method

    @functools.wraps(method)
    def call(*arguments: Any) -> Any:
        if guest is not None and guest(*arguments):
            refuse(procedure)
        if secure is not None and arguments[secure[0]] & secure[1]:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_DENIED,
                               f'{procedure.function} with secure flag',
                               domain=procedure.error_domain)
        return method(*arguments)

    return call


def driver_of(uri: str | None, drivers: Sequence[str] = DRIVERS) -> str:
    """Return the driver that a URI opens; refuse one of another driver, as libvirtd does.

    :param drivers: the drivers that the daemon has; the first one opens a missing URI.

    The client strips the transport: ``qemu+unix:///system?socket=...`` arrives as
    ``qemu:///system``. A privileged libvirtd treats ``/session`` the same.
    Source: src/libvirt.c and src/driver.c of libvirt 9.0.0.
    """
    if not uri:
        return drivers[0]
    match = _URI.match(uri)
    if match is None:
        raise LibvirtError(libvirt.VIR_ERR_NO_CONNECT,
                           f"URI '{uri}' does not include a driver name",
                           domain=libvirt.VIR_FROM_NONE)
    driver, path = match.groups()
    if driver not in drivers:
        raise LibvirtError(libvirt.VIR_ERR_NO_CONNECT, uri, domain=libvirt.VIR_FROM_NONE)
    if path not in ('/system', '/session'):
        raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR,
                           f"unexpected {driver} URI path '{path}', try {driver}:///system",
                           domain=libvirt.VIR_FROM_NONE)
    return str(driver)
