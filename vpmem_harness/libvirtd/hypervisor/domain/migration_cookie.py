"""Cookies: data that the two hosts of a migration exchange through the client.

Source: libvirt 9.0.0, src/qemu/qemu_migration_cookie.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpmem_harness.libvirtd.errors import internal
from vpmem_harness.libvirtd.xml import etree, reading

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_END = b'\0'
#: The element by which two simulated hosts know each other.
_SIMULATED = 'simulated'
_POST_COPY = 'postcopy'


def make(host: Hypervisor, name: str, uuid: str, config: str | None = None, *,
         post_copy: bool = False) -> bytes:
    """Return a cookie about a domain.

    :param config: the XML of the domain's persistent configuration, for the destination.
    :param post_copy: whether the guest continues before its memory is copied. Real hosts know that
        from their QEMUs.
    """
    root = etree.element('qemu-migration')
    for tag, text in (('name', name), ('uuid', uuid), ('hostname', host.name),
                      ('hostuuid', host.uuid)):
        etree.add(root, tag, text)
    # libvirt ignores elements that it does not know.
    simulated = etree.add(root, _SIMULATED)
    if post_copy:
        simulated.set(_POST_COPY, 'yes')
    if config is not None:
        root.append(reading.read(config, '(migration_cookie)'))
    return etree.serialize(root).encode() + _END


def check(host: Hypervisor, cookie: bytes, name: str, uuid: str) -> str | None:
    """Check a cookie of the other host, and return the persistent configuration in it.

    A client may leave a cookie out.

    :raises LibvirtError: the cookie is malformed, is about another domain, or is this host's own.
    """
    if not cookie:
        return None
    if not cookie.endswith(_END):
        raise internal('Migration cookie was not NULL terminated')
    root = reading.read(cookie[:-1].decode('utf-8', 'replace'), '(qemu_migration_cookie)')
    found = {}
    for tag in ('name', 'uuid', 'hostname', 'hostuuid'):
        text = etree.text_of(root, tag)
        if not text:
            raise internal(f'missing {tag} element in migration data')
        found[tag] = text
    if found['name'] != name:
        raise internal(f'Incoming cookie data had unexpected name {found["name"]} vs {name}')
    if found['uuid'] != uuid:
        raise internal(f'Incoming cookie data had unexpected UUID {found["uuid"]} vs {uuid}')
    if found['hostuuid'] == str(host.uuid):
        raise internal(f'Attempt to migrate guest to the same host {host.uuid}')
    config = etree.first(root, 'domain')
    return None if config is None else etree.serialize(config)


def of_post_copy(cookie: bytes) -> bool:
    """Whether a cookie, which has been checked, is about a guest in post-copy."""
    return f'<{_SIMULATED} {_POST_COPY}='.encode() in cookie


def of_real_host(cookie: bytes) -> bool:
    """Whether a cookie, which has been checked, is that of a real libvirtd."""
    return bool(cookie) and f'<{_SIMULATED}'.encode() not in cookie
