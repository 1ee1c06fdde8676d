"""Statistics of a domain: CPUs, memory, disks, interfaces, I/O threads.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainGetStats...);
golden/libvirt/*.domstats.txt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.libvirtd.hypervisor.domain.block_jobs import chain
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.libvirtd.xml.devices import disk_chain, disks
from vpmem_harness.libvirtd.xml.etree import Element

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

Parameters = list[TypedParameter]

#: QEMU's own memory in KiB, and the divisor of the memory that an idle guest has touched.
_OVERHEAD, _TOUCHED = 40960, 64
_UNSTARTED, _MEASURING, _MEASURED = (
    libvirt.VIR_DOMAIN_DIRTYRATE_UNSTARTED, libvirt.VIR_DOMAIN_DIRTYRATE_MEASURING,
    libvirt.VIR_DOMAIN_DIRTYRATE_MEASURED)


def rss(domain: Domain) -> int:
    """Return the resident memory of a running domain in KiB."""
    return _OVERHEAD + domain.definition.memory_initial // _TOUCHED


def _state(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    return [TypedParameter.int_('state.state', domain.state),
            TypedParameter.int_('state.reason', domain.reason)]


def _cpu(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    if not domain.active:
        return []
    time = hypervisor.cpu_time(domain)
    return [TypedParameter.ullong('cpu.time', time), TypedParameter.ullong('cpu.user', time // 2),
            TypedParameter.ullong('cpu.system', time - time // 2),
            TypedParameter.uint('cpu.cache.monitor.count', 0),
            TypedParameter.ullong('cpu.haltpoll.success.time', 0),
            TypedParameter.ullong('cpu.haltpoll.fail.time', 0)]


def _balloon(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    definition = domain.definition
    found = [TypedParameter.ullong('balloon.current', definition.current_memory),
             TypedParameter.ullong('balloon.maximum', definition.memory_total)]
    if domain.active:
        found += [TypedParameter.ullong('balloon.last-update', 0),
                  TypedParameter.ullong('balloon.rss', rss(domain))]
    return found


def _vcpu(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    definition = domain.definition
    found = [TypedParameter.uint('vcpu.current', definition.vcpus),
             TypedParameter.uint('vcpu.maximum', definition.max_vcpus)]
    if not domain.active:
        return found
    share = hypervisor.cpu_time(domain) // definition.vcpus
    for number in range(definition.vcpus):
        found += [TypedParameter.int_(f'vcpu.{number}.state', libvirt.VIR_VCPU_RUNNING),
                  TypedParameter.ullong(f'vcpu.{number}.time', share),
                  TypedParameter.ullong(f'vcpu.{number}.wait', 0),
                  TypedParameter.ullong(f'vcpu.{number}.delay', 0)]
    return found


_NET = ('rx.bytes', 'rx.pkts', 'rx.errs', 'rx.drop', 'tx.bytes', 'tx.pkts', 'tx.errs', 'tx.drop')


def _net(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    if not domain.active:
        return []
    found = domain.definition.devices.findall('interface')
    params = [TypedParameter.uint('net.count', len(found))]
    for number, device in enumerate(found):
        name = target(device)
        if name:
            params.append(TypedParameter.string(f'net.{number}.name', name))
            params += [TypedParameter.ullong(f'net.{number}.{key}', 0) for key in _NET]
    return params


def target(device: Element) -> str:
    """Return the host's name of an interface, or an empty string."""
    found = device.find('target')
    return '' if found is None else found.get('dev', '')


_BLOCK = ('rd.reqs', 'rd.bytes', 'rd.times', 'wr.reqs', 'wr.bytes', 'wr.times', 'fl.reqs',
          'fl.times')


def _block(hypervisor: Hypervisor, domain: Domain, *, backing: bool = False) -> Parameters:
    """Return the statistics of a domain's disks.

    :param backing: also those of the images below, which libvirt knows of a running domain.
    """
    params: Parameters = []
    number = 0
    for disk in domain.definition.devices.findall('disk'):
        images = disk_chain.images(disk) if backing and domain.active else [disk]
        for image in images:
            params += _image(hypervisor, domain, number, disk, image)
            number += 1
    return [TypedParameter.uint('block.count', number), *params]


def _image(hypervisor: Hypervisor, domain: Domain, number: int, disk: Element,
           image: Element) -> Parameters:
    """Return the statistics of an image: that of the disk itself, or one below it."""
    prefix = f'block.{number}.'
    params = [TypedParameter.string(f'{prefix}name', disks.target(disk)[0])]
    path, index = disks.source_path(image), chain.index(image)
    if path is not None and image.get('type') != 'network':
        params.append(TypedParameter.string(f'{prefix}path', path))
    if index:
        params.append(TypedParameter.uint(f'{prefix}backingIndex', int(index)))
    if domain.active and image is disk:
        params += [TypedParameter.ullong(f'{prefix}{key}', 0) for key in _BLOCK]
    if path is not None:
        sizes = hypervisor.disk_sizes(image if image is disk else disk_chain.as_disk(image))
        # Of a domain that is off, libvirt 9.0.0 reports no sizes that are 0.
        params += [TypedParameter.ullong(f'{prefix}{key}', size) for key, size in (
            ('allocation', sizes.allocation), ('capacity', sizes.capacity),
            ('physical', sizes.physical)) if size or domain.active]
    threshold = domain.thresholds.get(index or '') if domain.active else None
    if threshold:
        params.append(TypedParameter.ullong(f'{prefix}threshold', threshold))
    return params


#: QEMU's default polling time of an I/O thread, in nanoseconds.
_POLLING = 32768


def _iothreads(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    ids = domain.definition.iothread_ids if domain.active else []
    found = [TypedParameter.uint('iothread.count', len(ids))] if ids else []
    for number in ids:
        polling = domain.polling.get(number, {})
        found += [TypedParameter.ullong(f'iothread.{number}.poll-max-ns',
                                        polling.get('poll_max_ns', _POLLING)),
                  TypedParameter.uint(f'iothread.{number}.poll-grow',
                                      polling.get('poll_grow', 0)),
                  TypedParameter.uint(f'iothread.{number}.poll-shrink',
                                      polling.get('poll_shrink', 0))]
    return found


def _perf(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    """The counters of a guest, which runs no code: they have counted nothing."""
    if not domain.active:
        return []
    return [TypedParameter.ullong(f"perf.{event.get('name')}", 0)
            for event in domain.definition.root.findall("perf/event[@enabled='yes']")]


def _dirty_rate(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    """The last measurement of the memory that a guest writes: guests here write none."""
    if not domain.active:
        return []
    measured = domain.dirty_rate
    if measured is None:
        status, started, seconds, mode = _UNSTARTED, 0, 0, 'page-sampling'
    else:
        running = hypervisor.clock.now() < measured.started + measured.seconds
        status, started = _MEASURING if running else _MEASURED, int(measured.started)
        seconds, mode = measured.seconds, measured.mode
    found = [TypedParameter.int_('dirtyrate.calc_status', status),
             TypedParameter.llong('dirtyrate.calc_start_time', started),
             TypedParameter.int_('dirtyrate.calc_period', seconds),
             TypedParameter.string('dirtyrate.calc_mode', mode)]
    if status == _MEASURED:
        found.append(TypedParameter.llong('dirtyrate.megabytes_per_second', 0))
        if mode == 'dirty-ring':
            found += [TypedParameter.ullong(f'dirtyrate.vcpu.{number}.megabytes_per_second', 0)
                      for number in range(domain.definition.vcpus)]
    return found


def _nothing(hypervisor: Hypervisor, domain: Domain) -> Parameters:
    return []


#: The groups of statistics and their functions, in libvirt's order.
GROUPS: tuple[tuple[int, Callable[[Hypervisor, Domain], Parameters]], ...] = (
    (libvirt.VIR_DOMAIN_STATS_STATE, _state), (libvirt.VIR_DOMAIN_STATS_CPU_TOTAL, _cpu),
    (libvirt.VIR_DOMAIN_STATS_BALLOON, _balloon), (libvirt.VIR_DOMAIN_STATS_VCPU, _vcpu),
    (libvirt.VIR_DOMAIN_STATS_INTERFACE, _net), (libvirt.VIR_DOMAIN_STATS_BLOCK, _block),
    (libvirt.VIR_DOMAIN_STATS_PERF, _perf), (libvirt.VIR_DOMAIN_STATS_IOTHREAD, _iothreads),
    (libvirt.VIR_DOMAIN_STATS_MEMORY, _nothing),
    (libvirt.VIR_DOMAIN_STATS_DIRTYRATE, _dirty_rate),
    (libvirt.VIR_DOMAIN_STATS_VM, _nothing),
)


def collect(hypervisor: Hypervisor, domain: Domain, groups: int, *,
            backing: bool = False) -> Parameters:
    """Return a domain's statistics of the requested groups, or of all with 0.

    :param backing: whether those of disks include the images below.
    """
    return [parameter for group, tell in GROUPS if not groups or groups & group
            for parameter in (_block(hypervisor, domain, backing=backing) if tell is _block
                              else tell(hypervisor, domain))]
