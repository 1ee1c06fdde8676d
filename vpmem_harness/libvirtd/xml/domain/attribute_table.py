"""The attributes of domain XML that have only certain values.

Each line is an element, indented below its parent, and its attributes: ``name=VALUES``, or
``name!=VALUES`` if the element must have it. VALUES are separated by ``|``; a value with ``+``
exists in later releases only. Other kinds of values are ``int``, ``uint``, ``ulong`` (64 bits),
and ``positive`` (a number, but not 0). A line that ends with a backslash continues on the next one.

Source: libvirt 9.0.0, src/conf/domain_conf.c; each value was compared with libvirt 9.0.0.
"""

from __future__ import annotations

from typing import Final

#: Values of the names in capitals.
NAMES: Final = {
    'SWITCH': 'on|off',
    'CHOICE': 'yes|no',
    'POLICY': 'mandatory|requisite|optional',
    'VIRTIO': 'virtio|virtio-transitional|virtio-non-transitional',
    'EVENT': 'cmt|mbmt|mbml|cpu_cycles|instructions|cache_references|cache_misses|'
             'branch_instructions|branch_misses|bus_cycles|stalled_cycles_frontend|'
             'stalled_cycles_backend|ref_cpu_cycles|cpu_clock|task_clock|page_faults|'
             'context_switches|cpu_migrations|page_faults_min|page_faults_maj|alignment_faults|'
             'emulation_faults',
}

_DEVICES: Final = """
devices
  disk model=default|VIRTIO rawio=CHOICE sgio=filtered|unfiltered \\
      snapshot=no|internal|external|manual
    driver cache=default|none|writethrough|writeback|directsync|unsafe \\
        error_policy=stop|report|ignore|enospace rerror_policy=stop|report|ignore \\
        io=native|threads|io_uring ioeventfd=SWITCH event_idx=SWITCH copy_on_read=SWITCH \\
        discard=unmap|ignore iothread=positive detect_zeroes=off|on|unmap queues=uint \\
        queue_size=uint iommu=SWITCH ats=SWITCH packed=SWITCH page_per_vq=SWITCH
    source startupPolicy=POLICY
    target tray=closed|open removable=SWITCH rotation_rate=uint
    geometry trans=auto|none|lba
    transient shareBacking=CHOICE
    boot order!=positive
  controller type=ide|fdc|scsi|sata|virtio-serial|ccid|usb|pci|xenbus|isa|+nvme
    driver queues=uint ioeventfd=SWITCH iothread=uint iommu=SWITCH ats=SWITCH packed=SWITCH
  filesystem type=mount|block|file|template|ram|bind|volume accessmode=passthrough|mapped|squash \\
      model=VIRTIO multidevs=default|remap|forbid|warn
    driver type=default|path|handle|loop|nbd|ploop|virtiofs|+mtp wrpolicy=default|immediate
  interface trustGuestRxFilters=CHOICE
    driver name=qemu|vhost txmode=iothread|timer ioeventfd=SWITCH event_idx=SWITCH \\
        queues=uint rx_queue_size=uint tx_queue_size=uint rss=SWITCH rss_hash_report=SWITCH
      host csum=SWITCH gso=SWITCH tso4=SWITCH tso6=SWITCH ecn=SWITCH ufo=SWITCH mrg_rxbuf=SWITCH
      guest csum=SWITCH tso4=SWITCH tso6=SWITCH ecn=SWITCH ufo=SWITCH
    link state=up|down
    boot order!=positive
    acpi index=positive
    rom enabled=CHOICE bar=SWITCH
    teaming type=persistent|transient
    port isolated=CHOICE
  smartcard mode!=host|host-certificates|passthrough
  serial
    &character
  parallel
    &character
  console
    &character
  channel
    &character
  redirdev bus=usb
    boot order!=positive
  input type=mouse|tablet|keyboard|passthrough|evdev bus=ps2|usb|xen|parallels|virtio|none \\
      model=VIRTIO
  tpm model=tpm-tis|tpm-crb|tpm-spapr|spapr-tpm-proxy
    backend type!=passthrough|emulator|external
  graphics type!=sdl|vnc|rdp|desktop|spice|egl-headless|dbus defaultMode=any|secure|insecure \\
      autoport=CHOICE
    listen type!=none|address|network|socket
    channel name!=main|display|inputs|cursor|playback|record|smartcard|usbredir \\
        mode!=any|secure|insecure
    image compression!=auto_glz|auto_lz|quic|glz|lz|off
    jpeg compression!=auto|never|always
    zlib compression!=auto|never|always
    playback compression!=SWITCH
    streaming mode!=filter|all|off
    mouse mode!=client|server
    clipboard copypaste!=CHOICE
    filetransfer enable!=CHOICE
  sound model!=sb16|es1370|pcspk|ac97|ich6|ich9|usb|ich7|+virtio
    codec type=duplex|micro|output
  audio id!=positive type!=none|alsa|coreaudio|jack|oss|pulseaudio|sdl|spice|file|dbus|+pipewire
  video
    model
      acceleration accel3d=CHOICE accel2d=CHOICE
      resolution x!=uint y!=uint
    driver name=qemu|vhostuser
  hostdev sgio=filtered|unfiltered rawio=CHOICE
    source startupPolicy=POLICY
      vendor id!=positive
      product id!=uint
    boot order!=positive
    rom enabled=CHOICE bar=SWITCH
  hub type=usb
  memballoon model!=xen|none|VIRTIO autodeflate=SWITCH freePageReporting=SWITCH
    stats period=int
  panic model=default|isa|pseries|hyperv|s390|+pvpanic
  shmem role=master|peer
    model type=ivshmem|ivshmem-plain|ivshmem-doorbell
    msi enabled=SWITCH ioeventfd=SWITCH vectors=uint
  iommu model!=intel|smmuv3|virtio|+amd
    driver intremap=SWITCH caching_mode=SWITCH eim=SWITCH iotlb=SWITCH aw_bits=uint
  vsock model=default|VIRTIO
    cid auto=CHOICE address=positive
"""

DOMAIN: Final = """
domain
  memory dumpCore=SWITCH
  vcpu placement=static|auto
  vcpus
    vcpu id!=uint enabled!=CHOICE hotpluggable=CHOICE order=uint
  iothreadids
    iothread id!=positive
  cputune
    vcpupin vcpu!=uint
    iothreadpin iothread!=positive
    vcpusched scheduler!=batch|idle|fifo|rr
    iothreadsched scheduler!=batch|idle|fifo|rr
    emulatorsched scheduler!=batch|idle|fifo|rr
  sysinfo type!=smbios|fwcfg
  os
    boot dev!=fd|hd|cdrom|network
    bootmenu enable=CHOICE
    bios rebootTimeout=int
    smbios mode=none|emulate|host|sysinfo
    loader type=rom|pflash readonly=CHOICE secure=CHOICE stateless=CHOICE
  features
    apic eoi=SWITCH
    hap state=SWITCH
    pvspinlock state=SWITCH
    pmu state=SWITCH
    vmport state=SWITCH
    smm state=SWITCH
    vmcoreinfo state=SWITCH
    ioapic driver=qemu|kvm
    msrs unknown!=ignore|fault
    hyperv mode=custom|passthrough
      relaxed state!=SWITCH
      vapic state!=SWITCH
      spinlocks state!=SWITCH
      vpindex state!=SWITCH
      runtime state!=SWITCH
      synic state!=SWITCH
      stimer state!=SWITCH
        direct state!=SWITCH
      reset state!=SWITCH
      vendor_id state!=SWITCH
      frequencies state!=SWITCH
      reenlightenment state!=SWITCH
      tlbflush state!=SWITCH
      ipi state!=SWITCH
      evmcs state!=SWITCH
      avic state!=SWITCH
    kvm
      hidden state!=SWITCH
      hint-dedicated state!=SWITCH
      poll-control state!=SWITCH
      pv-ipi state!=SWITCH
      dirty-ring state!=SWITCH
  cpu match=minimum|exact|strict check=default|none|partial|full migratable=SWITCH
    model fallback=allow|forbid
    cache level=int mode!=emulate|passthrough|disable
    maxphysaddr mode!=emulate|passthrough bits=uint
    feature policy=force|require|optional|disable|forbid
    numa
      cell
        distances
          sibling id!=uint value!=uint
  clock basis=utc|localtime
    timer name!=platform|pit|rtc|hpet|tsc|kvmclock|hypervclock|armvtimer present=CHOICE \\
        tickpolicy=delay|catchup|merge|discard track=boot|guest|wall|+realtime \\
        mode=auto|native|emulate|paravirt|smpsafe frequency=ulong
      catchup threshold=uint slew=uint limit=uint
  pm
    suspend-to-mem enabled=CHOICE
    suspend-to-disk enabled=CHOICE
  perf
    event enabled!=CHOICE name!=EVENT
  seclabel type=none|dynamic|static relabel=CHOICE
  keywrap
    cipher name!=aes|dea state!=SWITCH
  &devices
"""

_CHARACTER: Final = """
source mode=connect|bind tls=CHOICE
  reconnect enabled=CHOICE
log append=SWITCH
"""

#: What a line that begins with ``&`` includes.
FRAGMENTS: Final = {'devices': _DEVICES, 'character': _CHARACTER}

#: What libvirt 9.0.0 reports instead of the names of the element and its attribute.
OLD_TEXTS: Final = {
    'smbios mode': "unknown smbios mode '{}'",
    'model fallback': 'Invalid fallback attribute',
    'feature policy': 'Invalid CPU feature policy',
    'clock basis': "unknown clock basis '{}'",
    'link state': "unknown interface link state '{}'",
    'teaming type': "unknown teaming type '{}'",
    'redirdev bus': "unknown redirdev bus '{}'",
    'input type': "unknown input device type '{}'",
    'input bus': "unknown input bus type '{}'",
    'input model': "unknown input model '{}'",
    'codec type': "unknown codec type '{}'",
    'hub type': "unknown hub device type '{}'",
    'panic model': "unknown panic model '{}'",
}

#: Those of them that are errors of the CPU.
OF_CPU: Final = ('model fallback', 'feature policy')
