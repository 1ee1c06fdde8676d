"""Layout of the devices in domain XML.

Source of names and order: libvirt 9.0.0, src/conf/domain_conf.c (virDomain...DefFormat).
"""

from __future__ import annotations

from typing import Final

_DEVICES: Final = """
devices
  emulator
  disk type device model rawio sgio snapshot
    driver name type cache error_policy rerror_policy io ioeventfd event_idx copy_on_read \\
        discard iothread detect_zeroes queues queue_size iommu ats packed page_per_vq [optional]
      metadata_cache
        max_size unit
    auth username
      secret type usage uuid
    source file fdgroup dev dir protocol name query tls tlsHostname pool volume mode type \\
        managed namespace path startupPolicy index [optional]
      &storage_source
    backingStore type index
      format type
        metadata_cache
          max_size unit
      source file fdgroup dev dir protocol name query tls tlsHostname pool volume mode \
          index [optional]
        &storage_source
    backenddomain name
    geometry cyls heads secs trans [optional]
    blockio logical_block_size physical_block_size
    mirror [any]
    target dev bus tray removable rotation_rate
    iotune [optional]
      total_bytes_sec
      read_bytes_sec
      write_bytes_sec
      total_iops_sec
      read_iops_sec
      write_iops_sec
      total_bytes_sec_max
      read_bytes_sec_max
      write_bytes_sec_max
      total_iops_sec_max
      read_iops_sec_max
      write_iops_sec_max
      size_iops_sec
      group_name
      total_bytes_sec_max_length
      read_bytes_sec_max_length
      write_bytes_sec_max_length
      total_iops_sec_max_length
      read_iops_sec_max_length
      write_iops_sec_max_length
    readonly
    shareable
    transient shareBacking
    serial [optional]
    wwn [optional]
    vendor [optional]
    product [optional]
    encryption format engine
      secret type usage uuid
    &info
  controller type index model ports vectors maxGrantFrames maxEventChannels
    model name
    target chassisNr chassis port busNr index hotplug [optional]
      node
    driver queues cmd_per_lun max_sectors ioeventfd iothread iommu ats packed page_per_vq [optional]
    &info
    pcihole64 [kib]
  lease
    lockspace
    key
    target path offset
  filesystem type accessmode fmode dmode multidevs model
    driver type format wrpolicy queue name iommu ats packed page_per_vq [optional]
    binary path xattr
      cache mode
      sandbox mode
      lock posix flock
      thread_pool size
    source dir file dev name usage units pool volume socket
    target dir
    readonly
    &info
    space_hard_limit unit
    space_soft_limit unit
  interface type managed trustGuestRxFilters
    mac address type check
    source network portgroup portid bridge type path dev mode address port name switchid \
        portgroupid connectionid [optional]
      reconnect enabled timeout
      local address port
      &pci
      ip address family prefix peer
      route family address netmask prefix gateway metric
    vlan trunk
      tag id nativeMode
    virtualport type
      parameters managerid typeid typeidversion instanceid profileid interfaceid
    bandwidth
      inbound average peak floor burst
      outbound average peak burst
    port isolated [optional]
    portForward proto address dev
      range start end to exclude
    ip address family prefix peer
    route family address netmask prefix gateway metric
    script path
    downscript path
    backenddomain name
    target dev managed
    guest dev actual
    model type
    driver name txmode ioeventfd event_idx queues rx_queue_size tx_queue_size rss \\
        rss_hash_report iommu ats packed page_per_vq [optional]
      host csum gso tso4 tso6 ecn ufo mrg_rxbuf [optional]
      guest csum tso4 tso6 ecn ufo [optional]
    backend type tap vhost logFile
    filterref filter
      parameter name value
    tune
      sndbuf
    teaming type persistent [optional]
    link state [optional]
    mtu size
    coalesce
      rx
        frames max
    &info
  smartcard mode type
    certificate
    database
    &chr
    &info
  serial type tty
    &chr
    target type port
      model name
    &info
  parallel type tty
    &chr
    target port
    &info
  console type tty
    &chr
    target type port
    &info
  channel type
    &chr
    target type address port name state
    &info
  input type bus model
    driver iommu ats packed page_per_vq
    source evdev dev grab grabToggle repeat
    &info
  tpm model
    backend type version persistent_state
      device path
      encryption secret
      active_pcr_banks
        sha1
        sha256
        sha384
        sha512
      source type mode path
    &info
  graphics type port tlsPort autoport websocket listen socket keymap sharePolicy \\
      powerControl passwd passwdValidTo connected display xauth fullscreen defaultMode p2p \\
      address replaceUser multiUser
    listen type address network socket fromConfig
    channel name mode
    image compression
    jpeg compression
    zlib compression
    playback compression
    streaming mode
    mouse mode
    clipboard copypaste
    filetransfer enable
    gl enable rendernode
    audio id
  sound model
    codec type
    audio id
    &info
  audio id type timerPeriod driver serverName runtimeDir dev path tryMMap exclusive dspPolicy
    input [any]
    output [any]
  video
    driver iommu ats packed page_per_vq vgaconf name
    model type ram vram vram64 vgamem heads primary
      acceleration accel3d accel2d rendernode
      resolution x y
    &info
  hostdev mode type managed sgio rawio model display ramfb
    driver name
    source protocol name wwpn writeFiltering startupPolicy guestReset missing
      vendor id
      product id
      adapter name
      address uuid domain bus slot function type device port target unit
      host name port transport socket
      auth username
        secret type usage uuid
      initiator
        iqn name
      block
      char
      interface
      ip address family prefix peer
    teaming type persistent
    readonly
    shareable
    &info
  redirdev bus type
    &chr
    protocol type
    &info
  redirfilter
    usbdev class vendor product version allow
  hub type
    &info
  watchdog model action
    &info
  memballoon model autodeflate freePageReporting
    stats period [optional]
    &info
    driver iommu ats packed page_per_vq
  rng model
    rate bytes period
    backend model type
      source mode host service path
      protocol type
    driver iommu ats packed page_per_vq
    &info
  nvram
    &info
  panic model
    &info
  shmem name role
    model type
    size unit
    server path
    msi enabled vectors ioeventfd
    &info
  memory model access discard
    uuid
    source [optional]
      nodemask
      pagesize [kib]
      path
      alignsize [kib]
      pmem
    target
      size [kib]
      node
      label [optional]
        size [kib]
      readonly
      block [kib]
      requested [kib]
      current [kib]
      address base
    &info
  iommu model
    driver intremap caching_mode eim iotlb aw_bits [optional]
    &info
  vsock model
    cid auto address
    driver iommu ats packed page_per_vq
    &info
"""

_INFO: Final = """
boot order loadparm
alias name
master startport
rom enabled bar file [optional]
acpi index [optional]
address type domain controller bus target unit slot port base function multifunction cssid \\
    ssid devno iobase irq reg
  zpci uid fid
"""

_PCI: Final = """
address uuid type domain bus slot function
"""

_CHR: Final = """
source mode master slave path append host service tls channel [optional]
  seclabel model relabel labelskip
    label
  reconnect enabled timeout
  clipboard copypaste
  mouse mode
protocol type
log file append [optional]
"""

_STORAGE_SOURCE: Final = """
host name port transport socket
identity user group
snapshot name
config file
initiator
  iqn name
ssl verify
cookies
  cookie name
readahead size
timeout seconds
address domain bus slot function
slices
  slice type offset size
seclabel model relabel labelskip
  label
auth username
  secret type usage uuid
encryption format engine
  secret type usage uuid
reservations managed
  source type path mode
reconnect enabled timeout
"""

#: Fragments that the layout of domain XML includes.
FRAGMENTS: Final[dict[str, str]] = {
    'devices': _DEVICES, 'info': _INFO, 'pci': _PCI, 'chr': _CHR,
    'storage_source': _STORAGE_SOURCE,
}
