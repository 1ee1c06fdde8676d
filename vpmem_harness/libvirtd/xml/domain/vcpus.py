"""Single vCPUs of a domain, which ``<vcpus>`` lists once one of them has been changed.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainCpuDefFormat), src/conf/domain_postparse.c
(virDomainVcpuDefPostParse), src/qemu/qemu_hotplug.c (qemuDomainSetVcpusConfig).
"""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, element, every, unset


@dataclass
class Vcpu:
    """A vCPU.

    :param hotpluggable: whether it can be unplugged.
    :param order: its position among those that were plugged, from 1; 0 in a configuration.
    """

    online: bool
    hotpluggable: bool
    order: int = 0


def of(definition: Definition, *, live: bool) -> list[Vcpu]:
    """Return the vCPUs of a domain.

    :param live: whether the domain runs, so that those that are online have an order.
    """
    found = every(definition.root, 'vcpus/vcpu')
    if found:
        vcpus = [_vcpu(each) for each in found]
    else:
        vcpus = [Vcpu(number < definition.vcpus, number >= definition.vcpus)
                 for number in range(definition.max_vcpus)]
    if live:
        for vcpu in vcpus:
            if vcpu.online and not vcpu.order:
                vcpu.order = 1 + max(each.order for each in vcpus)
    return vcpus


def complete(definition: Definition) -> None:
    """List every vCPU if some are listed; those that are not listed are offline."""
    found = {int(each.get('id', '0')): each for each in every(definition.root, 'vcpus/vcpu')}
    if not found:
        return
    offline = Vcpu(online=False, hotpluggable=True)
    store(definition, [_vcpu(found[number]) if number in found else offline
                       for number in range(definition.max_vcpus)], listed=True)


def _vcpu(listed: Element) -> Vcpu:
    online = listed.get('enabled') == 'yes'
    hotpluggable = listed.get('hotpluggable', 'no' if online else 'yes') == 'yes'
    return Vcpu(online, hotpluggable, int(listed.get('order', '0')))


def store(definition: Definition, vcpus: list[Vcpu], *, listed: bool) -> None:
    """Change the vCPUs of a definition.

    :param listed: whether they are listed from now on, even if they were not before.
    """
    root = definition.root
    total = root.find('vcpu')
    if total is None:
        return
    listed = listed or root.find('vcpus') is not None
    unset(total, 'current')
    online = sum(vcpu.online for vcpu in vcpus)
    total.text = str(len(vcpus))
    if online < len(vcpus):
        total.set('current', str(online))
    drop(root, 'vcpus')
    if not listed:
        return
    group = element('vcpus')
    for number, vcpu in enumerate(vcpus):
        add(group, 'vcpu', id=number, enabled='yes' if vcpu.online else 'no',
            hotpluggable='yes' if vcpu.hotpluggable else 'no', order=vcpu.order or None)
    root.insert(list(root).index(total) + 1, group)


def plug(vcpus: list[Vcpu], number: int) -> None:
    """Plug a vCPU into a running guest."""
    vcpus[number].online = vcpus[number].hotpluggable = True
    vcpus[number].order = 1 + max(vcpu.order for vcpu in vcpus)


def unplug(vcpus: list[Vcpu], number: int) -> None:
    """Unplug a vCPU from a running guest."""
    gone = vcpus[number].order
    vcpus[number].online, vcpus[number].order = False, 0
    for vcpu in vcpus:
        if vcpu.order > gone:
            vcpu.order -= 1
