"""Procedure table: the numbers, names and shapes of libvirt's remote protocol.

A line is a procedure::

    NUMBER name Function[!] ARGUMENTS -> RESULTS

``Function`` is the public function without its ``vir`` prefix, or ``-`` if there is none (messages
of the daemon, and authentication). ``!`` marks procedures that libvirt refuses on a read-only
connection. ``wire/shapes.py`` defines the notation of arguments and results; ``...`` stands for an
unknown shape. A line that starts with blanks continues the previous one.

Source: src/remote/remote_protocol.x, qemu_protocol.x and lxc_protocol.x of libvirt 9.0.0; the
marks from the checks in src/libvirt-*.c.  The numbers after 443 are those of libvirt 11.3.0.
"""

from __future__ import annotations

from typing import Final

REMOTE_PROGRAM: Final = 0x20008086
QEMU_PROGRAM: Final = 0x20008087
LXC_PROGRAM: Final = 0x00068000
KEEPALIVE_PROGRAM: Final = 0x6B656570
VERSION: Final = 1      # of each program

#: Named shapes.
SHAPES: Final = """
domain = name:string uuid:uuid id:int
network = name:string uuid:uuid
network_port = net:network uuid:uuid
nwfilter = name:string uuid:uuid
nwfilter_binding = portdev:string filtername:string
interface = name:string mac:string
storage_pool = name:string uuid:uuid
storage_vol = pool:string name:string key:string
node_device = name:string
secret = uuid:uuid usageType:int usageID:string
checkpoint = name:string dom:domain
snapshot = name:string dom:domain
vcpu_info = number:uint state:int cpu_time:uhyper cpu:int
domain_memory_stat = tag:int val:uhyper
domain_event_graphics_address = family:int node:string service:string
domain_event_graphics_identity = type:string name:string
cpu_stat = field:string value:uhyper
memory_stat = field:string value:uhyper
domain_disk_error = disk:string error:int
domain_get_security_label_ret = label:chars[4097] enforcing:int
network_dhcp_lease = iface:string expirytime:hyper type:int mac:string? iaid:string? ipaddr:string
        prefix:uint hostname:string? clientid:string?
domain_stats_record = dom:domain params:typed_param[262144]
domain_fsinfo = mountpoint:string name:string fstype:string dev_aliases:string[256]
domain_iothread_info = iothread_id:uint cpumap:opaque[2048]
domain_interface = name:string hwaddr:string? addrs:domain_ip_addr[2048]
domain_ip_addr = type:int addr:string prefix:uint
"""

REMOTE: Final = """
  1 connect_open ConnectOpen name:string? flags:uint
  2 connect_close ConnectClose
  3 connect_get_type ConnectGetType -> type:string
  4 connect_get_version ConnectGetVersion -> hv_ver:uhyper
  5 connect_get_max_vcpus ConnectGetMaxVcpus type:string? -> max_vcpus:int
  6 node_get_info NodeGetInfo -> model:chars*32 memory:uhyper cpus:int mhz:int nodes:int
        sockets:int cores:int threads:int
  7 connect_get_capabilities ConnectGetCapabilities -> capabilities:string
  8 domain_attach_device DomainAttachDevice! dom:domain xml:string
  9 domain_create DomainCreate! dom:domain
 10 domain_create_xml DomainCreateXML! xml_desc:string flags:uint -> dom:domain
 11 domain_define_xml DomainDefineXML! xml:string -> dom:domain
 12 domain_destroy DomainDestroy! dom:domain
 13 domain_detach_device DomainDetachDevice! dom:domain xml:string
 14 domain_get_xml_desc DomainGetXMLDesc dom:domain flags:uint -> xml:string
 15 domain_get_autostart DomainGetAutostart dom:domain -> autostart:int
 16 domain_get_info DomainGetInfo dom:domain -> state:uchar maxMem:uhyper memory:uhyper
        nrVirtCpu:ushort cpuTime:uhyper
 17 domain_get_max_memory DomainGetMaxMemory dom:domain -> memory:uhyper
 18 domain_get_max_vcpus DomainGetMaxVcpus dom:domain -> num:int
 19 domain_get_os_type DomainGetOSType dom:domain -> type:string
 20 domain_get_vcpus DomainGetVcpus dom:domain maxinfo:int maplen:int -> info:vcpu_info[16384]
        cpumaps:opaque[8388608]
 21 connect_list_defined_domains ConnectListDefinedDomains maxnames:int -> names:string[16384]
 22 domain_lookup_by_id DomainLookupByID id:int -> dom:domain
 23 domain_lookup_by_name DomainLookupByName name:string -> dom:domain
 24 domain_lookup_by_uuid DomainLookupByUUID uuid:uuid -> dom:domain
 25 connect_num_of_defined_domains ConnectNumOfDefinedDomains -> num:int
 26 domain_pin_vcpu DomainPinVcpu! dom:domain vcpu:uint cpumap:opaque[2048]
 27 domain_reboot DomainReboot! dom:domain flags:uint
 28 domain_resume DomainResume! dom:domain
 29 domain_set_autostart DomainSetAutostart! dom:domain autostart:int
 30 domain_set_max_memory DomainSetMaxMemory! dom:domain memory:uhyper
 31 domain_set_memory DomainSetMemory! dom:domain memory:uhyper
 32 domain_set_vcpus DomainSetVcpus! dom:domain nvcpus:uint
 33 domain_shutdown DomainShutdown! dom:domain
 34 domain_suspend DomainSuspend! dom:domain
 35 domain_undefine DomainUndefine! dom:domain
 36 connect_list_defined_networks ConnectListDefinedNetworks maxnames:int -> names:string[16384]
 37 connect_list_domains ConnectListDomains maxids:int -> ids:int[16384]
 38 connect_list_networks ConnectListNetworks maxnames:int -> names:string[16384]
 39 network_create NetworkCreate! net:network
 40 network_create_xml NetworkCreateXML! xml:string -> net:network
 41 network_define_xml NetworkDefineXML! xml:string -> net:network
 42 network_destroy NetworkDestroy! net:network
 43 network_get_xml_desc NetworkGetXMLDesc net:network flags:uint -> xml:string
 44 network_get_autostart NetworkGetAutostart net:network -> autostart:int
 45 network_get_bridge_name NetworkGetBridgeName net:network -> name:string
 46 network_lookup_by_name NetworkLookupByName name:string -> net:network
 47 network_lookup_by_uuid NetworkLookupByUUID uuid:uuid -> net:network
 48 network_set_autostart NetworkSetAutostart! net:network autostart:int
 49 network_undefine NetworkUndefine! net:network
 50 connect_num_of_defined_networks ConnectNumOfDefinedNetworks -> num:int
 51 connect_num_of_domains ConnectNumOfDomains -> num:int
 52 connect_num_of_networks ConnectNumOfNetworks -> num:int
 53 domain_core_dump DomainCoreDump! dom:domain to:string flags:uint
 54 domain_restore DomainRestore! from:string
 55 domain_save DomainSave! dom:domain to:string
 56 domain_get_scheduler_type DomainGetSchedulerType dom:domain -> type:string nparams:int
 57 domain_get_scheduler_parameters DomainGetSchedulerParameters dom:domain nparams:int ->
        params:typed_param[16]
 58 domain_set_scheduler_parameters DomainSetSchedulerParameters! dom:domain
        params:typed_param[16]
 59 connect_get_hostname ConnectGetHostname -> hostname:string
 60 connect_supports_feature ConnectSupportsFeature feature:int -> supported:int
 61 domain_migrate_prepare DomainMigratePrepare! uri_in:string? flags:uhyper dname:string?
        resource:uhyper -> cookie:opaque[4194304] uri_out:string?
 62 domain_migrate_perform DomainMigratePerform! dom:domain cookie:opaque[4194304] uri:string
        flags:uhyper dname:string? resource:uhyper
 63 domain_migrate_finish DomainMigrateFinish! dname:string cookie:opaque[4194304] uri:string
        flags:uhyper -> ddom:domain
 64 domain_block_stats DomainBlockStats dom:domain path:string -> rd_req:hyper rd_bytes:hyper
        wr_req:hyper wr_bytes:hyper errs:hyper
 65 domain_interface_stats DomainInterfaceStats dom:domain device:string -> rx_bytes:hyper
        rx_packets:hyper rx_errs:hyper rx_drop:hyper tx_bytes:hyper tx_packets:hyper tx_errs:hyper
        tx_drop:hyper
 66 auth_list - -> types:int[20]
 67 auth_sasl_init - -> mechlist:string
 68 auth_sasl_start - mech:string nil:int data:chars[65536] -> complete:int nil:int
        data:chars[65536]
 69 auth_sasl_step - nil:int data:chars[65536] -> complete:int nil:int data:chars[65536]
 70 auth_polkit - -> complete:int
 71 connect_num_of_storage_pools ConnectNumOfStoragePools -> num:int
 72 connect_list_storage_pools ConnectListStoragePools maxnames:int -> names:string[16384]
 73 connect_num_of_defined_storage_pools ConnectNumOfDefinedStoragePools -> num:int
 74 connect_list_defined_storage_pools ConnectListDefinedStoragePools maxnames:int ->
        names:string[16384]
 75 connect_find_storage_pool_sources ConnectFindStoragePoolSources! type:string srcSpec:string?
        flags:uint -> xml:string
 76 storage_pool_create_xml StoragePoolCreateXML! xml:string flags:uint -> pool:storage_pool
 77 storage_pool_define_xml StoragePoolDefineXML! xml:string flags:uint -> pool:storage_pool
 78 storage_pool_create StoragePoolCreate! pool:storage_pool flags:uint
 79 storage_pool_build StoragePoolBuild! pool:storage_pool flags:uint
 80 storage_pool_destroy StoragePoolDestroy! pool:storage_pool
 81 storage_pool_delete StoragePoolDelete! pool:storage_pool flags:uint
 82 storage_pool_undefine StoragePoolUndefine! pool:storage_pool
 83 storage_pool_refresh StoragePoolRefresh! pool:storage_pool flags:uint
 84 storage_pool_lookup_by_name StoragePoolLookupByName name:string -> pool:storage_pool
 85 storage_pool_lookup_by_uuid StoragePoolLookupByUUID uuid:uuid -> pool:storage_pool
 86 storage_pool_lookup_by_volume StoragePoolLookupByVolume vol:storage_vol -> pool:storage_pool
 87 storage_pool_get_info StoragePoolGetInfo pool:storage_pool -> state:uchar capacity:uhyper
        allocation:uhyper available:uhyper
 88 storage_pool_get_xml_desc StoragePoolGetXMLDesc pool:storage_pool flags:uint -> xml:string
 89 storage_pool_get_autostart StoragePoolGetAutostart pool:storage_pool -> autostart:int
 90 storage_pool_set_autostart StoragePoolSetAutostart! pool:storage_pool autostart:int
 91 storage_pool_num_of_volumes StoragePoolNumOfVolumes pool:storage_pool -> num:int
 92 storage_pool_list_volumes StoragePoolListVolumes pool:storage_pool maxnames:int ->
        names:string[16384]
 93 storage_vol_create_xml StorageVolCreateXML! pool:storage_pool xml:string flags:uint ->
        vol:storage_vol
 94 storage_vol_delete StorageVolDelete! vol:storage_vol flags:uint
 95 storage_vol_lookup_by_name StorageVolLookupByName pool:storage_pool name:string ->
        vol:storage_vol
 96 storage_vol_lookup_by_key StorageVolLookupByKey key:string -> vol:storage_vol
 97 storage_vol_lookup_by_path StorageVolLookupByPath path:string -> vol:storage_vol
 98 storage_vol_get_info StorageVolGetInfo vol:storage_vol -> type:char capacity:uhyper
        allocation:uhyper
 99 storage_vol_get_xml_desc StorageVolGetXMLDesc vol:storage_vol flags:uint -> xml:string
100 storage_vol_get_path StorageVolGetPath vol:storage_vol -> name:string
101 node_get_cells_free_memory NodeGetCellsFreeMemory startCell:int maxcells:int ->
        cells:uhyper[1024]
102 node_get_free_memory NodeGetFreeMemory -> freeMem:uhyper
103 domain_block_peek DomainBlockPeek! dom:domain path:string offset:uhyper size:uint flags:uint
        -> buffer:opaque[4194304]
104 domain_memory_peek DomainMemoryPeek! dom:domain offset:uhyper size:uint flags:uint ->
        buffer:opaque[4194304]
105 connect_domain_event_register ConnectDomainEventRegister -> cb_registered:int
106 connect_domain_event_deregister ConnectDomainEventDeregister -> cb_registered:int
107 domain_event_lifecycle - dom:domain event:int detail:int
108 domain_migrate_prepare2 DomainMigratePrepare2! uri_in:string? flags:uhyper dname:string?
        resource:uhyper dom_xml:string -> cookie:opaque[4194304] uri_out:string?
109 domain_migrate_finish2 DomainMigrateFinish2! dname:string cookie:opaque[4194304] uri:string
        flags:uhyper retcode:int -> ddom:domain
110 connect_get_uri ConnectGetURI -> uri:string
111 node_num_of_devices NodeNumOfDevices cap:string? flags:uint -> num:int
112 node_list_devices NodeListDevices cap:string? maxnames:int flags:uint -> names:string[65536]
113 node_device_lookup_by_name NodeDeviceLookupByName name:string -> dev:node_device
114 node_device_get_xml_desc NodeDeviceGetXMLDesc name:string flags:uint -> xml:string
115 node_device_get_parent NodeDeviceGetParent name:string -> parentName:string?
116 node_device_num_of_caps NodeDeviceNumOfCaps name:string -> num:int
117 node_device_list_caps NodeDeviceListCaps name:string maxnames:int -> names:string[65536]
118 node_device_dettach NodeDeviceDettach! name:string
119 node_device_re_attach NodeDeviceReAttach! name:string
120 node_device_reset NodeDeviceReset! name:string
121 domain_get_security_label DomainGetSecurityLabel dom:domain -> label:chars[4097] enforcing:int
122 node_get_security_model NodeGetSecurityModel -> model:chars[257] doi:chars[257]
123 node_device_create_xml NodeDeviceCreateXML! xml_desc:string flags:uint -> dev:node_device
124 node_device_destroy NodeDeviceDestroy! name:string
125 storage_vol_create_xml_from StorageVolCreateXMLFrom! pool:storage_pool xml:string
        clonevol:storage_vol flags:uint -> vol:storage_vol
126 connect_num_of_interfaces ConnectNumOfInterfaces -> num:int
127 connect_list_interfaces ConnectListInterfaces maxnames:int -> names:string[16384]
128 interface_lookup_by_name InterfaceLookupByName name:string -> iface:interface
129 interface_lookup_by_mac_string InterfaceLookupByMACString mac:string -> iface:interface
130 interface_get_xml_desc InterfaceGetXMLDesc iface:interface flags:uint -> xml:string
131 interface_define_xml InterfaceDefineXML! xml:string flags:uint -> iface:interface
132 interface_undefine InterfaceUndefine! iface:interface
133 interface_create InterfaceCreate! iface:interface flags:uint
134 interface_destroy InterfaceDestroy! iface:interface flags:uint
135 connect_domain_xml_from_native ConnectDomainXMLFromNative! nativeFormat:string
        nativeConfig:string flags:uint -> domainXml:string
136 connect_domain_xml_to_native ConnectDomainXMLToNative! nativeFormat:string domainXml:string
        flags:uint -> nativeConfig:string
137 connect_num_of_defined_interfaces ConnectNumOfDefinedInterfaces -> num:int
138 connect_list_defined_interfaces ConnectListDefinedInterfaces maxnames:int ->
        names:string[16384]
139 connect_num_of_secrets ConnectNumOfSecrets -> num:int
140 connect_list_secrets ConnectListSecrets maxuuids:int -> uuids:string[16384]
141 secret_lookup_by_uuid SecretLookupByUUID uuid:uuid -> secret:secret
142 secret_define_xml SecretDefineXML! xml:string flags:uint -> secret:secret
143 secret_get_xml_desc SecretGetXMLDesc secret:secret flags:uint -> xml:string
144 secret_set_value SecretSetValue! secret:secret value:opaque[65536] flags:uint
145 secret_get_value SecretGetValue! secret:secret flags:uint -> value:opaque[65536]
146 secret_undefine SecretUndefine! secret:secret
147 secret_lookup_by_usage SecretLookupByUsage usageType:int usageID:string -> secret:secret
148 domain_migrate_prepare_tunnel DomainMigratePrepareTunnel! flags:uhyper dname:string?
        resource:uhyper dom_xml:string
149 connect_is_secure ConnectIsSecure -> secure:int
150 domain_is_active DomainIsActive dom:domain -> active:int
151 domain_is_persistent DomainIsPersistent dom:domain -> persistent:int
152 network_is_active NetworkIsActive net:network -> active:int
153 network_is_persistent NetworkIsPersistent net:network -> persistent:int
154 storage_pool_is_active StoragePoolIsActive pool:storage_pool -> active:int
155 storage_pool_is_persistent StoragePoolIsPersistent pool:storage_pool -> persistent:int
156 interface_is_active InterfaceIsActive iface:interface -> active:int
157 connect_get_lib_version ConnectGetLibVersion -> lib_ver:uhyper
158 connect_compare_cpu ConnectCompareCPU xml:string flags:uint -> result:int
159 domain_memory_stats DomainMemoryStats dom:domain maxStats:uint flags:uint ->
        stats:domain_memory_stat[1024]
160 domain_attach_device_flags DomainAttachDeviceFlags! dom:domain xml:string flags:uint
161 domain_detach_device_flags DomainDetachDeviceFlags! dom:domain xml:string flags:uint
162 connect_baseline_cpu ConnectBaselineCPU xmlCPUs:string[256] flags:uint -> cpu:string
163 domain_get_job_info DomainGetJobInfo dom:domain -> type:int timeElapsed:uhyper
        timeRemaining:uhyper dataTotal:uhyper dataProcessed:uhyper dataRemaining:uhyper
        memTotal:uhyper memProcessed:uhyper memRemaining:uhyper fileTotal:uhyper
        fileProcessed:uhyper fileRemaining:uhyper
164 domain_abort_job DomainAbortJob! dom:domain
165 storage_vol_wipe StorageVolWipe! vol:storage_vol flags:uint
166 domain_migrate_set_max_downtime DomainMigrateSetMaxDowntime! dom:domain downtime:uhyper
        flags:uint
167 connect_domain_event_register_any ConnectDomainEventRegisterAny eventID:int
168 connect_domain_event_deregister_any ConnectDomainEventDeregisterAny eventID:int
169 domain_event_reboot - dom:domain
170 domain_event_rtc_change - dom:domain offset:hyper
171 domain_event_watchdog - dom:domain action:int
172 domain_event_io_error - dom:domain srcPath:string devAlias:string action:int
173 domain_event_graphics - dom:domain phase:int local:domain_event_graphics_address
        remote:domain_event_graphics_address authScheme:string
        subject:domain_event_graphics_identity[20]
174 domain_update_device_flags DomainUpdateDeviceFlags! dom:domain xml:string flags:uint
175 nwfilter_lookup_by_name NWFilterLookupByName name:string -> nwfilter:nwfilter
176 nwfilter_lookup_by_uuid NWFilterLookupByUUID uuid:uuid -> nwfilter:nwfilter
177 nwfilter_get_xml_desc NWFilterGetXMLDesc nwfilter:nwfilter flags:uint -> xml:string
178 connect_num_of_nwfilters ConnectNumOfNWFilters -> num:int
179 connect_list_nwfilters ConnectListNWFilters maxnames:int -> names:string[16384]
180 nwfilter_define_xml NWFilterDefineXML! xml:string -> nwfilter:nwfilter
181 nwfilter_undefine NWFilterUndefine! nwfilter:nwfilter
182 domain_managed_save DomainManagedSave! dom:domain flags:uint
183 domain_has_managed_save_image DomainHasManagedSaveImage dom:domain flags:uint -> result:int
184 domain_managed_save_remove DomainManagedSaveRemove! dom:domain flags:uint
185 domain_snapshot_create_xml DomainSnapshotCreateXML! dom:domain xml_desc:string flags:uint ->
        snap:snapshot
186 domain_snapshot_get_xml_desc DomainSnapshotGetXMLDesc snap:snapshot flags:uint -> xml:string
187 domain_snapshot_num DomainSnapshotNum dom:domain flags:uint -> num:int
188 domain_snapshot_list_names DomainSnapshotListNames dom:domain maxnames:int flags:uint ->
        names:string[16384]
189 domain_snapshot_lookup_by_name DomainSnapshotLookupByName dom:domain name:string flags:uint ->
        snap:snapshot
190 domain_has_current_snapshot DomainHasCurrentSnapshot dom:domain flags:uint -> result:int
191 domain_snapshot_current DomainSnapshotCurrent dom:domain flags:uint -> snap:snapshot
192 domain_revert_to_snapshot DomainRevertToSnapshot! snap:snapshot flags:uint
193 domain_snapshot_delete DomainSnapshotDelete! snap:snapshot flags:uint
194 domain_get_block_info DomainGetBlockInfo dom:domain path:string flags:uint ->
        allocation:uhyper capacity:uhyper physical:uhyper
195 domain_event_io_error_reason - dom:domain srcPath:string devAlias:string action:int
        reason:string
196 domain_create_with_flags DomainCreateWithFlags! dom:domain flags:uint -> dom:domain
197 domain_set_memory_parameters DomainSetMemoryParameters! dom:domain params:typed_param[16]
        flags:uint
198 domain_get_memory_parameters DomainGetMemoryParameters dom:domain nparams:int flags:uint ->
        params:typed_param[16] nparams:int
199 domain_set_vcpus_flags DomainSetVcpusFlags! dom:domain nvcpus:uint flags:uint
200 domain_get_vcpus_flags DomainGetVcpusFlags dom:domain flags:uint -> num:int
201 domain_open_console DomainOpenConsole! dom:domain dev_name:string? flags:uint
202 domain_is_updated DomainIsUpdated dom:domain -> updated:int
203 connect_get_sysinfo ConnectGetSysinfo flags:uint -> sysinfo:string
204 domain_set_memory_flags DomainSetMemoryFlags! dom:domain memory:uhyper flags:uint
205 domain_set_blkio_parameters DomainSetBlkioParameters! dom:domain params:typed_param[16]
        flags:uint
206 domain_get_blkio_parameters DomainGetBlkioParameters dom:domain nparams:int flags:uint ->
        params:typed_param[16] nparams:int
207 domain_migrate_set_max_speed DomainMigrateSetMaxSpeed! dom:domain bandwidth:uhyper flags:uint
208 storage_vol_upload StorageVolUpload! vol:storage_vol offset:uhyper length:uhyper flags:uint
209 storage_vol_download StorageVolDownload! vol:storage_vol offset:uhyper length:uhyper
        flags:uint
210 domain_inject_nmi DomainInjectNMI! dom:domain flags:uint
211 domain_screenshot DomainScreenshot! dom:domain screen:uint flags:uint -> mime:string?
212 domain_get_state DomainGetState dom:domain flags:uint -> state:int reason:int
213 domain_migrate_begin3 DomainMigrateBegin3! dom:domain xmlin:string? flags:uhyper dname:string?
        resource:uhyper -> cookie_out:opaque[4194304] xml:string
214 domain_migrate_prepare3 DomainMigratePrepare3! cookie_in:opaque[4194304] uri_in:string?
        flags:uhyper dname:string? resource:uhyper dom_xml:string -> cookie_out:opaque[4194304]
        uri_out:string?
215 domain_migrate_prepare_tunnel3 DomainMigratePrepareTunnel3! cookie_in:opaque[4194304]
        flags:uhyper dname:string? resource:uhyper dom_xml:string -> cookie_out:opaque[4194304]
216 domain_migrate_perform3 DomainMigratePerform3! dom:domain xmlin:string?
        cookie_in:opaque[4194304] dconnuri:string? uri:string? flags:uhyper dname:string?
        resource:uhyper -> cookie_out:opaque[4194304]
217 domain_migrate_finish3 DomainMigrateFinish3! dname:string cookie_in:opaque[4194304]
        dconnuri:string? uri:string? flags:uhyper cancelled:int -> dom:domain
        cookie_out:opaque[4194304]
218 domain_migrate_confirm3 DomainMigrateConfirm3! dom:domain cookie_in:opaque[4194304]
        flags:uhyper cancelled:int
219 domain_set_scheduler_parameters_flags DomainSetSchedulerParametersFlags! dom:domain
        params:typed_param[16] flags:uint
220 interface_change_begin InterfaceChangeBegin! flags:uint
221 interface_change_commit InterfaceChangeCommit! flags:uint
222 interface_change_rollback InterfaceChangeRollback! flags:uint
223 domain_get_scheduler_parameters_flags DomainGetSchedulerParametersFlags dom:domain nparams:int
        flags:uint -> params:typed_param[16]
224 domain_event_control_error - dom:domain
225 domain_pin_vcpu_flags DomainPinVcpuFlags! dom:domain vcpu:uint cpumap:opaque[2048] flags:uint
226 domain_send_key DomainSendKey! dom:domain codeset:uint holdtime:uint keycodes:uint[16]
        flags:uint
227 node_get_cpu_stats NodeGetCPUStats cpuNum:int nparams:int flags:uint -> params:cpu_stat[16]
        nparams:int
228 node_get_memory_stats NodeGetMemoryStats nparams:int cellNum:int flags:uint ->
        params:memory_stat[16] nparams:int
229 domain_get_control_info DomainGetControlInfo dom:domain flags:uint -> state:uint details:uint
        stateTime:uhyper
230 domain_get_vcpu_pin_info DomainGetVcpuPinInfo dom:domain ncpumaps:int maplen:int flags:uint ->
        cpumaps:opaque[8388608] num:int
231 domain_undefine_flags DomainUndefineFlags! dom:domain flags:uint
232 domain_save_flags DomainSaveFlags! dom:domain to:string dxml:string? flags:uint
233 domain_restore_flags DomainRestoreFlags! from:string dxml:string? flags:uint
234 domain_destroy_flags DomainDestroyFlags! dom:domain flags:uint
235 domain_save_image_get_xml_desc DomainSaveImageGetXMLDesc! file:string flags:uint -> xml:string
236 domain_save_image_define_xml DomainSaveImageDefineXML! file:string dxml:string flags:uint
237 domain_block_job_abort DomainBlockJobAbort! dom:domain path:string flags:uint
238 domain_get_block_job_info DomainGetBlockJobInfo dom:domain path:string flags:uint -> found:int
        type:int bandwidth:uhyper cur:uhyper end:uhyper
239 domain_block_job_set_speed DomainBlockJobSetSpeed! dom:domain path:string bandwidth:uhyper
        flags:uint
240 domain_block_pull DomainBlockPull! dom:domain path:string bandwidth:uhyper flags:uint
241 domain_event_block_job - dom:domain path:string type:int status:int
242 domain_migrate_get_max_speed DomainMigrateGetMaxSpeed! dom:domain flags:uint ->
        bandwidth:uhyper
243 domain_block_stats_flags DomainBlockStatsFlags dom:domain path:string nparams:int flags:uint
        -> params:typed_param[16] nparams:int
244 domain_snapshot_get_parent DomainSnapshotGetParent snap:snapshot flags:uint -> snap:snapshot
245 domain_reset DomainReset! dom:domain flags:uint
246 domain_snapshot_num_children DomainSnapshotNumChildren snap:snapshot flags:uint -> num:int
247 domain_snapshot_list_children_names DomainSnapshotListChildrenNames snap:snapshot maxnames:int
        flags:uint -> names:string[16384]
248 domain_event_disk_change - dom:domain oldSrcPath:string? newSrcPath:string? devAlias:string
        reason:int
249 domain_open_graphics DomainOpenGraphics! dom:domain idx:uint flags:uint
250 node_suspend_for_duration NodeSuspendForDuration! target:uint duration:uhyper flags:uint
251 domain_block_resize DomainBlockResize! dom:domain disk:string size:uhyper flags:uint
252 domain_set_block_io_tune DomainSetBlockIoTune! dom:domain disk:string params:typed_param[32]
        flags:uint
253 domain_get_block_io_tune DomainGetBlockIoTune dom:domain disk:string? nparams:int flags:uint
        -> params:typed_param[32] nparams:int
254 domain_set_numa_parameters DomainSetNumaParameters! dom:domain params:typed_param[16]
        flags:uint
255 domain_get_numa_parameters DomainGetNumaParameters dom:domain nparams:int flags:uint ->
        params:typed_param[16] nparams:int
256 domain_set_interface_parameters DomainSetInterfaceParameters! dom:domain device:string
        params:typed_param[16] flags:uint
257 domain_get_interface_parameters DomainGetInterfaceParameters dom:domain device:string
        nparams:int flags:uint -> params:typed_param[16] nparams:int
258 domain_shutdown_flags DomainShutdownFlags! dom:domain flags:uint
259 storage_vol_wipe_pattern StorageVolWipePattern! vol:storage_vol algorithm:uint flags:uint
260 storage_vol_resize StorageVolResize! vol:storage_vol capacity:uhyper flags:uint
261 domain_pm_suspend_for_duration DomainPMSuspendForDuration! dom:domain target:uint
        duration:uhyper flags:uint
262 domain_get_cpu_stats DomainGetCPUStats dom:domain nparams:uint start_cpu:int ncpus:uint
        flags:uint -> params:typed_param[2048] nparams:int
263 domain_get_disk_errors DomainGetDiskErrors dom:domain maxerrors:uint flags:uint ->
        errors:domain_disk_error[256] nerrors:int
264 domain_set_metadata DomainSetMetadata! dom:domain type:int metadata:string? key:string?
        uri:string? flags:uint
265 domain_get_metadata DomainGetMetadata dom:domain type:int uri:string? flags:uint ->
        metadata:string
266 domain_block_rebase DomainBlockRebase! dom:domain path:string base:string? bandwidth:uhyper
        flags:uint
267 domain_pm_wakeup DomainPMWakeup! dom:domain flags:uint
268 domain_event_tray_change - dom:domain devAlias:string reason:int
269 domain_event_pmwakeup - dom:domain
270 domain_event_pmsuspend - dom:domain
271 domain_snapshot_is_current DomainSnapshotIsCurrent snap:snapshot flags:uint -> current:int
272 domain_snapshot_has_metadata DomainSnapshotHasMetadata snap:snapshot flags:uint ->
        metadata:int
273 connect_list_all_domains ConnectListAllDomains need_results:int flags:uint ->
        domains:domain[16384] ret:uint
274 domain_list_all_snapshots DomainListAllSnapshots dom:domain need_results:int flags:uint ->
        snapshots:snapshot[16384] ret:int
275 domain_snapshot_list_all_children DomainSnapshotListAllChildren snapshot:snapshot
        need_results:int flags:uint -> snapshots:snapshot[16384] ret:int
276 domain_event_balloon_change - dom:domain actual:uhyper
277 domain_get_hostname DomainGetHostname! dom:domain flags:uint -> hostname:string
278 domain_get_security_label_list DomainGetSecurityLabelList dom:domain ->
        labels:domain_get_security_label_ret[64] ret:int
279 domain_pin_emulator DomainPinEmulator! dom:domain cpumap:opaque[2048] flags:uint
280 domain_get_emulator_pin_info DomainGetEmulatorPinInfo dom:domain maplen:int flags:uint ->
        cpumaps:opaque[8388608] ret:int
281 connect_list_all_storage_pools ConnectListAllStoragePools need_results:int flags:uint ->
        pools:storage_pool[16384] ret:uint
282 storage_pool_list_all_volumes StoragePoolListAllVolumes pool:storage_pool need_results:int
        flags:uint -> vols:storage_vol[16384] ret:uint
283 connect_list_all_networks ConnectListAllNetworks need_results:int flags:uint ->
        nets:network[16384] ret:uint
284 connect_list_all_interfaces ConnectListAllInterfaces need_results:int flags:uint ->
        ifaces:interface[16384] ret:uint
285 connect_list_all_node_devices ConnectListAllNodeDevices need_results:int flags:uint ->
        devices:node_device[65536] ret:uint
286 connect_list_all_nwfilters ConnectListAllNWFilters need_results:int flags:uint ->
        filters:nwfilter[16384] ret:uint
287 connect_list_all_secrets ConnectListAllSecrets need_results:int flags:uint ->
        secrets:secret[16384] ret:uint
288 node_set_memory_parameters NodeSetMemoryParameters! params:typed_param[64] flags:uint
289 node_get_memory_parameters NodeGetMemoryParameters nparams:int flags:uint ->
        params:typed_param[64] nparams:int
290 domain_block_commit DomainBlockCommit! dom:domain disk:string base:string? top:string?
        bandwidth:uhyper flags:uint
291 network_update NetworkUpdate! net:network command:uint section:uint parentIndex:int xml:string
        flags:uint
292 domain_event_pmsuspend_disk - dom:domain
293 node_get_cpu_map NodeGetCPUMap need_map:int need_online:int flags:uint -> cpumap:opaque[2048]
        online:uint ret:int
294 domain_fstrim DomainFSTrim! dom:domain mountPoint:string? minimum:uhyper flags:uint
295 domain_send_process_signal DomainSendProcessSignal! dom:domain pid_value:hyper signum:uint
        flags:uint
296 domain_open_channel DomainOpenChannel! dom:domain name:string? flags:uint
297 node_device_lookup_scsi_host_by_wwn NodeDeviceLookupSCSIHostByWWN wwnn:string wwpn:string
        flags:uint -> dev:node_device
298 domain_get_job_stats DomainGetJobStats dom:domain flags:uint -> type:int
        params:typed_param[64]
299 domain_migrate_get_compression_cache DomainMigrateGetCompressionCache dom:domain flags:uint ->
        cacheSize:uhyper
300 domain_migrate_set_compression_cache DomainMigrateSetCompressionCache! dom:domain
        cacheSize:uhyper flags:uint
301 node_device_detach_flags NodeDeviceDetachFlags! name:string driverName:string? flags:uint
302 domain_migrate_begin3_params DomainMigrateBegin3Params! dom:domain params:typed_param[64]
        flags:uint -> cookie_out:opaque[4194304] xml:string
303 domain_migrate_prepare3_params DomainMigratePrepare3Params! params:typed_param[64]
        cookie_in:opaque[4194304] flags:uint -> cookie_out:opaque[4194304] uri_out:string?
304 domain_migrate_prepare_tunnel3_params DomainMigratePrepareTunnel3Params!
        params:typed_param[64] cookie_in:opaque[4194304] flags:uint -> cookie_out:opaque[4194304]
305 domain_migrate_perform3_params DomainMigratePerform3Params! dom:domain dconnuri:string?
        params:typed_param[64] cookie_in:opaque[4194304] flags:uint -> cookie_out:opaque[4194304]
306 domain_migrate_finish3_params DomainMigrateFinish3Params! params:typed_param[64]
        cookie_in:opaque[4194304] flags:uint cancelled:int -> dom:domain
        cookie_out:opaque[4194304]
307 domain_migrate_confirm3_params DomainMigrateConfirm3Params! dom:domain params:typed_param[64]
        cookie_in:opaque[4194304] flags:uint cancelled:int
308 domain_set_memory_stats_period DomainSetMemoryStatsPeriod! dom:domain period:int flags:uint
309 domain_create_xml_with_files DomainCreateXMLWithFiles! xml_desc:string flags:uint ->
        dom:domain
310 domain_create_with_files DomainCreateWithFiles! dom:domain flags:uint -> dom:domain
311 domain_event_device_removed - dom:domain devAlias:string
312 connect_get_cpu_model_names ConnectGetCPUModelNames arch:string need_results:int flags:uint ->
        models:string[8192] ret:int
313 connect_network_event_register_any ConnectNetworkEventRegisterAny eventID:int net:network? ->
        callbackID:int
314 connect_network_event_deregister_any ConnectNetworkEventDeregisterAny callbackID:int
315 network_event_lifecycle - callbackID:int net:network event:int detail:int
316 connect_domain_event_callback_register_any ConnectDomainEventRegisterAny eventID:int
        dom:domain? -> callbackID:int
317 connect_domain_event_callback_deregister_any ConnectDomainEventDeregisterAny callbackID:int
318 domain_event_callback_lifecycle - callbackID:int msg:(dom:domain event:int detail:int)
319 domain_event_callback_reboot - callbackID:int msg:(dom:domain)
320 domain_event_callback_rtc_change - callbackID:int msg:(dom:domain offset:hyper)
321 domain_event_callback_watchdog - callbackID:int msg:(dom:domain action:int)
322 domain_event_callback_io_error - callbackID:int msg:(dom:domain srcPath:string devAlias:string
        action:int)
323 domain_event_callback_graphics - callbackID:int msg:(dom:domain phase:int
        local:domain_event_graphics_address remote:domain_event_graphics_address authScheme:string
        subject:domain_event_graphics_identity[20])
324 domain_event_callback_io_error_reason - callbackID:int msg:(dom:domain srcPath:string
        devAlias:string action:int reason:string)
325 domain_event_callback_control_error - callbackID:int msg:(dom:domain)
326 domain_event_callback_block_job - callbackID:int msg:(dom:domain path:string type:int
        status:int)
327 domain_event_callback_disk_change - callbackID:int msg:(dom:domain oldSrcPath:string?
        newSrcPath:string? devAlias:string reason:int)
328 domain_event_callback_tray_change - callbackID:int msg:(dom:domain devAlias:string reason:int)
329 domain_event_callback_pmwakeup - callbackID:int reason:int msg:(dom:domain)
330 domain_event_callback_pmsuspend - callbackID:int reason:int msg:(dom:domain)
331 domain_event_callback_balloon_change - callbackID:int msg:(dom:domain actual:uhyper)
332 domain_event_callback_pmsuspend_disk - callbackID:int reason:int msg:(dom:domain)
333 domain_event_callback_device_removed - callbackID:int msg:(dom:domain devAlias:string)
334 domain_core_dump_with_format DomainCoreDumpWithFormat! dom:domain to:string dumpformat:uint
        flags:uint
335 domain_fsfreeze DomainFSFreeze! dom:domain mountpoints:string[256] flags:uint ->
        filesystems:int
336 domain_fsthaw DomainFSThaw! dom:domain mountpoints:string[256] flags:uint -> filesystems:int
337 domain_get_time DomainGetTime! dom:domain flags:uint -> seconds:hyper nseconds:uint
338 domain_set_time DomainSetTime! dom:domain seconds:hyper nseconds:uint flags:uint
339 domain_event_block_job_2 - callbackID:int dom:domain dst:string type:int status:int
340 node_get_free_pages NodeGetFreePages pages:uint[1024] startCell:int cellCount:uint flags:uint
        -> counts:uhyper[1024]
341 network_get_dhcp_leases NetworkGetDHCPLeases net:network mac:string? need_results:int
        flags:uint -> leases:network_dhcp_lease[65536] ret:uint
342 connect_get_domain_capabilities ConnectGetDomainCapabilities! emulatorbin:string? arch:string?
        machine:string? virttype:string? flags:uint -> capabilities:string
343 domain_open_graphics_fd DomainOpenGraphicsFD! dom:domain idx:uint flags:uint
344 connect_get_all_domain_stats ConnectGetAllDomainStats doms:domain[16384] stats:uint flags:uint
        -> retStats:domain_stats_record[16384]
345 domain_block_copy DomainBlockCopy! dom:domain path:string destxml:string
        params:typed_param[16] flags:uint
346 domain_event_callback_tunable - callbackID:int dom:domain params:typed_param[2048]
347 node_alloc_pages NodeAllocPages! pageSizes:uint[1024] pageCounts:uhyper[1024] startCell:int
        cellCount:uint flags:uint -> ret:int
348 domain_event_callback_agent_lifecycle - callbackID:int dom:domain state:int reason:int
349 domain_get_fsinfo DomainGetFSInfo! dom:domain flags:uint -> info:domain_fsinfo[256] ret:uint
350 domain_define_xml_flags DomainDefineXMLFlags! xml:string flags:uint -> dom:domain
351 domain_get_iothread_info DomainGetIOThreadInfo dom:domain flags:uint ->
        info:domain_iothread_info[16384] ret:uint
352 domain_pin_iothread DomainPinIOThread! dom:domain iothreads_id:uint cpumap:opaque[2048]
        flags:uint
353 domain_interface_addresses DomainInterfaceAddresses dom:domain source:uint flags:uint ->
        ifaces:domain_interface[2048]
354 domain_event_callback_device_added - callbackID:int dom:domain devAlias:string
355 domain_add_iothread DomainAddIOThread! dom:domain iothread_id:uint flags:uint
356 domain_del_iothread DomainDelIOThread! dom:domain iothread_id:uint flags:uint
357 domain_set_user_password DomainSetUserPassword! dom:domain user:string? password:string?
        flags:uint
358 domain_rename DomainRename! dom:domain new_name:string? flags:uint -> retcode:int
359 domain_event_callback_migration_iteration - callbackID:int dom:domain iteration:int
360 connect_register_close_callback ConnectRegisterCloseCallback
361 connect_unregister_close_callback ConnectUnregisterCloseCallback
362 connect_event_connection_closed - reason:int
363 domain_event_callback_job_completed - callbackID:int dom:domain params:typed_param[64]
364 domain_migrate_start_post_copy DomainMigrateStartPostCopy! dom:domain flags:uint
365 domain_get_perf_events DomainGetPerfEvents dom:domain flags:uint -> params:typed_param[64]
366 domain_set_perf_events DomainSetPerfEvents! dom:domain params:typed_param[64] flags:uint
367 domain_event_callback_device_removal_failed - callbackID:int dom:domain devAlias:string
368 connect_storage_pool_event_register_any ConnectStoragePoolEventRegisterAny eventID:int
        pool:storage_pool? -> callbackID:int
369 connect_storage_pool_event_deregister_any ConnectStoragePoolEventDeregisterAny callbackID:int
370 storage_pool_event_lifecycle - callbackID:int pool:storage_pool event:int detail:int
371 domain_get_guest_vcpus DomainGetGuestVcpus! dom:domain flags:uint -> params:typed_param[64]
372 domain_set_guest_vcpus DomainSetGuestVcpus! dom:domain cpumap:string state:int flags:uint
373 storage_pool_event_refresh - callbackID:int pool:storage_pool
374 connect_node_device_event_register_any ConnectNodeDeviceEventRegisterAny eventID:int
        dev:node_device? -> callbackID:int
375 connect_node_device_event_deregister_any ConnectNodeDeviceEventDeregisterAny callbackID:int
376 node_device_event_lifecycle - callbackID:int dev:node_device event:int detail:int
377 node_device_event_update - callbackID:int dev:node_device
378 storage_vol_get_info_flags StorageVolGetInfoFlags vol:storage_vol flags:uint -> type:char
        capacity:uhyper allocation:uhyper
379 domain_event_callback_metadata_change - callbackID:int dom:domain type:int nsuri:string?
380 connect_secret_event_register_any ConnectSecretEventRegisterAny eventID:int secret:secret? ->
        callbackID:int
381 connect_secret_event_deregister_any ConnectSecretEventDeregisterAny callbackID:int
382 secret_event_lifecycle - callbackID:int secret:secret event:int detail:int
383 secret_event_value_changed - callbackID:int secret:secret
384 domain_set_vcpu DomainSetVcpu! dom:domain cpumap:string state:int flags:uint
385 domain_event_block_threshold - callbackID:int dom:domain dev:string path:string?
        threshold:uhyper excess:uhyper
386 domain_set_block_threshold DomainSetBlockThreshold! dom:domain dev:string threshold:uhyper
        flags:uint
387 domain_migrate_get_max_downtime DomainMigrateGetMaxDowntime dom:domain flags:uint ->
        downtime:uhyper
388 domain_managed_save_get_xml_desc DomainManagedSaveGetXMLDesc dom:domain flags:uint ->
        xml:string
389 domain_managed_save_define_xml DomainManagedSaveDefineXML! dom:domain dxml:string? flags:uint
390 domain_set_lifecycle_action DomainSetLifecycleAction! dom:domain type:uint action:uint
        flags:uint
391 storage_pool_lookup_by_target_path StoragePoolLookupByTargetPath path:string ->
        pool:storage_pool
392 domain_detach_device_alias DomainDetachDeviceAlias! dom:domain alias:string flags:uint
393 connect_compare_hypervisor_cpu ConnectCompareHypervisorCPU! emulator:string? arch:string?
        machine:string? virttype:string? xmlCPU:string flags:uint -> result:int
394 connect_baseline_hypervisor_cpu ConnectBaselineHypervisorCPU! emulator:string? arch:string?
        machine:string? virttype:string? xmlCPUs:string[256] flags:uint -> cpu:string
395 node_get_sev_info NodeGetSEVInfo! nparams:int flags:uint -> params:typed_param[64] nparams:int
396 domain_get_launch_security_info DomainGetLaunchSecurityInfo! dom:domain flags:uint ->
        params:typed_param[64]
397 nwfilter_binding_lookup_by_port_dev NWFilterBindingLookupByPortDev name:string ->
        nwfilter:nwfilter_binding
398 nwfilter_binding_get_xml_desc NWFilterBindingGetXMLDesc nwfilter:nwfilter_binding flags:uint
        -> xml:string
399 nwfilter_binding_create_xml NWFilterBindingCreateXML! xml:string flags:uint ->
        nwfilter:nwfilter_binding
400 nwfilter_binding_delete NWFilterBindingDelete! nwfilter:nwfilter_binding
401 connect_list_all_nwfilter_bindings ConnectListAllNWFilterBindings need_results:int flags:uint
        -> bindings:nwfilter_binding[16384] ret:uint
402 domain_set_iothread_params DomainSetIOThreadParams! dom:domain iothread_id:uint
        params:typed_param[64] flags:uint
403 connect_get_storage_pool_capabilities ConnectGetStoragePoolCapabilities flags:uint ->
        capabilities:string
404 network_list_all_ports NetworkListAllPorts network:network need_results:int flags:uint ->
        ports:network_port[16384] ret:uint
405 network_port_lookup_by_uuid NetworkPortLookupByUUID network:network uuid:uuid ->
        port:network_port
406 network_port_create_xml NetworkPortCreateXML! network:network xml:string flags:uint ->
        port:network_port
407 network_port_get_parameters NetworkPortGetParameters port:network_port nparams:int flags:uint
        -> params:typed_param[16] nparams:int
408 network_port_set_parameters NetworkPortSetParameters! port:network_port params:typed_param[16]
        flags:uint
409 network_port_get_xml_desc NetworkPortGetXMLDesc port:network_port flags:uint -> xml:string
410 network_port_delete NetworkPortDelete! port:network_port flags:uint
411 domain_checkpoint_create_xml DomainCheckpointCreateXML! dom:domain xml_desc:string flags:uint
        -> checkpoint:checkpoint
412 domain_checkpoint_get_xml_desc DomainCheckpointGetXMLDesc checkpoint:checkpoint flags:uint ->
        xml:string
413 domain_list_all_checkpoints DomainListAllCheckpoints dom:domain need_results:int flags:uint ->
        checkpoints:checkpoint[16384] ret:int
414 domain_checkpoint_list_all_children DomainCheckpointListAllChildren checkpoint:checkpoint
        need_results:int flags:uint -> checkpoints:checkpoint[16384] ret:int
415 domain_checkpoint_lookup_by_name DomainCheckpointLookupByName dom:domain name:string
        flags:uint -> checkpoint:checkpoint
416 domain_checkpoint_get_parent DomainCheckpointGetParent checkpoint:checkpoint flags:uint ->
        parent:checkpoint
417 domain_checkpoint_delete DomainCheckpointDelete! checkpoint:checkpoint flags:uint
418 domain_get_guest_info DomainGetGuestInfo! dom:domain types:uint flags:uint ->
        params:typed_param[2048]
419 connect_set_identity ConnectSetIdentity params:typed_param[20] flags:uint
420 domain_agent_set_response_timeout DomainAgentSetResponseTimeout! dom:domain timeout:int
        flags:uint -> result:int
421 domain_backup_begin DomainBackupBegin! dom:domain backup_xml:string checkpoint_xml:string?
        flags:uint
422 domain_backup_get_xml_desc DomainBackupGetXMLDesc dom:domain flags:uint -> xml:string
423 domain_event_memory_failure - callbackID:int dom:domain recipient:int action:int flags:uint
424 domain_authorized_ssh_keys_get DomainAuthorizedSSHKeysGet! dom:domain user:string flags:uint
        -> keys:string[2048]
425 domain_authorized_ssh_keys_set DomainAuthorizedSSHKeysSet! dom:domain user:string
        keys:string[2048] flags:uint
426 domain_get_messages DomainGetMessages dom:domain flags:uint -> msgs:string[2048]
427 domain_start_dirty_rate_calc DomainStartDirtyRateCalc! dom:domain seconds:int flags:uint
428 node_device_define_xml NodeDeviceDefineXML! xml_desc:string flags:uint -> dev:node_device
429 node_device_undefine NodeDeviceUndefine! name:string flags:uint
430 node_device_create NodeDeviceCreate! name:string flags:uint
431 nwfilter_define_xml_flags NWFilterDefineXMLFlags! xml:string flags:uint -> nwfilter:nwfilter
432 network_define_xml_flags NetworkDefineXMLFlags! xml:string flags:uint -> net:network
433 node_device_get_autostart NodeDeviceGetAutostart! name:string -> autostart:int
434 node_device_set_autostart NodeDeviceSetAutostart! name:string autostart:int
435 node_device_is_persistent NodeDeviceIsPersistent name:string -> persistent:int
436 node_device_is_active NodeDeviceIsActive name:string -> active:int
437 network_create_xml_flags NetworkCreateXMLFlags! xml:string flags:uint -> net:network
438 domain_event_memory_device_size_change - callbackID:int dom:domain alias:string size:uhyper
439 domain_set_launch_security_state DomainSetLaunchSecurityState! dom:domain
        params:typed_param[64] flags:uint
440 domain_save_params DomainSaveParams! dom:domain params:typed_param[64] flags:uint
441 domain_restore_params DomainRestoreParams! params:typed_param[64] flags:uint
442 domain_abort_job_flags DomainAbortJobFlags! dom:domain flags:uint
443 domain_fd_associate DomainFDAssociate! dom:domain name:string flags:uint
444 network_set_metadata NetworkSetMetadata! net:network type:int metadata:string? key:string?
        uri:string? flags:uint
445 network_get_metadata NetworkGetMetadata net:network type:int uri:string? flags:uint ->
        metadata:string
446 network_event_callback_metadata_change - callbackID:int net:network type:int nsuri:string?
447 node_device_update NodeDeviceUpdate! name:string xml_desc:string flags:uint
448 domain_graphics_reload DomainGraphicsReload! dom:domain type:uint flags:uint
449 domain_get_autostart_once DomainGetAutostartOnce dom:domain -> autostart:int
450 domain_set_autostart_once DomainSetAutostartOnce! dom:domain autostart:int
451 domain_set_throttle_group DomainSetThrottleGroup! dom:domain group:string
        params:typed_param[32] flags:uint
452 domain_del_throttle_group DomainDelThrottleGroup! dom:domain group:string? flags:uint
453 domain_event_nic_mac_change - callbackID:int dom:domain alias:string oldMAC:string
        newMAC:string
"""

QEMU: Final = """
  1 domain_monitor_command DomainQemuMonitorCommand! dom:domain cmd:string flags:uint ->
        result:string
  2 domain_attach DomainQemuAttach! pid_value:uint flags:uint -> dom:domain
  3 domain_agent_command DomainQemuAgentCommand! dom:domain cmd:string timeout:int flags:uint ->
        result:string?
  4 connect_domain_monitor_event_register ConnectDomainQemuMonitorEventRegister! dom:domain?
        event:string? flags:uint -> callbackID:int
  5 connect_domain_monitor_event_deregister ConnectDomainQemuMonitorEventDeregister!
        callbackID:int
  6 domain_monitor_event - callbackID:int dom:domain event:string seconds:hyper micros:uint
        details:string?
  7 domain_monitor_command_with_files DomainQemuMonitorCommandWithFiles! dom:domain cmd:string
        flags:uint -> result:string
"""

LXC: Final = """
  1 domain_open_namespace DomainLxcOpenNamespace! dom:domain flags:uint
"""
