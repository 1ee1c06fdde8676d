"""The option ``pmem_namespaces``, and its namespaces in the listing of ``ndctl``.

Source: nova/virt/libvirt/driver.py, _discover_vpmems and _get_vpmems_on_host.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

from oslo_config import types

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import VPMEMDevice
from vpmem_harness.cloud.flavors import pmem_resource_class
from vpmem_harness.cloud.stub.compute.guest import LABEL_SIZE


def parse_option(value: str) -> tuple[str, ...]:
    """Split the value of the option in nova.conf: ``4GB:ns_0,SMALL:ns_1|ns_2``."""
    return tuple(types.List()(value))


def discover(
    option: Sequence[str], list_namespaces: Callable[[], str],
) -> dict[str, list[VPMEMDevice]]:
    """Return the usable devices of the option by resource class, in the option's order.

    :param list_namespaces: returns the output of ``ndctl list -X``; not called if the option
        is empty.
    :raises GetPMEMNamespacesFailed: if that fails.
    :raises PMEMNamespaceConfigInvalid: if an item has no label, or names a missing namespace or
        one of another item.
    """
    by_class: dict[str, list[VPMEMDevice]] = {}
    if not option:
        return by_class
    namespaces = _listed(list_namespaces)
    on_host = {one['name']: _device(one) for one in namespaces}
    unusable = {one['name'] for one in namespaces if not _is_usable(one)}
    taken: set[str] = set()
    for item in option:
        label, separator, names = item.partition(':')
        if not separator:
            raise errors.PMEMNamespaceConfigInvalid(
                reason="The configuration doesn't follow the format")
        for name in names.split('|'):
            if name not in on_host:
                raise errors.PMEMNamespaceConfigInvalid(
                    reason=f"The PMEM namespace {name} isn't on host")
            if name in taken:
                raise errors.PMEMNamespaceConfigInvalid(
                    reason=f'Duplicated PMEM namespace {name} configured')
            taken.add(name)
            if name in unusable:
                continue
            device = dataclasses.replace(on_host[name], label=label)
            by_class.setdefault(pmem_resource_class(label), []).append(device)
    return by_class


def devices_on_host(list_namespaces: Callable[[], str]) -> dict[str, VPMEMDevice]:
    """Return the named namespaces in the listing of ``ndctl``, by name, without labels.

    :raises GetPMEMNamespacesFailed: if ``ndctl`` fails.
    :raises KeyError: for a named namespace without dax region or alignment, as a listing without
        root rights has it.
    """
    return {one['name']: _device(one) for one in _listed(list_namespaces)}


def _listed(list_namespaces: Callable[[], str]) -> list[dict[str, Any]]:
    try:
        listing = list_namespaces()
    except Exception as error:
        raise errors.GetPMEMNamespacesFailed(reason=(
            'Get PMEM namespaces by ndctl utility, please ensure ndctl is installed: '
            f'{error}')) from error
    namespaces: list[dict[str, Any]] = json.loads(listing) if listing else []
    return [one for one in namespaces if one.get('name')]


def _device(namespace: dict[str, Any]) -> VPMEMDevice:
    return VPMEMDevice(
        label='',
        name=namespace['name'],
        devpath='/dev/' + namespace['daxregion']['devices'][0]['chardev'],
        size=namespace['size'],
        align=namespace['daxregion']['align'],
    )


def _is_usable(namespace: dict[str, Any]) -> bool:
    """Whether a guest can use a namespace, which Nova does not check.

    It cannot if the host uses it as memory, if it has bad blocks, or if the label of the NVDIMM
    leaves less than its alignment.
    """
    dax = namespace['daxregion']
    return (dax['devices'][0].get('mode', 'devdax') == 'devdax'
            and not namespace.get('badblock_count')
            and namespace['size'] - LABEL_SIZE * 1024 >= dax['align'])
