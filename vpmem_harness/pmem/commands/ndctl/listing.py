"""``ndctl list`` (ndctl: ndctl/list.c, ndctl/filter.c)."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Sequence

from vpmem_harness.pmem.commands import json_objects
from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.dax_nodes import LISTED, check_node
from vpmem_harness.pmem.commands.display import show
from vpmem_harness.pmem.commands.jsontext import Json, pretty
from vpmem_harness.pmem.commands.ndctl import filters
from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.provision import mode_of
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.buses import Bus
from vpmem_harness.pmem.kernel.dimms import Dimm
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

OPTIONS = Options(
    'ndctl list [<options>]',
    text('b', 'bus', 'bus-id', 'filter by bus'),
    text('r', 'region', 'region-id', 'filter by region'),
    text('d', 'dimm', 'dimm-id', 'filter by dimm'),
    text('n', 'namespace', 'namespace-id', 'filter by namespace id'),
    text('m', 'mode', 'namespace-mode', 'filter by namespace mode'),
    text('t', 'type', 'region-type', 'filter by region-type'),
    text('U', 'numa-node', 'numa node', 'filter by numa node'),
    Option('B', 'buses', 'include bus info'),
    Option('D', 'dimms', 'include dimm info'),
    Option('F', 'firmware', 'include firmware info'),
    Option('H', 'health', 'include dimm health'),
    Option('R', 'regions', 'include region info'),
    Option('N', 'namespaces', 'include namespace info (default)'),
    Option('X', 'device-dax', 'include device-dax info'),
    Option('C', 'capabilities', 'include region capability info'),
    Option('i', 'idle', 'include idle devices'),
    Option('c', 'configured', 'include configured namespaces, disabled or not'),
    Option('M', 'media-errors', 'include media errors'),
    Option('u', 'human', 'use human friendly number formats '),
    Option('v', 'verbose', 'increase output detail', kind='count'))


@dataclasses.dataclass
class _Selection:
    """The kinds of objects to list, filters and detail."""

    buses: bool
    dimms: bool
    regions: bool
    namespaces: bool
    idle: bool
    configured: bool
    mode: str | None
    numa_node: int | None
    detail: json_objects.Detail
    parsed: Parsed


def list_all(context: Context) -> int:
    """``ndctl list``"""
    transcript = context.transcript
    parsed = OPTIONS.parse(context.arguments, transcript)
    for word in parsed.arguments:
        transcript.error(f'unknown parameter "{word}"\n')
    if parsed.arguments:
        raise OPTIONS.fail(transcript)
    selection = _select(parsed, context)
    kind, mode = parsed.text('type'), selection.mode
    if kind not in (None, 'pmem', 'blk'):
        transcript.error(f'unknown type "{kind}" must be "pmem" or "blk"\n')
        return -errno.EINVAL
    if mode is not None and mode_of(mode) is None:
        transcript.error(f"invalid mode: '{mode}'\n")
        return -errno.EINVAL
    node = parsed.text('numa-node')
    if node not in (None, 'all'):
        number, rest = sizes.scan_number(node or '')
        if rest or not node:
            transcript.error(f"invalid numa_node: '{node}'\n")
            return -errno.EINVAL
        selection.numa_node = (number + 2**31) % 2**32 - 2**31
    with context.memory.lock:
        _List(context, selection).show()
    return 0


def _select(parsed: Parsed, context: Context) -> _Selection:
    verbose = parsed.counts.get('verbose', 0)
    chosen = {name: parsed.flag(name) for name in ('buses', 'dimms', 'regions', 'namespaces')}
    mode = parsed.text('mode')
    if not any(chosen.values()):
        chosen |= {'buses': parsed.text('bus') is not None,
                   'regions': parsed.text('region') is not None,
                   'dimms': parsed.text('dimm') is not None}
        if parsed.flag('device-dax') and mode is None:
            mode = 'dax'
    if verbose >= 2:
        chosen |= {'buses': True, 'dimms': True, 'regions': True}
    if verbose >= 1 or not any(chosen.values()):
        chosen['namespaces'] = True
    idle = parsed.flag('idle') or verbose >= 3
    detail = json_objects.Detail(
        dax=parsed.flag('device-dax') or verbose >= 1,
        idle=idle or parsed.flag('configured'), human=parsed.flag('human'),
        verbose=verbose >= 1, as_root=context.as_root, release=context.memory.release,
        capabilities=parsed.flag('capabilities') or verbose >= 3,
        media_errors=parsed.flag('media-errors') or verbose >= 1,
        health=parsed.flag('health') or verbose >= 3,
        firmware=parsed.flag('firmware') or verbose >= 3)
    return _Selection(**chosen, idle=idle, configured=parsed.flag('configured'), mode=mode,
                      numa_node=None, detail=detail, parsed=parsed)


class _List:
    """Walk over the bus that collects the selected objects."""

    def __init__(self, context: Context, selection: _Selection) -> None:
        self._memory = context.memory
        self._transcript = context.transcript
        self._chosen = selection
        self._words = selection.parsed.text

    def show(self) -> None:
        """Prints the objects: nested in their bus, as one object of lists, or as one list."""
        chosen = self._chosen
        buses = [bus for bus in filters.buses(self._memory, self._words('bus'))
                 if filters.bus_concerned(bus, self._words('dimm'), self._words('region'),
                                          self._words('namespace'))]
        if chosen.buses:
            self._show([{**json_objects.bus_object(bus), **self._collect([bus])}
                        for bus in buses])
            return
        found = self._collect(buses)
        # When ndctl counts the lists, it remembers the namespaces of the last region only.
        last = found['regions'][-1] if 'regions' in found else {}
        if len(found) + (isinstance(last, dict) and 'namespaces' in last) > 1:
            self._transcript.write(pretty(found))
        else:
            for each in found.values():
                self._show(each)

    def _show(self, found: list[Json]) -> None:
        detail = self._chosen.detail
        show(self._transcript, found, detail.human or not detail.since(62))

    def _collect(self, buses: list[Bus]) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {}
        if self._chosen.dimms:
            dimms: list[Json] = [json_objects.dimm_object(dimm, self._chosen.detail)
                                 for bus in buses for dimm in self._dimms(bus)]
            if dimms:
                found['dimms'] = dimms
        regions: list[Json] = []
        namespaces: list[Json] = []
        for region in (region for bus in buses
                       for region in self._memory.sorted(bus.regions, lambda each: each.dev)):
            if not self._includes(region):
                continue
            inside = self._namespaces(region)
            if self._chosen.regions and (
                    region.enabled or self._chosen.idle or self._chosen.configured):
                shown = self._region(region)
                if inside:
                    shown['namespaces'] = inside
                regions.append(shown)
            else:
                namespaces += inside
        if regions:
            found['regions'] = regions
        elif namespaces:
            found['namespaces'] = namespaces
        return found

    def _dimms(self, bus: Bus) -> list[Dimm]:
        return [dimm for dimm in self._memory.sorted(bus.dimms, lambda each: each.dev)
                if filters.is_dimm(dimm, self._words('dimm')) and self._concerns(bus, dimm)
                and self._shows(dimm)]

    def _shows(self, dimm: Dimm) -> bool:
        return dimm.enabled or self._chosen.idle or self._chosen.configured

    def _concerns(self, bus: Bus, dimm: Dimm) -> bool:
        wanted, inside = self._words('region'), self._words('namespace')
        regions = [each for each in bus.regions if dimm in each.dimms]
        return ((filters.concerns_everything(wanted)
                 or any(filters.is_region(region, wanted) for region in regions))
                and (filters.concerns_everything(inside)
                     or any(filters.region_has_namespace(region, inside) for region in regions))
                and self._chosen.numa_node in (None, -1, dimm.spec.numa_node))

    def _includes(self, region: Region) -> bool:
        return (filters.is_region(region, self._words('region'))
                and filters.region_has_dimm(region, self._words('dimm'))
                and filters.region_has_namespace(region, self._words('namespace'))
                and self._chosen.numa_node in (None, -1, region.numa_node)
                and self._words('type') in (None, 'pmem'))

    def _region(self, region: Region) -> json_objects.Object:
        mapped = [dimm for dimm in region.dimms if dimm.spec.has_module
                  and filters.is_dimm(dimm, self._words('dimm')) and self._shows(dimm)
                  ] if self._chosen.dimms else None
        return json_objects.region_object(region, self._chosen.detail, mapped)

    def _namespaces(self, region: Region) -> Sequence[Json]:
        if not self._chosen.namespaces:
            return []
        wanted, found = mode_of(self._chosen.mode), []
        for device in self._memory.listed_devices(region):
            if filters.is_namespace(device, self._words('namespace')) \
                    and wanted in (None, device.mode) and self._shows_namespace(device):
                if self._chosen.detail.dax:
                    check_node(self._memory, self._transcript, device, LISTED)
                found.append(json_objects.namespace_object(
                    self._memory, region, device, self._chosen.detail))
        return found

    def _shows_namespace(self, device: NamespaceDevice) -> bool:
        return device.enabled or self._chosen.idle or bool(
            self._chosen.configured and device.size)
