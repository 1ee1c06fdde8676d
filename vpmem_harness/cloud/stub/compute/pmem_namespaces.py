"""The option ``pmem_namespaces``, held against what ``ndctl`` lists.

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


def parse_option(value: str) -> tuple[str, ...]:
    """The items of the option as nova.conf has it: ``4GB:ns_0,SMALL:ns_1|ns_2``."""
    return tuple(types.List()(value))


def discover(
    option: Sequence[str], list_namespaces: Callable[[], str],
) -> dict[str, list[VPMEMDevice]]:
    """The devices that the option names, by resource class, in the option's order.

    :param list_namespaces: runs ``ndctl list -X`` and returns its output; it is not called for
        an empty option.
    :raises GetPMEMNamespacesFailed: when that fails.
    :raises PMEMNamespaceConfigInvalid: when an item has no label, or names a namespace that is
        not there or that another item has named.
    """
    by_class: dict[str, list[VPMEMDevice]] = {}
    if not option:
        return by_class
    on_host = devices_on_host(list_namespaces)
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
            device = dataclasses.replace(on_host[name], label=label)
            by_class.setdefault(pmem_resource_class(label), []).append(device)
    return by_class


def devices_on_host(list_namespaces: Callable[[], str]) -> dict[str, VPMEMDevice]:
    """The named namespaces that ``ndctl`` lists, by name, without a label yet.

    :raises GetPMEMNamespacesFailed: when ``ndctl`` fails.
    :raises KeyError: for a namespace that is named and has no dax region or alignment, as for a
        caller who is not root.
    """
    try:
        listing = list_namespaces()
    except Exception as error:
        raise errors.GetPMEMNamespacesFailed(reason=(
            'Get PMEM namespaces by ndctl utility, please ensure ndctl is installed: '
            f'{error}')) from error
    namespaces: list[dict[str, Any]] = json.loads(listing) if listing else []
    return {
        namespace['name']: VPMEMDevice(
            label='',
            name=namespace['name'],
            devpath='/dev/' + namespace['daxregion']['devices'][0]['chardev'],
            size=namespace['size'],
            align=namespace['daxregion']['align'],
        )
        for namespace in namespaces if namespace.get('name')
    }
