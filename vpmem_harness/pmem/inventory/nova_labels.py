"""Labels of namespaces for Nova's option ``pmem_namespaces``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.namespaces import Namespace

# Nova's syntax uses ',', ':' and '|' as separators; oslo.config interprets '$' and outer spaces.
_CONFIGURABLE = re.compile(r'[A-Za-z0-9_.-]+', re.ASCII)


def offerable(namespaces: Iterable[Namespace]) -> list[Namespace]:
    """Return the namespaces that guests can use: active devdax with unique names, in order.

    One that the host uses as memory is not among them, though Nova would offer it.

    The result is empty if a namespace with a name has no size: Nova reads the device of every
    namespace with a name, and fails on such a host. Source: nova/virt/libvirt/driver.py,
    _get_vpmems_on_host.
    """
    listed = [namespace for namespace in namespaces
              if namespace.mode == 'devdax' and namespace.state == 'enabled' and namespace.name]
    if any(namespace.size == 0 for namespace in listed):
        return []
    count = Counter(namespace.name for namespace in listed)
    return [namespace for namespace in listed
            if count[namespace.name] == 1 and namespace.openable
            and _CONFIGURABLE.fullmatch(namespace.name or '')]


def labels_by_size(namespaces: Iterable[Namespace]) -> dict[str, list[str]]:
    """Return labels made from the sizes, largest first, if the operator's are unknown.

    The usable size is rounded to GiB, and below 1 GiB to 16 MiB, because equal namespaces differ by
    the size of their metadata: ``4GiB``, ``128MiB``.
    """
    members: dict[int, list[str]] = {}
    for namespace in offerable(namespaces):
        step = sizes.GIB if namespace.size > sizes.GIB // 2 else sizes.REGION_ALIGN
        size = max((namespace.size + step // 2) // step, 1) * step
        members.setdefault(size, []).append(namespace.name or '')
    return {spec.format_size(size): members[size] for size in sorted(members, reverse=True)}


def pmem_namespaces(labels: Mapping[str, Sequence[str]],
                    namespaces: Iterable[Namespace]) -> str:
    """Return the value of ``pmem_namespaces``: ``SMALL:ns_0|ns_1,LARGE:ns_2``.

    Names that the host does not have are omitted, and so are labels without names, because Nova
    refuses to start with a missing name. The result may be empty.
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
