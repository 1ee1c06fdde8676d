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


def parse_option(value: str) -> tuple[str, ...]:
    """Split the value of the option in nova.conf: ``4GB:ns_0,SMALL:ns_1|ns_2``."""
    return tuple(types.List()(value))


def discover(
    option: Sequence[str], list_namespaces: Callable[[], str],
) -> dict[str, list[VPMEMDevice]]:
    """Return the devices of the option by resource class, in the option's order.

    :param list_namespaces: returns the output of ``ndctl list -X``; not called if the option
        is empty.
    :raises GetPMEMNamespacesFailed: if that fails.
    :raises PMEMNamespaceConfigInvalid: if an item has no label, or names a missing namespace or
        one of another item.
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
    """Return the named namespaces in the listing of ``ndctl``, by name, without labels.

    :raises GetPMEMNamespacesFailed: if ``ndctl`` fails.
    :raises KeyError: for a named namespace without dax region or alignment, as a listing without
        root rights has it.
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
