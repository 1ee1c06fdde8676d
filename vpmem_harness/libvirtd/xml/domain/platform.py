"""TPM and memory encryption of guests: what the host must have for them.

Source: libvirt 9.0.0, src/qemu/qemu_validate.c (qemuValidateDomainDeviceDefTPM,
qemuValidateDomainDef), src/conf/domain_conf.c (virDomainSecDefParseXML);
golden/libvirt/firmware.json.
"""

from __future__ import annotations

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import bad_attribute, bad_xml, unsupported
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add

#: The types of encryption that libvirt knows.
_ENCRYPTION = ('sev', 's390-pv')
_TPM_VERSIONS = ('default', '1.2', '2.0')


def check(source: Element) -> None:
    """Refuse invalid values in a document."""
    security = source.find('launchSecurity')
    if security is not None:
        kind = security.get('type') or ''
        if kind not in _ENCRYPTION:
            raise bad_attribute('launchSecurity', 'type', kind)
        if kind == 'sev' and numbers.whole(_decimal(security.findtext('policy'))) is None:
            raise bad_xml('failed to get launch security policy')
    for backend in source.findall('devices/tpm/backend'):
        version = backend.get('version')
        if version is not None and version not in _TPM_VERSIONS:
            raise bad_attribute('backend', 'version', version)


def _decimal(text: str | None) -> str | None:
    try:
        return str(int(text or '', 0))
    except ValueError:
        return None


def encryption(definition: Definition, hardware: Hardware) -> None:
    """Refuse memory encryption that the host does not have."""
    security = definition.root.find('launchSecurity')
    if security is None:
        return
    if security.get('type') == 's390-pv':
        raise unsupported('S390 PV launch security is not supported with this QEMU binary')
    if hardware.sev is None:
        raise unsupported('SEV launch security is not supported with this QEMU binary')


def tpm(device: Element, definition: Definition, hardware: Hardware) -> None:
    """Refuse a TPM that the host cannot emulate."""
    backend = device.find('backend')
    if backend is None or backend.get('type') != 'emulator':
        return
    version = backend.get('version')
    if hardware.tpm is None or version not in hardware.tpm.versions:
        raise unsupported(f"TPM version '{version}' is not supported")
    if version == '1.2' and device.get('model') == 'tpm-crb':
        raise unsupported("Unsupported interface 'tpm-crb' for TPM 1.2")


def start_encryption(definition: Definition, hardware: Hardware) -> None:
    """Complete the parameters of SEV from the host's, as at the start of a guest."""
    security = definition.root.find('launchSecurity')
    if security is None or hardware.sev is None:
        return
    for name, value in (('cbitpos', hardware.sev.cbit_position),
                        ('reducedPhysBits', hardware.sev.reduced_bits)):
        if security.find(name) is None:
            add(security, name, value)
