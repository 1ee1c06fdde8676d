"""Errors of the simulated daemon, with the fields that libvirt fills."""

from __future__ import annotations

import os

import libvirt

from vpmem_harness.releases import Release

#: Each code's message alone, and its format with a detail.
#: Source: the messages of libvirt 9.0.0, src/util/virerror.c.
MESSAGES: dict[int, tuple[str, str]] = {
    libvirt.VIR_ERR_INTERNAL_ERROR: ('internal error', 'internal error: %s'),
    libvirt.VIR_ERR_NO_MEMORY: ('out of memory', 'out of memory: %s'),
    libvirt.VIR_ERR_NO_SUPPORT: (
        'this function is not supported by the connection driver',
        'this function is not supported by the connection driver: %s'),
    libvirt.VIR_ERR_UNKNOWN_HOST: ('unknown host', 'unknown host %s'),
    libvirt.VIR_ERR_NO_CONNECT: (
        'no connection driver available', 'no connection driver available for %s'),
    libvirt.VIR_ERR_INVALID_CONN: (
        'invalid connection pointer in', 'invalid connection pointer in %s'),
    libvirt.VIR_ERR_INVALID_DOMAIN: ('invalid domain pointer in', 'invalid domain pointer in %s'),
    libvirt.VIR_ERR_INVALID_ARG: ('invalid argument', 'invalid argument: %s'),
    libvirt.VIR_ERR_OPERATION_FAILED: ('operation failed', 'operation failed: %s'),
    libvirt.VIR_ERR_GET_FAILED: ('GET operation failed', 'GET operation failed: %s'),
    libvirt.VIR_ERR_POST_FAILED: ('POST operation failed', 'POST operation failed: %s'),
    libvirt.VIR_ERR_HTTP_ERROR: ('got unknown HTTP error code', 'got unknown HTTP error code %s'),
    libvirt.VIR_ERR_SEXPR_SERIAL: ('failed to serialize S-Expr', 'failed to serialize S-Expr: %s'),
    libvirt.VIR_ERR_NO_XEN: (
        'could not use Xen hypervisor entry', 'could not use Xen hypervisor entry %s'),
    libvirt.VIR_ERR_XEN_CALL: ('failed Xen syscall', 'failed Xen syscall %s'),
    libvirt.VIR_ERR_OS_TYPE: ('unknown OS type', 'unknown OS type %s'),
    libvirt.VIR_ERR_NO_KERNEL: ('missing kernel information', 'missing kernel information: %s'),
    libvirt.VIR_ERR_NO_ROOT: (
        'missing root device information', 'missing root device information in %s'),
    libvirt.VIR_ERR_NO_SOURCE: (
        'missing source information for device', 'missing source information for device %s'),
    libvirt.VIR_ERR_NO_TARGET: (
        'missing target information for device', 'missing target information for device %s'),
    libvirt.VIR_ERR_NO_NAME: ('missing name information', 'missing name information in %s'),
    libvirt.VIR_ERR_NO_OS: (
        'missing operating system information', 'missing operating system information for %s'),
    libvirt.VIR_ERR_NO_DEVICE: (
        'missing devices information', 'missing devices information for %s'),
    libvirt.VIR_ERR_NO_XENSTORE: (
        'could not connect to Xen Store', 'could not connect to Xen Store %s'),
    libvirt.VIR_ERR_DRIVER_FULL: (
        'too many drivers registered', 'too many drivers registered in %s'),
    libvirt.VIR_ERR_CALL_FAILED: ('library call failed', 'library call failed: %s'),
    libvirt.VIR_ERR_XML_ERROR: ('XML description is invalid or not well formed', 'XML error: %s'),
    libvirt.VIR_ERR_DOM_EXIST: ('this domain exists already', 'domain %s exists already'),
    libvirt.VIR_ERR_OPERATION_DENIED: (
        'operation forbidden for read only access', 'operation forbidden: %s'),
    libvirt.VIR_ERR_OPEN_FAILED: (
        'failed to open configuration file', 'failed to open configuration file %s'),
    libvirt.VIR_ERR_READ_FAILED: (
        'failed to read configuration file', 'failed to read configuration file %s'),
    libvirt.VIR_ERR_PARSE_FAILED: (
        'failed to parse configuration file', 'failed to parse configuration file %s'),
    libvirt.VIR_ERR_CONF_SYNTAX: (
        'configuration file syntax error', 'configuration file syntax error: %s'),
    libvirt.VIR_ERR_WRITE_FAILED: (
        'failed to write configuration file', 'failed to write configuration file: %s'),
    libvirt.VIR_ERR_XML_DETAIL: ('parser error', '%s'),
    libvirt.VIR_ERR_INVALID_NETWORK: (
        'invalid network pointer in', 'invalid network pointer in %s'),
    libvirt.VIR_ERR_NETWORK_EXIST: ('this network exists already', 'network %s exists already'),
    libvirt.VIR_ERR_SYSTEM_ERROR: ('system call error', '%s'),
    libvirt.VIR_ERR_RPC: ('RPC error', '%s'),
    libvirt.VIR_ERR_GNUTLS_ERROR: ('GNUTLS call error', '%s'),
    libvirt.VIR_WAR_NO_NETWORK: ('Failed to find the network', 'Failed to find the network: %s'),
    libvirt.VIR_ERR_NO_DOMAIN: ('Domain not found', 'Domain not found: %s'),
    libvirt.VIR_ERR_NO_NETWORK: ('Network not found', 'Network not found: %s'),
    libvirt.VIR_ERR_INVALID_MAC: ('invalid MAC address', 'invalid MAC address: %s'),
    libvirt.VIR_ERR_AUTH_FAILED: ('authentication failed', 'authentication failed: %s'),
    libvirt.VIR_ERR_INVALID_STORAGE_POOL: (
        'invalid storage pool pointer in', 'invalid storage pool pointer in %s'),
    libvirt.VIR_ERR_INVALID_STORAGE_VOL: (
        'invalid storage volume pointer in', 'invalid storage volume pointer in %s'),
    libvirt.VIR_WAR_NO_STORAGE: (
        'Failed to find a storage driver', 'Failed to find a storage driver: %s'),
    libvirt.VIR_ERR_NO_STORAGE_POOL: ('Storage pool not found', 'Storage pool not found: %s'),
    libvirt.VIR_ERR_NO_STORAGE_VOL: ('Storage volume not found', 'Storage volume not found: %s'),
    libvirt.VIR_WAR_NO_NODE: ('Failed to find a node driver', 'Failed to find a node driver: %s'),
    libvirt.VIR_ERR_INVALID_NODE_DEVICE: (
        'invalid node device pointer', 'invalid node device pointer in %s'),
    libvirt.VIR_ERR_NO_NODE_DEVICE: ('Node device not found', 'Node device not found: %s'),
    libvirt.VIR_ERR_NO_SECURITY_MODEL: ('Security model not found', 'Security model not found: %s'),
    libvirt.VIR_ERR_OPERATION_INVALID: (
        'Requested operation is not valid', 'Requested operation is not valid: %s'),
    libvirt.VIR_WAR_NO_INTERFACE: (
        'Failed to find the interface', 'Failed to find the interface: %s'),
    libvirt.VIR_ERR_NO_INTERFACE: ('Interface not found', 'Interface not found: %s'),
    libvirt.VIR_ERR_INVALID_INTERFACE: (
        'invalid interface pointer in', 'invalid interface pointer in %s'),
    libvirt.VIR_ERR_MULTIPLE_INTERFACES: (
        'multiple matching interfaces found', 'multiple matching interfaces found: %s'),
    libvirt.VIR_WAR_NO_NWFILTER: (
        'Failed to start the nwfilter driver', 'Failed to start the nwfilter driver: %s'),
    libvirt.VIR_ERR_INVALID_NWFILTER: ('Invalid network filter', 'Invalid network filter: %s'),
    libvirt.VIR_ERR_NO_NWFILTER: ('Network filter not found', 'Network filter not found: %s'),
    libvirt.VIR_ERR_BUILD_FIREWALL: (
        'Error while building firewall', 'Error while building firewall: %s'),
    libvirt.VIR_WAR_NO_SECRET: (
        'Failed to find a secret storage driver', 'Failed to find a secret storage driver: %s'),
    libvirt.VIR_ERR_INVALID_SECRET: ('Invalid secret', 'Invalid secret: %s'),
    libvirt.VIR_ERR_NO_SECRET: ('Secret not found', 'Secret not found: %s'),
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: (
        'unsupported configuration', 'unsupported configuration: %s'),
    libvirt.VIR_ERR_OPERATION_TIMEOUT: (
        'Timed out during operation', 'Timed out during operation: %s'),
    libvirt.VIR_ERR_MIGRATE_PERSIST_FAILED: (
        'Failed to make domain persistent after migration',
        'Failed to make domain persistent after migration: %s'),
    libvirt.VIR_ERR_HOOK_SCRIPT_FAILED: (
        'Hook script execution failed', 'Hook script execution failed: %s'),
    libvirt.VIR_ERR_INVALID_DOMAIN_SNAPSHOT: (
        'Invalid domain snapshot', 'Invalid domain snapshot: %s'),
    libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: (
        'Domain snapshot not found', 'Domain snapshot not found: %s'),
    libvirt.VIR_ERR_INVALID_STREAM: ('invalid stream pointer', 'invalid stream pointer in %s'),
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED: ('argument unsupported', 'argument unsupported: %s'),
    libvirt.VIR_ERR_STORAGE_PROBE_FAILED: (
        'Storage pool probe failed', 'Storage pool probe failed: %s'),
    libvirt.VIR_ERR_STORAGE_POOL_BUILT: (
        'Storage pool already built', 'Storage pool already built: %s'),
    libvirt.VIR_ERR_SNAPSHOT_REVERT_RISKY: ('revert requires force', 'revert requires force: %s'),
    libvirt.VIR_ERR_OPERATION_ABORTED: ('operation aborted', 'operation aborted: %s'),
    libvirt.VIR_ERR_AUTH_CANCELLED: ('authentication cancelled', 'authentication cancelled: %s'),
    libvirt.VIR_ERR_NO_DOMAIN_METADATA: ('metadata not found', 'metadata not found: %s'),
    libvirt.VIR_ERR_MIGRATE_UNSAFE: ('Unsafe migration', 'Unsafe migration: %s'),
    libvirt.VIR_ERR_OVERFLOW: ('numerical overflow', 'numerical overflow: %s'),
    libvirt.VIR_ERR_BLOCK_COPY_ACTIVE: ('block copy still active', 'block copy still active: %s'),
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: (
        'Operation not supported', 'Operation not supported: %s'),
    libvirt.VIR_ERR_SSH: ('SSH transport error', 'SSH transport error: %s'),
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE: (
        'Guest agent is not responding', 'Guest agent is not responding: %s'),
    libvirt.VIR_ERR_RESOURCE_BUSY: ('resource busy', 'resource busy: %s'),
    libvirt.VIR_ERR_ACCESS_DENIED: ('access denied', 'access denied: %s'),
    libvirt.VIR_ERR_DBUS_SERVICE: ('error from service', 'error from service: %s'),
    libvirt.VIR_ERR_STORAGE_VOL_EXIST: (
        'this storage volume exists already', 'storage volume %s exists already'),
    libvirt.VIR_ERR_CPU_INCOMPATIBLE: (
        'the CPU is incompatible with host CPU', 'the CPU is incompatible with host CPU: %s'),
    libvirt.VIR_ERR_XML_INVALID_SCHEMA: (
        'XML document failed to validate against schema',
        'XML document failed to validate against schema: %s'),
    libvirt.VIR_ERR_MIGRATE_FINISH_OK: (
        'migration successfully aborted', 'migration successfully aborted: %s'),
    libvirt.VIR_ERR_AUTH_UNAVAILABLE: (
        'authentication unavailable', 'authentication unavailable: %s'),
    libvirt.VIR_ERR_NO_SERVER: ('Server not found', 'Server not found: %s'),
    libvirt.VIR_ERR_NO_CLIENT: ('Client not found', 'Client not found: %s'),
    libvirt.VIR_ERR_AGENT_UNSYNCED: (
        'guest agent replied with wrong id to guest-sync command',
        'guest agent replied with wrong id to guest-sync command: %s'),
    libvirt.VIR_ERR_LIBSSH: ('libssh transport error', 'libssh transport error: %s'),
    libvirt.VIR_ERR_DEVICE_MISSING: ('device not found', 'device not found: %s'),
    libvirt.VIR_ERR_INVALID_NWFILTER_BINDING: (
        'Invalid network filter binding', 'Invalid network filter binding: %s'),
    libvirt.VIR_ERR_NO_NWFILTER_BINDING: (
        'Network filter binding not found', 'Network filter binding not found: %s'),
    libvirt.VIR_ERR_INVALID_DOMAIN_CHECKPOINT: (
        'Invalid domain checkpoint', 'Invalid domain checkpoint: %s'),
    libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT: (
        'Domain checkpoint not found', 'Domain checkpoint not found: %s'),
    libvirt.VIR_ERR_NO_DOMAIN_BACKUP: (
        'Domain backup job id not found', 'Domain backup job id not found: %s'),
    libvirt.VIR_ERR_INVALID_NETWORK_PORT: (
        'Invalid network port pointer', 'Invalid network port pointer: %s'),
    libvirt.VIR_ERR_NETWORK_PORT_EXIST: (
        'this network port exists already', 'network port %s exists already'),
    libvirt.VIR_ERR_NO_NETWORK_PORT: ('network port not found', 'network port not found: %s'),
    libvirt.VIR_ERR_NO_HOSTNAME: ('no hostname found', 'no hostname found: %s'),
    libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT: (
        'checkpoint inconsistent', 'checkpoint inconsistent: %s'),
    libvirt.VIR_ERR_MULTIPLE_DOMAINS: (
        'multiple matching domains found', 'multiple matching domains found: %s'),
}


class LibvirtError(Exception):
    """An error as a client of libvirt sees it.

    :param code: one of ``libvirt.VIR_ERR_*``.
    :param detail: the text after the code's own message, or None for that message alone.
    :param domain: the part of libvirt that reports it, one of ``libvirt.VIR_FROM_*``.

    ``str1`` is the format, ``str2`` the detail, ``int1`` and ``int2`` are -1, as in every error
    that libvirt reports about a hypervisor (``golden/libvirt/nvdimm-definitions.json``).
    """

    def __init__(self, code: int, detail: str | None = None, *,
                 domain: int = libvirt.VIR_FROM_QEMU, int1: int = -1, int2: int = -1) -> None:
        self._renewed: tuple[str, LibvirtError] | None = None
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

    def renewed(self, rule: str, error: LibvirtError) -> LibvirtError:
        """Replace this error by ``error`` on releases that have ``rule``; return this error."""
        self._renewed = (rule, error)
        return self

    def of(self, release: Release) -> LibvirtError:
        """Return the error as a release of libvirt words it.

        Later releases number the arguments of their formats, so that translations can reorder
        them. Recordings: golden/libvirt/calls-qemu.json, debian13/libvirt-11.3-calls-qemu.json.
        """
        error = self
        if self._renewed is not None and getattr(release, self._renewed[0]):
            error = self._renewed[1]
        if release.numbers_arguments and error.str1 is not None and error.str1 != '%s':
            error.str1 = error.str1.replace('%s', '%1$s')
        return error


def unexplained() -> LibvirtError:
    """Return the error of a function of libvirt that fails without a report.

    Source: libvirt 9.0.0, src/rpc/virnetmessage.c (virNetMessageSaveError).
    """
    error = LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, domain=libvirt.VIR_FROM_NONE, int1=0,
                         int2=0)
    error.message, error.str1 = 'An error occurred, but the cause is unknown', None
    error.args = (error.message,)
    return error


def system_error(errno: int, detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """Return the error of a failed system call: detail, cause, and errno in ``int1``."""
    return LibvirtError(libvirt.VIR_ERR_SYSTEM_ERROR, f'{detail}: {os.strerror(errno)}',
                        domain=domain, int1=errno)


def denied(api: str, domain: int = libvirt.VIR_FROM_DOMAIN) -> LibvirtError:
    """Return the refusal of a change over a read-only connection; ``api`` is the function."""
    return LibvirtError(libvirt.VIR_ERR_OPERATION_DENIED, f'read only access prevents {api}',
                        domain=domain)


def internal(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """Return an ``internal error: ...``."""
    return LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, detail, domain=domain)


def invalid(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """Return the refusal of an operation that the current state does not allow."""
    return LibvirtError(libvirt.VIR_ERR_OPERATION_INVALID, detail, domain=domain)


def unsupported(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """Return the refusal of a configuration that libvirt or QEMU does not support."""
    return LibvirtError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, detail, domain=domain)


def bad_argument(detail: str, *, domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """Return an ``invalid argument: ...``."""
    return LibvirtError(libvirt.VIR_ERR_INVALID_ARG, detail, domain=domain)


def misused(function: str, argument: str, message: str, *,
            domain: int = libvirt.VIR_FROM_QEMU) -> LibvirtError:
    """Return the refusal of a named argument, with the message alone and the function in ``str1``.

    Source: libvirt 9.0.0, src/util/virerror.h (virReportInvalidArg).
    """
    error = LibvirtError(libvirt.VIR_ERR_INVALID_ARG, domain=domain, int1=0, int2=0)
    error.message, error.str1, error.str2 = message, function, argument
    error.args = (message,)
    return error


def bad_xml(detail: str, *, domain: int = libvirt.VIR_FROM_DOMAIN) -> LibvirtError:
    """Return an ``XML error: ...``."""
    return LibvirtError(libvirt.VIR_ERR_XML_ERROR, detail, domain=domain)


def bad_attribute(element: str, attribute: str, value: str, *,
                  expected: str = '') -> LibvirtError:
    """Return the error of an attribute's unknown value.

    :param expected: the values that libvirt suggests, if any.

    Source: libvirt 9.0.0, src/util/virxml.c (virXMLPropEnumInternal, virXMLPropUInt).
    """
    hint = f' Expected {expected}' if expected else ''
    return bad_xml(
        f"Invalid value for attribute '{attribute}' in element '{element}': '{value}'.{hint}",
        domain=libvirt.VIR_FROM_XML)


def missing_attribute(element: str, attribute: str) -> LibvirtError:
    """Return the error of an attribute that is missing."""
    return bad_xml(f"Missing required attribute '{attribute}' in element '{element}'",
                   domain=libvirt.VIR_FROM_XML)


def unknown_value(error: LibvirtError, element: str, attribute: str, value: str) -> LibvirtError:
    """Return ``error``, or on later releases the error of an attribute's unknown value.

    libvirt 11.3 parses more attributes with virXMLPropEnum. Recordings of a device's address, the
    backend of an RNG and the usage of a secret: golden/libvirt/calls-qemu.json,
    debian13/libvirt-11.3-calls-qemu.json.
    """
    return error.renewed('names_attributes', bad_attribute(element, attribute, value))


def xml_detail(detail: str, *, domain: int = libvirt.VIR_FROM_DOMAIN) -> LibvirtError:
    """Return an XML error whose detail is the whole message."""
    return LibvirtError(libvirt.VIR_ERR_XML_DETAIL, detail, domain=domain)
