"""Definitions with firmware, TPM and memory encryption, and what a daemon does with each.

    python -m tests.conformance.firmware_cases OVMF SWTPM

records a real libvirtd with QEMU. The arguments are directories with the contents of Debian's
packages ovmf and swtpm, and what swtpm needs: their /usr and /etc are laid over this machine's.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
from lxml import etree

RECORDING = Path(__file__).parents[1] / 'golden' / 'libvirt' / 'firmware.json'

_CODE, _VARS = '/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'
_SECURE = '/usr/share/OVMF/OVMF_CODE_4M.ms.fd'
_FILE = '/var/lib/libvirt/qemu/nvram/mine.fd'
_FLASH = "<loader readonly='yes' type='pflash'{}>{}</loader>"
#: The time that QEMU puts before its messages.
_TIME = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z ')

_NVRAM, _KEEP_NVRAM = libvirt.VIR_DOMAIN_UNDEFINE_NVRAM, libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
_TPM, _KEEP_TPM = libvirt.VIR_DOMAIN_UNDEFINE_TPM, libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM

_XML = """<domain type='qemu'><name>a</name><memory unit='MiB'>64</memory>
<os{kind}><type arch='x86_64' machine='{machine}'>hvm</type>{os}</os>
<features>{features}</features>{extra}
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}</devices></domain>"""


def _case(label: str, os: str = '', *, kind: str = '', machine: str = 'q35',
          features: str = '<acpi/>', extra: str = '', devices: str = '',
          flags: tuple[int, ...] = (0, _NVRAM)) -> tuple[str, str, tuple[int, ...]]:
    kind = f" firmware='{kind}'" if kind else ''
    return label, _XML.format(kind=kind, machine=machine, os=os, features=features, extra=extra,
                              devices=devices), flags


def cases() -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield a label, a definition, and the flags with which it is undefined in turn."""
    smm = '<acpi/><smm/>'
    yield _case('efi', kind='efi', flags=(0, _NVRAM | _KEEP_NVRAM, _NVRAM))
    yield _case('efi on a pc', kind='efi', machine='pc', flags=(0, _KEEP_NVRAM))
    yield _case('variables that were kept', kind='efi', machine='pc')
    yield _case('no acpi', kind='efi', features='')
    for name, more in (('smm', smm), ('no smm', '<acpi/>'), ('off', "<acpi/><smm state='off'/>")):
        yield _case(f'secure, {name}', "<loader secure='yes'/>", kind='efi', features=more)
    yield _case('secure no', "<loader secure='no'/>", kind='efi')
    yield _case('secure on a pc', "<loader secure='yes'/>", kind='efi', machine='pc')
    for keys in ('yes', 'no', None):
        for secure in ('yes', 'no', None):
            found = ''.join(f"<feature enabled='{value}' name='{name}'/>" for name, value in (
                ('secure-boot', secure), ('enrolled-keys', keys)) if value)
            yield _case(f'features {keys} {secure}', f'<firmware>{found}</firmware>', kind='efi')
    yield _case('features without kind',
                "<firmware><feature enabled='yes' name='secure-boot'/></firmware>")
    yield _case('bios', kind='bios')
    yield _case('unknown kind', kind='uefi')
    yield _case('path of variables', f'<nvram>{_FILE}</nvram>', kind='efi')
    yield _case('template', f"<nvram template='{_VARS}'/>", kind='efi')
    yield _case('variables of bios', f'<nvram>{_FILE}</nvram>', kind='bios')
    yield _case('path of a loader', f'<loader>{_CODE}</loader>', kind='efi')
    yield _case('type of a loader', "<loader readonly='yes' type='pflash'/>", kind='efi')
    yield _case('loader', _FLASH.format('', _CODE))
    yield _case('loader and template', _FLASH.format('', _CODE) + f"<nvram template='{_VARS}'/>")
    yield _case('loader, template and variables', _FLASH.format('', _CODE)
                + f"<nvram template='{_VARS}'>{_FILE}</nvram>", flags=(0, _KEEP_NVRAM))
    yield _case('loader on kept variables', _FLASH.format('', _CODE) + f'<nvram>{_FILE}</nvram>')
    yield _case('unknown loader', _FLASH.format('', '/usr/share/OVMF/none.fd'))
    yield _case('secure loader', _FLASH.format(" secure='yes'", _SECURE), features=smm)
    yield _case('loader of secure firmware', _FLASH.format('', _SECURE))
    yield _case('secure loader without smm', _FLASH.format(" secure='yes'", _SECURE))
    yield _case('secure loader on a pc', _FLASH.format(" secure='yes'", _SECURE), machine='pc',
                features=smm)
    yield _case('variables without loader', f'<nvram>{_FILE}</nvram>')
    yield _case('stateless', "<loader stateless='yes'/>", kind='efi')
    yield _case('stateless loader', _FLASH.format(" stateless='yes'", _CODE))
    yield _case('stateless with variables', _FLASH.format(" stateless='yes'", _CODE)
                + f'<nvram>{_FILE}</nvram>')
    for model in ('', " model='tpm-tis'", " model='tpm-crb'"):
        for version in ('', '1.2', '2.0', '3.0'):
            asked = f" version='{version}'" if version else ''
            yield _case(f'tpm{model} {version}', devices=f"<tpm{model}><backend type='emulator'"
                        f'{asked}/></tpm>', flags=(_TPM | _KEEP_TPM, _TPM))
    yield _case('tpm with a persistent state', devices="<tpm><backend type='emulator' "
                "version='2.0' persistent_state='yes'/></tpm>", flags=(0,))
    yield _case('tpm of the host', devices="<tpm><backend type='passthrough'><device "
                "path='/dev/tpm7'/></backend></tpm>")
    for text in ('<policy>0x0003</policy>', ''):
        yield _case(f'sev {text}', extra=f"<launchSecurity type='sev'>{text}</launchSecurity>")
    yield _case('tdx', extra="<launchSecurity type='tdx'/>")
    yield _case('s390', extra="<launchSecurity type='s390-pv'/>")


def _refusal(error: libvirt.libvirtError) -> dict[str, Any]:
    return {'code': error.get_error_code(), 'domain': error.get_error_domain(),
            'message': _TIME.sub('', error.get_error_message())}


def _parts(domain: libvirt.virDomain, flags: int) -> list[str]:
    """Return the parts of a domain's XML that are about firmware, TPM and encryption."""
    root = etree.fromstring(domain.XMLDesc(flags))
    return [' '.join(etree.tostring(found, with_tail=False).decode().split())
            for path in ('os', 'features', 'launchSecurity', 'devices/tpm')
            for found in root.findall(path)]


def observed(connection: libvirt.virConnect, xml: str, flags: tuple[int, ...]) -> dict[str, Any]:
    """Define, start, destroy and undefine a domain, and return what happened."""
    try:
        domain = connection.defineXML(xml)
    except libvirt.libvirtError as error:
        return {'define': _refusal(error)}
    inactive = libvirt.VIR_DOMAIN_XML_INACTIVE
    result: dict[str, Any] = {'define': _parts(domain, inactive), 'undefine': []}
    try:
        domain.create()
    except libvirt.libvirtError as error:
        result['start'] = _refusal(error)
    else:
        result['start'] = _parts(domain, 0)
        domain.destroy()
    result['after'] = _parts(domain, inactive)
    for flag in flags:
        try:
            domain.undefineFlags(flag)
        except libvirt.libvirtError as error:
            result['undefine'].append(_refusal(error))
        else:
            result['undefine'].append(None)
            break
    return result


def capabilities(connection: libvirt.virConnect) -> dict[str, list[str]]:
    """Return what domain capabilities say of firmware, TPM and encryption, by machine type."""
    found = {}
    for machine in ('pc', 'q35'):
        root = etree.fromstring(connection.getDomainCapabilities(
            None, 'x86_64', machine, 'qemu', 0))
        found[machine] = [' '.join(etree.tostring(root.find(path), with_tail=False).decode()
                                   .split()) for path in ('os', 'devices/tpm', 'features/sev')]
    return found


def record(connection: libvirt.virConnect) -> dict[str, Any]:
    """Return the results of all cases."""
    return {'capabilities': capabilities(connection),
            'cases': {label: observed(connection, xml, flags) for label, xml, flags in cases()}}


def main(ovmf: str, swtpm: str) -> None:
    """Record a real daemon with firmware and TPM emulator, and one without."""
    from tests.conformance.machine import RealMachine

    results = {}
    for name, overlay, configuration in (('ovmf and swtpm', f'{ovmf}/usr:{swtpm}/usr',
                                          f'{swtpm}/etc'), ('neither', '', '')):
        with RealMachine(overlay=overlay, configuration=configuration, qemu=True) as machine:
            connection = libvirt.open(machine.uri)
            results[name] = record(connection)
            connection.close()
    RECORDING.write_text(json.dumps(results, indent=1, sort_keys=True) + '\n')


if __name__ == '__main__':
    libvirt.registerErrorHandler(lambda *arguments: None, None)
    main(*sys.argv[1:])
