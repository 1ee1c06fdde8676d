"""Parse domain XML into a complete definition."""

from __future__ import annotations

import uuid as uuids

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_xml,
    internal,
    unsupported,
)
from vpmem_harness.libvirtd.xml import emulators, etree, numbers, reading, schema
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import (
    addresses,
    controllers,
    device_validate,
    devices,
    memory,
)
from vpmem_harness.libvirtd.xml.domain import (
    attribute_values,
    cpu,
    platform,
    postparse,
    section_checks,
    tuning_checks,
    validate,
    validate_features,
)
from vpmem_harness.libvirtd.xml.domain.layout import DEVICES, DOMAIN
from vpmem_harness.libvirtd.xml.etree import Element, first, text_of
from vpmem_harness.libvirtd.xml.host import XmlHost

#: Domain types that libvirt knows. Source: libvirt 9.0.0, src/conf/domain_conf.c.
VIRT_TYPES = ('none', 'qemu', 'kvm', 'xen', 'lxc', 'uml', 'openvz', 'test', 'vmware', 'hyperv',
              'vbox', 'phyp', 'parallels', 'bhyve', 'vz', 'hvf')
OS_TYPES = ('hvm', 'xen', 'linux', 'exe', 'uml', 'xenpvh')
ARCHITECTURES = ('alpha', 'armv6l', 'armv7l', 'armv7b', 'aarch64', 'cris', 'i686', 'ia64',
                 'lm32', 'm68k', 'microblaze', 'microblazeel', 'mips', 'mipsel', 'mips64',
                 'mips64el', 'openrisc', 'parisc', 'parisc64', 'ppc', 'ppcle', 'ppc64',
                 'ppc64le', 'riscv32', 'riscv64', 's390', 's390x', 'sh4', 'sh4eb', 'sparc',
                 'sparc64', 'unicore32', 'x86_64', 'xtensa', 'xtensaeb')


def parse(text: str, host: XmlHost, *, validate_schema: bool = False) -> Definition:
    """Parse a document into the complete definition of an inactive domain.

    :param validate_schema: validate the document against libvirt's schema first.
    :raises LibvirtError: for what libvirt refuses, in its order: the document, identity, sizes,
        devices, then the definition as a whole.
    """
    source = reading.parse(text, root='domain', document='domain_definition')
    if validate_schema:
        schema.check(text, 'domain.rng')
    _check_identity(source)
    _check_platform(source)
    _check_memory(source)
    validate_features.check(source)
    cpu.check(source)
    platform.check(source)
    attribute_values.check(source, host.release)
    tuning_checks.check(source)
    section_checks.check(source)
    etree.unset(source, 'id')
    devices.read(source)
    root = DOMAIN.apply(source)
    _gather_devices(root)
    definition = Definition(root, host.release)
    device_validate.check_numbers(definition.devices)
    _complete(definition, host)
    validate.definition(definition, host.hardware)
    DEVICES.sort(definition.devices)
    return definition


def _check_identity(source: Element) -> None:
    if not text_of(source, 'name'):
        raise LibvirtError(libvirt.VIR_ERR_NO_NAME, domain=libvirt.VIR_FROM_DOMAIN)
    for tag in ('uuid', 'genid'):
        text = text_of(source, tag)
        if text:
            try:
                uuids.UUID(text.strip())
            except ValueError:
                raise internal(f'malformed {tag} element',
                               domain=libvirt.VIR_FROM_DOMAIN) from None


def _check_platform(source: Element) -> None:
    virt_type = source.get('type')
    if not virt_type:
        raise internal('missing domain type attribute', domain=libvirt.VIR_FROM_DOMAIN)
    if virt_type not in VIRT_TYPES:
        raise unsupported(f'invalid domain type {virt_type}', domain=libvirt.VIR_FROM_DOMAIN)
    os_type = text_of(source, 'os/type')
    if not os_type:
        raise bad_xml('an os <type> must be specified')
    if os_type not in OS_TYPES:
        raise unsupported(f"unknown OS type '{os_type}'", domain=libvirt.VIR_FROM_DOMAIN)
    found = first(source, 'os/type')
    arch = None if found is None else found.get('arch')
    if arch and arch not in ARCHITECTURES:
        raise unsupported(f'Unknown architecture {arch}', domain=libvirt.VIR_FROM_DOMAIN)
    title = text_of(source, 'title')
    if title and '\n' in title:
        raise bad_xml("Domain title can't contain newlines")


def _check_memory(source: Element) -> None:
    for tag in ('memory', 'currentMemory', 'maxMemory'):
        numbers.kib(source, f'./{tag}[1]')
    maximum = source.find('maxMemory')
    slots = None if maximum is None else maximum.get('slots')
    if slots is not None and numbers.whole(slots) is None:
        raise bad_xml('Failed to parse memory slot count')
    for path, attribute, allowed in (
            ('source', 'type', ('file', 'anonymous', 'memfd')),
            ('access', 'mode', memory.ACCESS_MODES),
            ('allocation', 'mode', ('immediate', 'ondemand'))):
        found = first(source, f'memoryBacking/{path}')
        value = None if found is None else found.get(attribute)
        if value is not None and value not in allowed:
            raise unsupported(f"unknown memoryBacking/{path}/{attribute} '{value}'",
                              domain=libvirt.VIR_FROM_DOMAIN)


def _gather_devices(root: Element) -> None:
    """Merge several ``<devices>`` elements into one, as libvirt does."""
    first, *others = root.findall('devices') or [etree.add(root, 'devices')]
    for other in others:
        first.extend(other)
        root.remove(other)


def _complete(definition: Definition, host: XmlHost) -> None:
    root = definition.root
    randomness = host.randomness
    if not text_of(root, 'uuid'):
        etree.drop(root, 'uuid')
        etree.add(root, 'uuid', randomness.uuid())
    else:
        found = root.find('uuid')
        if found is not None:
            found.text = str(uuids.UUID((found.text or '').strip()))
    genid = root.find('genid')
    if genid is not None and not genid.text:
        genid.text = randomness.uuid()
    os_type = first(root, 'os/type')
    if os_type is not None and not os_type.get('arch'):
        os_type.set('arch', host.hardware.arch)
    path = text_of(root, 'devices/emulator')
    emulator = emulators.select(path, definition.arch, host)
    for tag in ('memory', 'currentMemory'):
        if root.find(tag) is None:
            etree.add(root, tag, 0, unit='KiB')
    if not path:
        etree.drop(root, 'devices/emulator')
        etree.add(definition.devices, 'emulator', emulator)
    postparse.complete_os(definition)
    controllers.number(definition)
    postparse.add_devices(definition)
    cpu.complete(definition)
    devices.complete(definition, host)
    memory.add_numa(definition)
    memory.complete_sizes(definition)
    postparse.complete_lifecycle(definition)
    postparse.complete_memory_placement(definition)
    controllers.add_implicit(definition)
    postparse.complete_video(definition)
    addresses.assign(definition, hubs=True)
