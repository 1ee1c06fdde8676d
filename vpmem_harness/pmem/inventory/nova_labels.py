"""The labels under which Nova offers namespaces: ``pmem_namespaces`` of its configuration."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.namespaces import Namespace

# Whatever else a name may hold, ',', ':' and '|' separate in Nova's syntax, and '$' and outer
# spaces mean something to oslo.config.
_CONFIGURABLE = re.compile(r'[A-Za-z0-9_.-]+', re.ASCII)


def offerable(namespaces: Iterable[Namespace]) -> list[Namespace]:
    """Those that Nova can be told of, in the order given: active devdax with a name of its own.

    There are none where a namespace has a name and no room: Nova reads the device of everything
    that has a name, and fails on such a host. Source: nova/virt/libvirt/driver.py,
    _get_vpmems_on_host.
    """
    listed = [namespace for namespace in namespaces
              if namespace.mode == 'devdax' and namespace.state == 'enabled' and namespace.name]
    if any(namespace.size == 0 for namespace in listed):
        return []
    count = Counter(namespace.name for namespace in listed)
    return [namespace for namespace in listed
            if count[namespace.name] == 1 and _CONFIGURABLE.fullmatch(namespace.name or '')]


def labels_by_size(namespaces: Iterable[Namespace]) -> dict[str, list[str]]:
    """Labels for a host whose operator's labels are not known: the sizes, the largest first.

    The usable size is rounded to whole GiB, and below 1 GiB to 16 MiB, because namespaces that
    were created alike differ by what their metadata takes: ``4GiB``, ``128MiB``.
    """
    members: dict[int, list[str]] = {}
    for namespace in offerable(namespaces):
        step = sizes.GIB if namespace.size > sizes.GIB // 2 else sizes.REGION_ALIGN
        size = max((namespace.size + step // 2) // step, 1) * step
        members.setdefault(size, []).append(namespace.name or '')
    return {spec.format_size(size): members[size] for size in sorted(members, reverse=True)}


def pmem_namespaces(labels: Mapping[str, Sequence[str]],
                    namespaces: Iterable[Namespace]) -> str:
    """The value of ``pmem_namespaces`` for these labels: ``SMALL:ns_0|ns_1,LARGE:ns_2``.

    Names that the host does not offer now are left out, and labels that have no name left: Nova
    refuses to start with a name that is not on the host. Empty when nothing is left.
    """
    names = {namespace.name for namespace in offerable(namespaces)}
    items = []
    for label, members in labels.items():
        present = [name for name in dict.fromkeys(members) if name in names]
        names.difference_update(present)
        if present:
            items.append(f'{spec.check_label(label)}:{"|".join(present)}')
    spec.check_labels(list(labels))
    return ','.join(items)
