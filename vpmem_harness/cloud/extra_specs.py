"""Extra specs: validation as in the API, and requested resources as in the scheduler.

The stub supports ``hw:pmem``, ``resources:`` and custom traits. It knows the other names of
``hw:``, and rejects a misspelled one like Nova, but ignores their values.
Source: nova/api/validation/extra_specs/, and ResourceRequest of nova/scheduler/utils.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import os_resource_classes as orc

from vpmem_harness.cloud import errors
from vpmem_harness.exceptions import InvalidInputError

#: The extra spec that requests persistent memory, a list of labels.
PMEM_EXTRA_SPEC = 'hw:pmem'

#: The pattern of a list of labels in the API's error message; and the same pattern without nested
#: repetition, which takes exponential time on some invalid values.
_SHOWN_PATTERN = '([a-zA-Z0-9_]+(,)?)+'
_PMEM_VALUE = re.compile(r'[a-zA-Z0-9_]+(,[a-zA-Z0-9_]+)*,?')

#: Source: nova/api/validation/extra_specs/hw.py.
_HW_NAMES = frozenset({
    'boot_menu', 'cpu_cores', 'cpu_dedicated_mask', 'cpu_max_cores', 'cpu_max_sockets',
    'cpu_max_threads', 'cpu_policy', 'cpu_realtime', 'cpu_realtime_mask', 'cpu_sockets',
    'cpu_thread_policy', 'cpu_threads', 'emulator_threads_policy', 'ephemeral_encryption',
    'ephemeral_encryption_format', 'hide_hypervisor_id', 'locked_memory', 'mem_encryption',
    'mem_encryption_model', 'mem_page_size', 'numa_nodes', 'pci_numa_affinity_policy', 'pmem',
    'pmu', 'redirected_usb_ports', 'serial_port_count', 'sound_model', 'tpm_model',
    'tpm_secret_security', 'tpm_version', 'usb_model', 'viommu_model', 'vif_multiqueue_enabled',
    'virtio_packed_ring', 'watchdog_action'})
_HW_NUMBERED = re.compile(r'numa_(cpus|mem).\d+')

_GROUPED = re.compile(r'(?P<kind>resources|trait)(?P<group>[a-zA-Z0-9_-]{1,64})?:(?P<name>.*)')
_CUSTOM = re.compile(r'CUSTOM_[A-Z0-9_]+')

_NEEDS = ('required', 'forbidden')


def validate_extra_specs(extra_specs: Mapping[str, str]) -> None:
    """Validate extra specs as the API does since microversion 2.86.

    :raises ValidationError: for unknown names, and for invalid values of supported extra specs,
        such as labels with spaces, dashes or dots, which nova.conf would accept.
    :raises InvalidInputError: for a trait that only hosts of real Nova can have.
    """
    for name, value in extra_specs.items():
        grouped = _GROUPED.fullmatch(name)
        kind, colon, rest = name.partition(':')
        if name == PMEM_EXTRA_SPEC:
            _check(_PMEM_VALUE.fullmatch(value), f"'{value}' is not of the format "
                   f"'{_SHOWN_PATTERN}'.")
        elif kind == 'hw' and colon:
            _check(rest in _HW_NAMES or _HW_NUMBERED.fullmatch(rest), _unknown(name))
        elif grouped and grouped['kind'] == 'resources':
            _check(_CUSTOM.fullmatch(grouped['name']) or grouped['name'] in orc.STANDARDS,
                   _unknown(name))
            _check(re.fullmatch(r'\s*[-+]?\d+\s*', value),
                   f"'{value}' is not a valid integer value.")
        elif grouped:
            _check(value in _NEEDS, f"'{value}' is not one of: {', '.join(_NEEDS)}.")
            if not _CUSTOM.fullmatch(grouped['name']):
                raise InvalidInputError(
                    'trait of a flavor', expected='one that begins with CUSTOM_', got=repr(name),
                    remedy='hosts of the stub have no other traits: use the nova backend')


def _check(fits: object, detail: str) -> None:
    if not fits:
        raise errors.ValidationError(detail=f'Validation failed; {detail}')


def _unknown(name: str) -> str:
    return f"extra spec '{name}' does not appear to be a valid extra spec."


def requested_resources(extra_specs: Mapping[str, str]) -> dict[str | None, Counter[str]]:
    """The amounts in ``resources:``, by group and class; None is the unnumbered group."""
    groups: dict[str | None, Counter[str]] = {}
    for name, value in extra_specs.items():
        grouped = _GROUPED.fullmatch(name)
        if grouped and grouped['kind'] == 'resources' and int(value) >= 0:
            groups.setdefault(grouped['group'], Counter())[grouped['name']] = int(value)
    return groups


def traits(extra_specs: Mapping[str, str]) -> frozenset[str]:
    """The required and forbidden traits."""
    return frozenset(
        grouped['name'] for name in extra_specs
        if (grouped := _GROUPED.fullmatch(name)) and grouped['kind'] == 'trait')
