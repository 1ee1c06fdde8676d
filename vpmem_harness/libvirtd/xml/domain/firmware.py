"""Firmware of guests: its completion, its validation, and its selection at the start.

Source: libvirt 9.0.0, src/conf/domain_postparse.c (virDomainDefPostParseOs),
src/conf/domain_validate.c (virDomainDefOSValidate), src/qemu/qemu_validate.c
(qemuValidateDomainDefBoot), src/qemu/qemu_firmware.c (qemuFirmwareFillDomain);
golden/libvirt/firmware.json.
"""

from __future__ import annotations

import errno
import fnmatch
import json
from collections.abc import Callable, Iterable

import libvirt

from vpmem_harness.hardware import Firmware
from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_xml,
    internal,
    invalid,
    system_error,
    unsupported,
)
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain.layout import DOMAIN
from vpmem_harness.libvirtd.xml.etree import Element, add, every, first, unset

_DOMAIN = libvirt.VIR_FROM_DOMAIN

#: The directory of the guests' variables.
NVRAM = '/var/lib/libvirt/qemu/nvram'

#: libvirt's words for the interface types of descriptors.
_INTERFACES = {'efi': 'uefi', 'bios': 'bios'}

#: The templates that libvirt knows without descriptors. Source: libvirt 9.0.0, meson.build.
_TEMPLATES = {'/usr/share/OVMF/OVMF_CODE.fd': '/usr/share/OVMF/OVMF_VARS.fd',
              '/usr/share/OVMF/OVMF_CODE.secboot.fd': '/usr/share/OVMF/OVMF_VARS.fd'}

#: The bit of SEV's policy for encrypted registers.
_SEV_ES = 0x4


def nvram_path(definition: Definition) -> str:
    """Return the default path of a guest's variables."""
    return f'{NVRAM}/{definition.name}_VARS.fd'


def wanted(definition: Definition) -> str | None:
    """Return the kind of firmware that libvirt selects for the guest: ``efi`` or ``bios``."""
    os = definition.root.find('os')
    return None if os is None else os.get('firmware')


def complete(definition: Definition) -> None:
    """Complete the loader, the variables and the features of the firmware."""
    root = definition.root
    os, loader, nvram = root.find('os'), first(root, 'os/loader'), first(root, 'os/nvram')
    if os is None:
        return
    kind = os.get('firmware')
    if kind is not None and kind not in _INTERFACES:
        raise bad_xml(f'unknown firmware value {kind}', domain=_DOMAIN)
    _complete_features(os)
    if loader is None or not loader.text:
        if loader is not None and kind is not None and not loader.attrib:
            os.remove(loader)
        return
    if loader.get('type') is None:
        loader.set('type', 'rom')
    if not _is_flash(loader) or loader.get('stateless') == 'yes' or kind is not None:
        return
    if nvram is None:
        add(os, 'nvram', nvram_path(definition))
    elif not nvram.text and not len(nvram):
        nvram.text = nvram_path(definition)


def _complete_features(os: Element) -> None:
    features = {feature.get('name'): feature.get('enabled')
                for feature in every(os, 'firmware/feature')}
    if features.get('enrolled-keys') == 'yes':
        if features.get('secure-boot') == 'no':
            raise LibvirtError(
                libvirt.VIR_ERR_XML_DETAIL, "firmware feature 'enrolled-keys' cannot be enabled "
                "when firmware feature 'secure-boot' is disabled", domain=_DOMAIN)
        features['secure-boot'] = 'yes'
    parent = os.find('firmware')
    if parent is not None:
        parent[:] = []
        for name in ('enrolled-keys', 'secure-boot'):
            if name in features:
                add(parent, 'feature', enabled=features[name], name=name)
        if not len(parent):
            os.remove(parent)


def has_flash(definition: Definition) -> bool:
    """Whether the guest's firmware is read-only flash, which libvirt cannot take snapshots of."""
    return _is_flash(first(definition.root, 'os/loader'))


def _is_flash(loader: Element | None) -> bool:
    """Whether the firmware is read-only flash that the definition names."""
    return loader is not None and loader.get('type') == 'pflash' and loader.get(
        'readonly') == 'yes'


def check(definition: Definition) -> None:
    """Refuse contradictions, as libvirt does for each driver.

    :raises LibvirtError: VIR_ERR_XML_DETAIL.
    """
    root = definition.root
    loader, nvram = first(root, 'os/loader'), first(root, 'os/nvram')
    kind = wanted(definition)
    if kind is not None:
        if definition.release.refuses_loader_attributes:
            _check_selected(loader, nvram)
        if nvram is not None and kind != 'efi':
            raise _detail(f"firmware type '{kind}' does not support nvram")
    elif every(root, 'os/firmware/feature'):
        raise _detail('cannot use feature-based firmware autoselection when firmware '
                      'autoselection is disabled')
    elif (loader is not None or nvram is not None) and (loader is None or not loader.text):
        raise _detail('no loader path specified and firmware auto selection disabled')
    _check_stateless(kind, loader, nvram)


def _check_selected(loader: Element | None, nvram: Element | None) -> None:
    if loader is not None:
        for name in ('readonly', 'type'):
            if loader.get(name) is not None:
                raise _detail(f"loader attribute '{name}' cannot be specified when firmware "
                              'autoselection is enabled')
        if loader.text:
            raise _detail('loader path cannot be specified when firmware autoselection is enabled')
    if nvram is not None and nvram.get('template') is not None:
        raise _detail("nvram attribute 'template' cannot be specified when firmware "
                      'autoselection is enabled')
    if loader is not None and loader.get('secure') == 'no':
        raise _detail("loader attribute 'secure' cannot be specified when firmware "
                      'autoselection is enabled')


def _check_stateless(kind: str | None, loader: Element | None, nvram: Element | None) -> None:
    stateless = None if loader is None else loader.get('stateless')
    if stateless == 'yes' and nvram is not None:
        raise _detail('NVRAM template is not permitted when loader is stateless'
                      if nvram.get('template') is not None
                      else 'NVRAM is not permitted when loader is stateless')
    if stateless == 'no' and loader is not None:
        if kind is None and loader.get('type') != 'pflash':
            raise _detail('Only pflash loader type permits NVRAM')
        if kind == 'bios':
            raise _detail('Only EFI firmware permits NVRAM')


def _detail(text: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_XML_DETAIL, text, domain=_DOMAIN)


def check_driver(definition: Definition) -> None:
    """Refuse firmware that QEMU cannot provide."""
    loader = first(definition.root, 'os/loader')
    flash = loader is not None and loader.get('type') == 'pflash'
    if (wanted(definition) == 'efi' or flash) and not definition.has_acpi:
        raise unsupported('UEFI requires ACPI on this architecture')
    if loader is None or loader.get('secure') != 'yes':
        return
    if not definition.is_q35:
        raise unsupported('Secure boot is supported with q35 machine types only')
    if definition.arch != 'x86_64':
        raise unsupported('Secure boot is supported for x86_64 architecture only')
    if wanted(definition) is None and _smm(definition) != 'on':
        raise unsupported('Secure boot requires SMM feature enabled')


def _smm(definition: Definition) -> str | None:
    smm = first(definition.root, 'features/smm')
    return None if smm is None else smm.get('state', 'on')


def select(definition: Definition, firmware: Iterable[Firmware], *, has_nvram: bool) -> None:
    """Put the firmware of the host that a guest can use into its live definition.

    :param firmware: that of the host, the preferred one first.
    :param has_nvram: whether the guest's variables exist.
    :raises LibvirtError: VIR_ERR_OPERATION_FAILED if the host has none that fits.
    """
    loader, nvram = first(definition.root, 'os/loader'), first(definition.root, 'os/nvram')
    kind = wanted(definition)
    if kind is None and (not _is_flash(loader) or (
            nvram is not None and (nvram.get('template') or len(nvram) or has_nvram))):
        return
    found = next((each for each in firmware if _fits(each, definition, kind)), None)
    if found is None:
        if kind is not None:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                               f"Unable to find any firmware to satisfy '{kind}'")
        return
    _enable(found, definition)


def _fits(firmware: Firmware, definition: Definition, kind: str | None) -> bool:
    root, features = definition.root, firmware.features
    loader = first(root, 'os/loader')
    secure = loader is not None and loader.get('secure') == 'yes'
    if kind is None and loader is not None and loader.text != firmware.executable:
        return False
    if firmware.interface != _INTERFACES[kind or 'efi'] or definition.arch != 'x86_64':
        return False
    if not any(fnmatch.fnmatchcase(definition.machine, pattern)
               for pattern in firmware.machines):
        return False
    for state, suspend in (('suspend-to-mem', 'acpi-s3'), ('suspend-to-disk', 'acpi-s4')):
        asked = first(root, f'pm/{state}')
        if asked is not None and asked.get('enabled') == 'yes' and suspend not in features:
            return False
    for feature in every(root, 'os/firmware/feature'):
        if (feature.get('enabled') == 'yes') != (feature.get('name') in features):
            return False
    if (secure and 'requires-smm' not in features) or (
            loader is not None and loader.get('stateless') == 'yes'):
        return False
    security = root.find('launchSecurity')
    if security is not None and security.get('type') == 'sev':
        policy = int(security.findtext('policy') or '0', 0)
        return 'amd-sev' in features and (not policy & _SEV_ES or 'amd-sev-es' in features)
    return True


def _enable(firmware: Firmware, definition: Definition) -> None:
    os = definition.root.find('os')
    if os is None:
        return
    loader, nvram = os.find('loader'), os.find('nvram')
    if loader is None:
        loader = add(os, 'loader')
    loader.set('readonly', 'yes')
    loader.set('type', 'pflash')
    loader.text = firmware.executable
    if nvram is None:
        nvram = add(os, 'nvram', nvram_path(definition))
    nvram.set('template', firmware.nvram_template)
    unset(os, 'firmware')
    if 'requires-smm' in firmware.features:
        if _smm(definition) == 'off':
            raise invalid('domain has SMM turned off but chosen firmware requires it')
        features = definition.root.find('features')
        if features is None:
            features = add(definition.root, 'features')
        if features.find('smm') is None:
            add(features, 'smm', state='on')
        loader.set('secure', 'yes')
    DOMAIN.children['os'].sort(os)
    DOMAIN.sort(definition.root)


def variables(definition: Definition) -> str | None:
    """Return the path of the file with a guest's variables, or None without such a file."""
    nvram = first(definition.root, 'os/nvram')
    if nvram is not None:
        source = nvram.find('source')
        if source is not None:
            return source.get('file')
        if nvram.text:
            return nvram.text
    return nvram_path(definition) if wanted(definition) == 'efi' else None


def template(definition: Definition) -> str | None:
    """Return the path of the file that a guest's variables are copied from; None without flash.

    :raises LibvirtError: VIR_ERR_OPERATION_FAILED if neither the definition nor libvirt knows one.
    """
    loader, nvram = first(definition.root, 'os/loader'), first(definition.root, 'os/nvram')
    if loader is None or nvram is None or len(nvram):
        return None
    path = loader.text or ''
    found = nvram.get('template') or _TEMPLATES.get(path)
    if found is None:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                           f'unable to find any master var store for loader: {path}')
    return found


def check_loader(definition: Definition, exists: Callable[[str], bool]) -> None:
    """Refuse to start a guest whose loader is missing, with the texts of libvirt and QEMU."""
    loader = first(definition.root, 'os/loader')
    path = None if loader is None else loader.text
    if loader is None or not path or exists(path):
        return
    if loader.get('type') == 'rom':
        raise system_error(errno.ENOENT, f"Path '{path}' is not accessible",
                           domain=libvirt.VIR_FROM_CGROUP)
    node = json.dumps({'driver': 'file', 'filename': path,
                       'node-name': 'libvirt-pflash0-storage', 'auto-read-only': True,
                       'discard': 'unmap'}, separators=(',', ':'))
    raise internal('qemu unexpectedly closed the monitor: qemu-system-x86_64: -blockdev '
                   f"{node}: Could not open '{path}': No such file or directory")
