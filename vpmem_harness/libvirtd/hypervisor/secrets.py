"""Secrets; their values appear only in the results of their own procedures.

Source: libvirt 9.0.0, src/secret/secret_driver.c, src/conf/virsecretobj.c.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, unknown_value, unsupported
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import SecretHandle
from vpmem_harness.libvirtd.xml import etree, reading
from vpmem_harness.libvirtd.xml.etree import Element, add, element, text_of

_FROM = libvirt.VIR_FROM_SECRET
#: The usage types, each with the element that identifies the usage.
USAGES = {'none': '', 'volume': 'volume', 'ceph': 'name', 'iscsi': 'target', 'tls': 'name',
          'vtpm': 'name'}
_KINDS = tuple(USAGES)
#: The usage types' names in errors, where they differ.
_NAMES = {'ceph': 'Ceph', 'iscsi': 'iSCSI', 'tls': 'TLS', 'vtpm': 'vTPM'}


@dataclass(eq=False)
class Secret:
    """A secret: ``uuid`` is 16 bytes, ``value`` is None until it is set."""

    uuid: bytes
    usage_type: int
    usage_id: str
    ephemeral: bool
    private: bool
    description: str | None
    value: bytes | None = None

    def __repr__(self) -> str:
        return f'<Secret {self.uuid_text}>'

    @property
    def uuid_text(self) -> str:
        """The UUID in its canonical form."""
        return str(uuids.UUID(bytes=self.uuid))

    def xml(self) -> str:
        """Return the definition, without the value."""
        root = element('secret', ephemeral='yes' if self.ephemeral else 'no',
                       private='yes' if self.private else 'no')
        add(root, 'uuid', self.uuid_text)
        if self.description is not None:
            add(root, 'description', self.description)
        kind = _KINDS[self.usage_type]
        if USAGES[kind]:
            add(add(root, 'usage', type=kind), USAGES[kind], self.usage_id)
        return etree.serialize(root)


def _read(root: Element, new_uuid: str) -> Secret:
    try:
        uuid = uuids.UUID((text_of(root, 'uuid') or new_uuid).strip())
    except ValueError:
        raise internal('malformed uuid element', domain=_FROM) from None
    for name in ('ephemeral', 'private'):
        if root.get(name) not in (None, 'yes', 'no'):
            raise LibvirtError(libvirt.VIR_ERR_XML_ERROR, f"invalid value of '{name}'",
                               domain=_FROM)
    usage = root.find('usage')
    given = 'none' if usage is None else usage.get('type')
    if given is None:
        raise LibvirtError(libvirt.VIR_ERR_XML_ERROR, 'unknown secret usage type', domain=_FROM)
    if given not in USAGES:
        raise unknown_value(unsupported(
            f'unknown secret usage type {given}', domain=_FROM), 'usage', 'type', given)
    kind = str(given)
    which = text_of(usage, USAGES[kind]) if usage is not None and USAGES[kind] else ''
    if USAGES[kind] and not which:
        raise internal(f'{_NAMES.get(kind, kind)} usage specified, but '
                       f"{'volume path' if kind == 'volume' else USAGES[kind]} is missing",
                       domain=_FROM)
    return Secret(uuid.bytes, _KINDS.index(kind), which or '', root.get('ephemeral') == 'yes',
                  root.get('private') == 'yes', text_of(root, 'description'))


_FILTERS: tuple[tuple[int, int, Callable[[Secret], bool]], ...] = (
           (libvirt.VIR_CONNECT_LIST_SECRETS_EPHEMERAL,
             libvirt.VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL, lambda secret: secret.ephemeral),
            (libvirt.VIR_CONNECT_LIST_SECRETS_PRIVATE,
             libvirt.VIR_CONNECT_LIST_SECRETS_NO_PRIVATE, lambda secret: secret.private))


class SecretProcedures(ProcedureGroup):
    """Procedures for secrets."""

    def _secret(self, handle: SecretHandle) -> Secret:
        return self._by_uuid(handle.uuid)

    def _by_uuid(self, uuid: bytes) -> Secret:
        secret = self.hypervisor.secrets.get(uuid)
        if secret is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_SECRET,
                               f"no secret with matching uuid '{uuids.UUID(bytes=uuid)}'",
                               domain=_FROM)
        return secret

    def _publish(self, secret: Secret, event: int) -> None:
        self.hypervisor.object_events.publish(
            'secret', libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE, secret.uuid, secret, event, 0)

    @procedure
    def connect_num_of_secrets(self) -> int:
        """Return the number of secrets."""
        return len(self.hypervisor.secrets)

    @procedure
    def connect_list_secrets(self, maximum: int) -> list[str]:
        """Return the UUIDs of the secrets."""
        return [secret.uuid_text for secret in self.hypervisor.secrets.values()]

    @procedure
    def connect_list_all_secrets(self, need_results: int, flags: int) -> list[Secret]:
        """Return the secrets that match the filters."""
        allowed = 0
        for yes, no, _ in _FILTERS:
            allowed |= yes | no
        check_flags('secretConnectListAllSecrets', flags, allowed, domain=_FROM)
        return [secret for secret in self.hypervisor.secrets.values()
                if all(not flags & (yes | no) or flags & (yes if test(secret) else no)
                       for yes, no, test in _FILTERS)]

    @procedure
    def secret_lookup_by_uuid(self, uuid: bytes) -> Secret:
        """Return the secret with that UUID."""
        return self._by_uuid(uuid)

    @procedure
    def secret_lookup_by_usage(self, kind: int, name: str) -> Secret:
        """Return the secret with that usage."""
        for secret in self.hypervisor.secrets.values():
            if (secret.usage_type, secret.usage_id) == (kind, name):
                return secret
        raise LibvirtError(libvirt.VIR_ERR_NO_SECRET,
                           f"no secret with matching usage '{name}'", domain=_FROM)

    @procedure
    def secret_define_xml(self, xml: str, flags: int) -> Secret:
        """Define a secret, or redefine one."""
        check_flags('secretDefineXML', flags, libvirt.VIR_SECRET_DEFINE_VALIDATE, domain=_FROM)
        root = reading.parse(xml, root='secret', document='definition_of_secret', domain=_FROM)
        secrets = self.hypervisor.secrets
        secret = _read(root, self.hypervisor.randomness.uuid())
        old = secrets.get(secret.uuid)
        if old is not None:
            if old.usage_id != secret.usage_id:
                raise internal(f'a secret with UUID {old.uuid_text} is already defined for use '
                               f'with {old.usage_id}', domain=_FROM)
            if old.private and not secret.private:
                raise internal('cannot change private flag on existing secret', domain=_FROM)
            secret.value = old.value
        for other in secrets.values():
            if secret.usage_type and other.uuid != secret.uuid and \
                    (other.usage_type, other.usage_id) == (secret.usage_type, secret.usage_id):
                raise internal(f'a secret with UUID {other.uuid_text} already defined for use '
                               f'with {secret.usage_id}', domain=_FROM)
        secrets[secret.uuid] = secret
        self._publish(secret, libvirt.VIR_SECRET_EVENT_DEFINED)
        return secret

    @procedure
    def secret_get_xml_desc(self, handle: SecretHandle, flags: int) -> str:
        """Return a secret's definition, without its value."""
        check_flags('secretGetXMLDesc', flags, 0, domain=_FROM)
        return self._secret(handle).xml()

    @procedure
    def secret_set_value(self, handle: SecretHandle, value: bytes, flags: int) -> None:
        """Set a secret's value."""
        check_flags('secretSetValue', flags, 0, domain=_FROM)
        secret = self._secret(handle)
        secret.value = value
        self.hypervisor.object_events.publish(
            'secret', libvirt.VIR_SECRET_EVENT_ID_VALUE_CHANGED, secret.uuid, secret)

    @procedure
    def secret_get_value(self, handle: SecretHandle, flags: int) -> bytes:
        """Return a secret's value, unless it is private."""
        check_flags('secretGetValue', flags, 0, domain=_FROM)
        secret = self._secret(handle)
        if secret.private:
            raise LibvirtError(libvirt.VIR_ERR_INVALID_SECRET, 'secret is private', domain=_FROM)
        if secret.value is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_SECRET,
                               f"secret '{secret.uuid_text}' does not have a value",
                               domain=_FROM)
        return secret.value

    @procedure
    def secret_undefine(self, handle: SecretHandle) -> None:
        """Remove a secret and its value."""
        secret = self._secret(handle)
        del self.hypervisor.secrets[secret.uuid]
        self._publish(secret, libvirt.VIR_SECRET_EVENT_UNDEFINED)


