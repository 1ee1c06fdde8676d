"""Refuse vCPUs that a definition lists and that contradict each other.

Source: libvirt 9.0.0, src/conf/domain_validate.c, src/qemu/qemu_process.c
(qemuProcessValidateHotpluggableVcpus), src/qemu/qemu_domain.c (qemuDomainDefVcpusPostParse).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import bad_xml, unsupported
from vpmem_harness.libvirtd.xml.etree import Element, every


def check(root: Element) -> None:
    """Refuse the vCPUs of a domain that cannot be as they are listed."""
    found = {int(each.get('id', '0')): each for each in every(root, 'vcpus/vcpu')}
    if not found:
        return
    total = int(root.findtext('vcpu') or 1)
    for number, each in found.items():
        if number >= total:
            raise bad_xml(f"vcpu id '{number}' is out of range of maximum vcpu count")
        if each.get('enabled') == 'no' and each.get('hotpluggable') == 'no':
            raise unsupported(f"vcpu '{number}' is both offline and not hotpluggable",
                              domain=libvirt.VIR_FROM_DOMAIN)
    boot = found.get(0)
    if boot is None or boot.get('enabled') != 'yes':
        raise unsupported("vcpu 0 can't be offline")
    if boot.get('hotpluggable') == 'yes':
        raise unsupported("vcpu0 can't be hotpluggable")
    online = [each for _, each in sorted(found.items()) if each.get('enabled') == 'yes']
    if len({each.get('order', '0') == '0' for each in online}) > 1:
        raise unsupported('all vcpus must have either set or unset order')
    hotpluggable = False
    for _, each in sorted(found.items()):
        if each in online and each.get('hotpluggable') == 'no' and hotpluggable:
            raise unsupported('online non-hotpluggable vcpus need to be ordered prior to '
                              'hotplugable vcpus')
        hotpluggable |= each.get('hotpluggable') == 'yes'
