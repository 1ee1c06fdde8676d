"""The errors that a simulated daemon answers with, filled as libvirt fills them."""

from __future__ import annotations

import os

import libvirt

#: What libvirt says of an error: alone, and with a detail.
#: Source: the messages of libvirt 9.0.0, src/util/virerror.c.
MESSAGES: dict[int, tuple[str, str]] = {
    libvirt.VIR_ERR_INTERNAL_ERROR: ('internal error', 'internal error: %s'),
    libvirt.VIR_ERR_NO_SUPPORT: (
        'this function is not supported by the connection driver',
        'this function is not supported by the connection driver: %s'),
    libvirt.VIR_ERR_NO_CONNECT: (
        'no connection driver available', 'no connection driver available for %s'),
    libvirt.VIR_ERR_INVALID_CONN: (
        'invalid connection pointer in', 'invalid connection pointer in %s'),
    libvirt.VIR_ERR_INVALID_DOMAIN: ('invalid domain pointer in', 'invalid domain pointer in %s'),
    libvirt.VIR_ERR_INVALID_ARG: ('invalid argument', 'invalid argument: %s'),
    libvirt.VIR_ERR_OPERATION_FAILED: ('operation failed', 'operation failed: %s'),
    libvirt.VIR_ERR_OS_TYPE: ('unknown OS type', 'unknown OS type %s'),
    libvirt.VIR_ERR_NO_SOURCE: (
        'missing source information for device', 'missing source information for device %s'),
    libvirt.VIR_ERR_NO_TARGET: (
        'missing target information for device', 'missing target information for device %s'),
    libvirt.VIR_ERR_NO_NAME: ('missing name information', 'missing name information in %s'),
    libvirt.VIR_ERR_XML_ERROR: (
        'XML description is invalid or not well formed', 'XML error: %s'),
    libvirt.VIR_ERR_DOM_EXIST: ('this domain exists already', 'domain %s exists already'),
    libvirt.VIR_ERR_OPERATION_DENIED: (
        'operation forbidden for read only access', 'operation forbidden: %s'),
    libvirt.VIR_ERR_XML_DETAIL: ('parser error', '%s'),
    libvirt.VIR_ERR_NETWORK_EXIST: ('this network exists already', 'network %s exists already'),
    libvirt.VIR_ERR_SYSTEM_ERROR: ('system call error', '%s'),
    libvirt.VIR_ERR_RPC: ('RPC error', '%s'),
    libvirt.VIR_ERR_NO_DOMAIN: ('Domain not found', 'Domain not found: %s'),
    libvirt.VIR_ERR_NO_NETWORK: ('Network not found', 'Network not found: %s'),
    libvirt.VIR_ERR_INVALID_MAC: ('invalid MAC address', 'invalid MAC address: %s'),
    libvirt.VIR_ERR_AUTH_FAILED: ('authentication failed', 'authentication failed: %s'),
    libvirt.VIR_ERR_NO_STORAGE_POOL: ('Storage pool not found', 'Storage pool not found: %s'),
    libvirt.VIR_ERR_NO_STORAGE_VOL: ('Storage volume not found', 'Storage volume not found: %s'),
    libvirt.VIR_ERR_INVALID_NODE_DEVICE: (
        'invalid node device pointer', 'invalid node device pointer in %s'),
    libvirt.VIR_ERR_NO_NODE_DEVICE: ('Node device not found', 'Node device not found: %s'),
    libvirt.VIR_ERR_OPERATION_INVALID: (
        'Requested operation is not valid', 'Requested operation is not valid: %s'),
    libvirt.VIR_ERR_INVALID_SECRET: ('Invalid secret', 'Invalid secret: %s'),
    libvirt.VIR_ERR_NO_SECRET: ('Secret not found', 'Secret not found: %s'),
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: (
        'unsupported configuration', 'unsupported configuration: %s'),
    libvirt.VIR_ERR_OPERATION_TIMEOUT: (
        'Timed out during operation', 'Timed out during operation: %s'),
    libvirt.VIR_ERR_MIGRATE_PERSIST_FAILED: (
        'Failed to make domain persistent after migration',
        'Failed to make domain persistent after migration: %s'),
    libvirt.VIR_ERR_INVALID_DOMAIN_SNAPSHOT: (
        'Invalid domain snapshot', 'Invalid domain snapshot: %s'),
    libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: (
        'Domain snapshot not found', 'Domain snapshot not found: %s'),
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED: ('argument unsupported', 'argument unsupported: %s'),
    libvirt.VIR_ERR_OPERATION_ABORTED: ('operation aborted', 'operation aborted: %s'),
    libvirt.VIR_ERR_NO_DOMAIN_METADATA: ('metadata not found', 'metadata not found: %s'),
    libvirt.VIR_ERR_MIGRATE_UNSAFE: ('Unsafe migration', 'Unsafe migration: %s'),
    libvirt.VIR_ERR_OVERFLOW: ('numerical overflow', 'numerical overflow: %s'),
    libvirt.VIR_ERR_BLOCK_COPY_ACTIVE: (
        'block copy still active', 'block copy still active: %s'),
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: (
        'Operation not supported', 'Operation not supported: %s'),
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE: (
        'Guest agent is not responding', 'Guest agent is not responding: %s'),
    libvirt.VIR_ERR_RESOURCE_BUSY: ('resource busy', 'resource busy: %s'),
    libvirt.VIR_ERR_ACCESS_DENIED: ('access denied', 'access denied: %s'),
    libvirt.VIR_ERR_STORAGE_VOL_EXIST: (
        'this storage volume exists already', 'storage volume %s exists already'),
    libvirt.VIR_ERR_CPU_INCOMPATIBLE: (
        'the CPU is incompatible with host CPU', 'the CPU is incompatible with host CPU: %s'),
    libvirt.VIR_ERR_XML_INVALID_SCHEMA: (
        'XML document failed to validate against schema',
        'XML document failed to validate against schema: %s'),
    libvirt.VIR_ERR_MIGRATE_FINISH_OK: (
        'migration successfully aborted', 'migration successfully aborted: %s'),
    libvirt.VIR_ERR_DEVICE_MISSING: ('device not found', 'device not found: %s'),
    libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT: (
        'Domain checkpoint not found', 'Domain checkpoint not found: %s'),
    libvirt.VIR_ERR_NO_HOSTNAME: ('no hostname found', 'no hostname found: %s'),
}


class LibvirtError(Exception):
    """An error as a client of libvirt sees it.

    :param code: one of ``libvirt.VIR_ERR_*``.
    :param detail: what follows the text of the code, or None for the text alone.
    :param domain: the part of libvirt that reports it, one of ``libvirt.VIR_FROM_*``.

    ``str1`` is the format, ``str2`` the detail, ``int1`` and ``int2`` are -1, as in every error
    that libvirt reports about a hypervisor (``golden/libvirt/nvdimm-definitions.json``).
    """

    def __init__(self, code: int, detail: str | None = None, *,
                 domain: int = libvirt.VIR_FROM_QEMU, int1: int = -1, int2: int = -1) -> None:
        alone, detailed = MESSAGES.get(code, ('unknown error', 'unknown error: %s'))
        self.code = code
        self.domain = domain
        self.level: int = libvirt.VIR_ERR_ERROR
        self.message = alone if detail is None else detailed % detail
        self.str1: str | None = alone if detail is None else detailed
        self.str2 = detail
        self.str3: str | None = None
        self.int1 = int1
        self.int2 = int2
        super().__init__(self.message)


def system_error(errno: int, detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """The error for a failed system call: the detail, the cause, and errno in ``int1``."""
    return LibvirtError(libvirt.VIR_ERR_SYSTEM_ERROR, f'{detail}: {os.strerror(errno)}',
                        domain=domain, int1=errno)


def denied(api: str, domain: int = libvirt.VIR_FROM_DOMAIN) -> LibvirtError:
    """The refusal of a change over a read-only connection; ``api`` is libvirt's function."""
    return LibvirtError(libvirt.VIR_ERR_OPERATION_DENIED, f'read only access prevents {api}',
                        domain=domain)


def internal(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """libvirt's ``internal error: ...``."""
    return LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, detail, domain=domain)


def invalid(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """The refusal of an operation that the present state does not allow."""
    return LibvirtError(libvirt.VIR_ERR_OPERATION_INVALID, detail, domain=domain)


def unsupported(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """The refusal of a configuration that libvirt or QEMU cannot serve."""
    return LibvirtError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, detail, domain=domain)


def bad_argument(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """The refusal of an argument."""
    return LibvirtError(libvirt.VIR_ERR_INVALID_ARG, detail, domain=domain)


def misused(function: str, argument: str, message: str, *,
            domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """The refusal of an argument by name: the message stands alone, ``str1`` is the function.

    Source: libvirt 9.0.0, src/util/virerror.h (virReportInvalidArg).
    """
    error = LibvirtError(libvirt.VIR_ERR_INVALID_ARG, domain=domain, int1=0, int2=0)
    error.message, error.str1, error.str2 = message, function, argument
    error.args = (message,)
    return error


def bad_xml(detail: str, *, domain: int = libvirt.VIR_FROM_DOMAIN) -> LibvirtError:
    """libvirt's ``XML error: ...``."""
    return LibvirtError(libvirt.VIR_ERR_XML_ERROR, detail, domain=domain)


def xml_detail(detail: str, *, domain: int = libvirt.VIR_FROM_DOMAIN) -> LibvirtError:
    """An error of the XML whose detail is the whole message."""
    return LibvirtError(libvirt.VIR_ERR_XML_DETAIL, detail, domain=domain)
