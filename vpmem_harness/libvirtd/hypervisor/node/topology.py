"""Topology of the host's CPUs and memory as libvirt counts it.

Source: libvirt 9.0.0, src/util/virhostcpu.c (virHostCPUGetInfoPopulateLinux, virHostCPUParseNode).
"""

from __future__ import annotations

from typing import NamedTuple

from vpmem_harness.hardware import Cell, Cpu, Hardware


class Counts(NamedTuple):
    """NUMA nodes, sockets of a node, cores of a socket and threads of a core."""

    nodes: int
    sockets: int
    cores: int
    threads: int


def counts(hardware: Hardware) -> Counts:
    """Return the topology of ``virNodeGetInfo``.

    Its product must be the number of all CPUs, offline ones included. Where it is not, as on a
    host with memory-only nodes, libvirt reports one socket with all CPUs as its cores.
    """
    nodes = [_of_node(cell) for cell in hardware.cells]
    found = Counts(len(nodes), *(max(node[part] for node in nodes) for part in range(3)))
    every = len(hardware.cpus)
    if found.nodes * found.sockets * found.cores * found.threads != every:
        return Counts(1, 1, every, 1)
    return found


def _of_node(cell: Cell) -> tuple[int, int, int]:
    online = {cpu.id for cpu in cell.online}
    cores: dict[int, set[int]] = {}
    for cpu in cell.online:
        cores.setdefault(cpu.socket, set()).add(cpu.core)
    threads = max((len(online.intersection(cpu.siblings)) for cpu in cell.online), default=0)
    return len(cores), max(map(len, cores.values()), default=0), threads


def online(hardware: Hardware) -> tuple[Cpu, ...]:
    """Return the CPUs that are switched on, by number."""
    found = (cpu for cell in hardware.cells for cpu in cell.online)
    return tuple(sorted(found, key=lambda cpu: cpu.id))


def cpu_count(hardware: Hardware) -> int:
    """Return one more than the highest number of a CPU that is present, as virHostCPUGetCount."""
    return max(cpu.id for cpu in hardware.cpus) + 1


def last_node(hardware: Hardware) -> int:
    """Return the highest number of a NUMA node."""
    return hardware.cells[-1].id
