"""How a compute service reads ``pmem_namespaces``, for the tests that it should succeed in."""

from __future__ import annotations

import json
import re


def offered(pmem_namespaces: str, listing: str) -> dict[str, list[str]]:
    """The devices under each label; AssertionError where Nova would refuse to start.

    Source: nova/virt/libvirt/driver.py, _discover_vpmems and _get_vpmems_on_host, and what a
    flavor can name: nova/api/validation/extra_specs/hw.py.
    """
    if not pmem_namespaces:
        return {}
    assert '$' not in pmem_namespaces, 'oslo.config substitutes it'
    on_host = {}
    for namespace in json.loads(listing):
        if namespace.get('name'):
            assert namespace['daxregion']['align']
            on_host.setdefault(namespace['name'], []).append(
                namespace['daxregion']['devices'][0]['chardev'])
    labels: dict[str, list[str]] = {}
    seen = set()
    for item in pmem_namespaces.split(','):
        assert item == item.strip(), item
        label, colon, names = item.partition(':')
        assert colon, item
        assert re.fullmatch('[a-zA-Z0-9_]+', label), item
        assert label not in labels, f'{label} twice'
        for name in names.split('|'):
            assert name not in seen, f'{name} is configured twice'
            seen.add(name)
            assert name in on_host, f'{name} is not on the host'
            assert len(on_host[name]) == 1, f'{name} is ambiguous'
            labels.setdefault(label, []).extend(on_host[name])
    return labels
