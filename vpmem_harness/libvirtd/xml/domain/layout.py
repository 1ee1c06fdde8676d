"""Layout of domain XML, except devices.

Source of names and order: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDefFormatInternal...)
and src/conf/cpu_conf.c, src/conf/numa_conf.c.
"""

from __future__ import annotations

from typing import Final

from vpmem_harness.libvirtd.xml.devices import layout
from vpmem_harness.libvirtd.xml.layout import Layout, read

_DOMAIN: Final = """
domain type id xmlns:qemu
  name
  uuid
  genid
  title [optional]
  description [optional]
  metadata [any]
  maxMemory slots [kib]
  memory dumpCore [kib]
  currentMemory [kib]
  blkiotune [optional]
    weight
    device
      path
      weight
      read_iops_sec
      write_iops_sec
      read_bytes_sec
      write_bytes_sec
  memtune [optional]
    hard_limit [kib]
    soft_limit [kib]
    min_guarantee [kib]
    swap_hard_limit [kib]
  memoryBacking [optional]
    hugepages
      page size unit nodeset
    nosharepages
    locked
    source type
    access mode
    allocation mode threads
    discard
  vcpu placement cpuset current
  vcpus [optional]
    vcpu id enabled hotpluggable order
  iothreads
  iothreadids [optional]
    iothread id thread_pool_min thread_pool_max
  defaultiothread thread_pool_min thread_pool_max
  cputune [optional]
    shares
    period
    quota
    global_period
    global_quota
    emulator_period
    emulator_quota
    iothread_period
    iothread_quota
    vcpupin vcpu cpuset
    emulatorpin cpuset
    iothreadpin iothread cpuset
    vcpusched vcpus scheduler priority
    iothreadsched iothreads scheduler priority
    emulatorsched scheduler priority
    cachetune vcpus
      cache id level type size unit
      monitor level vcpus
    memorytune vcpus
      node id bandwidth
      monitor vcpus
  numatune [optional]
    memory mode nodeset placement
    memnode cellid mode nodeset
  resource [optional]
    partition
    fibrechannel appid
  sysinfo type
    bios
      entry name
    system
      entry name
    baseBoard
      entry name
    chassis
      entry name
    oemStrings
      entry
    entry name file
  bootloader
  bootloader_args
  os firmware
    type arch machine
    firmware
      feature enabled name
    init
    initarg
    initenv name
    initdir
    inituser
    initgroup
    loader readonly secure type stateless
    nvram type template format
      source file dev protocol name query tls tlsHostname pool volume mode startupPolicy index
        &storage_source
    kernel
    initrd
    cmdline
    dtb
    root
    acpi
      table type
    boot dev
    bootmenu enable timeout [optional]
    bios useserial rebootTimeout [optional]
    smbios mode [optional]
  idmap [optional]
    uid start target count
    gid start target count
  features [optional]
    acpi
    apic eoi
    pae
    viridian
    privnet
    hap state
    hyperv mode
      relaxed state
      vapic state
      spinlocks state retries
      vpindex state
      runtime state
      synic state
      stimer state
        direct state
      reset state
      vendor_id state value
      frequencies state
      reenlightenment state
      tlbflush state
      ipi state
      evmcs state
      avic state
    kvm
      hidden state
      hint-dedicated state
      poll-control state
      pv-ipi state
      dirty-ring state size
    xen
      e820_host state
      passthrough state mode
    pvspinlock state
    pmu state
    vmport state
    gic version
    smm state
      tseg unit
    ioapic driver [optional]
    capabilities policy
    hpt resizing
      maxpagesize unit
    htm state
    nested-hv state
    vmcoreinfo state
    msrs unknown
    ccf-assist state
    cfpc value
    sbbc value
    ibs value
    tcg [optional]
      tb-cache [kib]
    async-teardown enabled
  cpu mode match check migratable
    model fallback vendor_id
    vendor
    topology sockets dies clusters cores threads
    cache level mode
    maxphysaddr mode bits
    feature policy name
    numa
      cell id cpus memory unit memAccess discard
        distances
          sibling id value
        cache level associativity policy
          size value unit
          line value unit
      interconnects
        latency initiator target cache type value
        bandwidth initiator target cache type value unit
  clock offset timezone adjustment basis start
    timer name tickpolicy track frequency mode present
      catchup threshold slew limit
  on_poweroff
  on_reboot
  on_crash
  on_lockfailure
  pm [optional]
    suspend-to-mem enabled [optional]
    suspend-to-disk enabled [optional]
  perf [optional]
    event name enabled
  &devices
  seclabel type model relabel
    label
    imagelabel
    baselabel
  keywrap
    cipher name state
  launchSecurity type
    cbitpos
    reducedPhysBits
    policy
    dhCert
    session
  qemu:capabilities [any]
  qemu:commandline [any]
  qemu:override [any]
  qemu:deprecation [any]
"""


def _with_chains(layout: Layout) -> Layout:
    """Allow backing chains of any length."""
    behind = layout.children['devices'].children['disk'].children['backingStore']
    behind.children['backingStore'] = behind
    return layout


#: Layout of ``<domain>``.
DOMAIN: Final[Layout] = _with_chains(read(_DOMAIN, layout.FRAGMENTS))

#: Layout of ``<devices>``.
DEVICES: Final[Layout] = DOMAIN.children['devices']
