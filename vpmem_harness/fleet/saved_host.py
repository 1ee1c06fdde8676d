"""The state of one host, in a form that another process can restore."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt

from vpmem_harness.exceptions import HarnessError
from vpmem_harness.fleet import graph
from vpmem_harness.host.machine import Host
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.randomness import Randomness


@dataclass(frozen=True)
class SavedHost:
    """One host; ``root`` is the directory that it had.

    ``memory`` and ``domains`` are graphs, ``files`` the sizes of its files by path below ``root``.
    """

    root: str
    first_region: int
    release: str
    libvirtd: str
    memory: dict[str, Any]
    domains: dict[str, Any]
    files: dict[str, int]


def save_host(host: Host) -> SavedHost:
    """Return the state of a host.

    :raises HarnessError: while a domain migrates or has another job.
    """
    with host.hypervisor.lock:
        domains = list(host.hypervisor.domains)
        busy = [domain.name for domain in domains if domain.job is not None or domain.block_jobs]
        if busy:
            raise HarnessError(f'{", ".join(busy)} on {host.name} has a job in progress: wait for '
                               'its end, or abort it')
        kept = [dataclasses.replace(domain, last_job=None, autodestroy=None) for domain in domains]
        memory = graph.encode(host.pmem.save())
        first = min((region.number for region in host.pmem.regions), default=0)
        return SavedHost(
            root=str(host.layout.root), first_region=first, release=host.release.name,
            libvirtd='running' if host.daemon.running else 'down', memory=memory,
            domains=graph.encode((kept, host.hypervisor.processes._next_id,
                                  host.hypervisor.image_bitmaps.save())),
            files=dict(_files(host.layout.root)))


def restore_host(host: Host, saved: SavedHost, randomness: Randomness) -> None:
    """Restore a saved state on a host that has just started.

    :param randomness: the random source; it must not give the saved UUIDs again.
    :raises GraphError: when the state cannot be read.
    """
    root = str(host.layout.root)

    def text(value: str) -> str:
        return value.replace(f'{saved.root}/', f'{root}/')

    memory = graph.decode(saved.memory, text)
    domains, next_id, bitmaps = graph.decode(saved.domains, text)
    for path, size in saved.files.items():
        file = host.layout.root / path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open('ab') as stream:
            stream.truncate(size)
    host.pmem.restore(memory)
    host.pmem.randomness = randomness.derive('uuids')
    hypervisor = host.hypervisor
    hypervisor.xml_host.randomness = randomness.derive('domains')
    with hypervisor.lock:
        hypervisor.processes._next_id = next_id
        hypervisor.image_bitmaps.restore(bitmaps)
        for domain in domains:
            hypervisor.domains.add(domain)
            _reserve(host, domain)
    if saved.libvirtd == 'down':
        host.faults.daemon_down()


def _reserve(host: Host, domain: Domain) -> None:
    """Take the ports, terminals, taps and image locks of a domain that runs."""
    if domain.live is None:
        return
    host.hypervisor.image_locks.refresh(domain)
    taken, devices = host.hypervisor.xml_host, domain.live.devices
    for device in devices.findall('graphics'):
        taken.ports_in_use.update(
            int(device.get(name, '-1')) for name in ('port', 'tlsPort', 'websocket')
            if int(device.get(name, '-1')) > 0)
    taken.taps_in_use.update(
        target.get('dev', '') for target in devices.findall('interface/target'))
    taken.terminals_in_use.update(
        source.get('path', '') for source in devices.findall('serial/source'))
    if domain.state == libvirt.VIR_DOMAIN_SHUTOFF:
        raise graph.GraphError(f'the saved domain {domain.name} is off and runs')


def _files(root: Path) -> Iterator[tuple[str, int]]:
    """The files of servers and storage pools, which have a size and no contents."""
    for folder in ('instances', 'files'):
        for directory, _, names in os.walk(root / folder):
            for name in names:
                path = Path(directory, name)
                if path.is_file() and not path.is_symlink():
                    yield str(path.relative_to(root)), path.stat().st_size
