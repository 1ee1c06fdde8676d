# note: random commands, seed 4711, 200 of them
# dimm: 4GiB, numa=0
# dimm: 3GiB, numa=1
# dimm: 1GiB, numa=0, area=128KiB

setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
setup ndctl disable-region all
setup ndctl init-labels -f all
setup ndctl enable-region all
rec r/001 ndctl create-namespace -r region1 -m raw -s 512M -n ns_1
rec r/002 ndctl disable-namespace namespace1.0
rec r/003 ndctl create-namespace -r region0 -m devdax -M dev -a 1G -s 128M
rec r/004 ndctl read-labels -u nmem0
rec r/005 ndctl create-namespace -r region2 -m devdax -M mem -s 48M -n ns_3
rec r/006 ndctl create-namespace -f -e namespace2.0 -m fsdax -M mem -a 4K -s 128M
rec r/007 ndctl disable-namespace namespace2.0
rec r/008 ndctl create-namespace -r region1 -m devdax -M dev -s 192M
rec r/009 ndctl list -NX
rec r/010 ndctl list -RNDu
rec r/011 daxctl list -DM
rec r/012 daxctl disable-device dax1.1
rec r/013 ndctl disable-region region2
rec r/014 ndctl read-labels -u nmem0
rec r/015 ndctl list -X
rec r/016 ndctl create-namespace -r region1 -m devdax -s 128M -n ns_5
reboot
setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
rec r/018 ndctl create-namespace -r region2 -m raw -s 1024M -n ns_6
rec r/019 daxctl list
rec r/020 ndctl create-namespace -r region1 -m sector -s 192M -n ns_7
rec r/021 ndctl list -N
rec r/022 ndctl check-namespace namespace1.2
rec r/023 ndctl check-labels nmem1
rec r/024 ndctl disable-namespace namespace1.1
rec r/025 ndctl create-namespace -r region0 -m raw -s 192M
rec r/026 ndctl read-infoblock -u namespace1.0
rec r/027 ndctl create-namespace -r region2 -m sector -l 4104 -s 64M -n ns_9
rec r/028 ndctl list -D
rec r/029 ndctl list -X -r region2
rec r/030 ndctl create-namespace -r region2 -m sector -s 64M -n ns_10
rec r/031 daxio -i /dev/zero -o /dev/dax1.2 -l 8K
rec r/032 ndctl create-namespace -r region2 -m devdax -a 1G -s 256M
rec r/033 ndctl read-labels -j nmem2
rec r/034 ndctl list -NXc
rec r/035 daxio -i f3 -o /dev/dax1.2 -l 8K
rec r/036 daxio -z -o /dev/dax1.2 -l 12345
rec r/037 ndctl disable-dimm nmem0
rec r/038 ndctl list -Ni
rec r/039 ndctl read-infoblock -j namespace0.0
rec r/040 ndctl create-namespace -r region0 -m devdax -s 32M -n ns_12
rec r/041 ndctl list -NRDi
rec r/042 daxio -i f0 -o f1
rec r/043 daxio -i f0 -o f1
rec r/044 ndctl create-namespace -r region0 -m fsdax -a 2M -s 64M
rec r/045 ndctl create-namespace -f -e namespace0.2 -m devdax
rec r/046 daxctl reconfigure-device -m system-ram dax0.1
rec r/047 daxctl reconfigure-device -m devdax dax0.2
rec r/048 ndctl create-namespace -f -e namespace1.1 -m sector -l 512 -s 256M
rec r/049 daxctl reconfigure-device -m system-ram dax1.2
rec r/050 daxctl reconfigure-device -m system-ram -N dax0.2
rec r/051 ndctl list -NRBv
rec r/052 ndctl list -Xu
rec r/053 ndctl create-namespace -f -e namespace2.0 -s 128M
rec r/054 ndctl list -D
rec r/055 daxio -i /dev/dax0.1 -o /dev/dax0.1 -l 8K
rec r/056 daxctl list -Du
rec r/057 ndctl disable-dimm nmem0
rec r/058 ndctl list -N
rec r/059 ndctl create-namespace -r region2 -m sector -s 256M -n ns_14
rec r/060 daxio -i f1 -o /dev/dax0.2 -l 8K
rec r/061 ndctl list -Di
rec r/062 ndctl check-labels nmem0
rec r/063 ndctl create-namespace -r region2 -m devdax -a 2M -s 16M
rec r/064 ndctl destroy-namespace -f namespace2.2
rec r/065 ndctl list -NXc
rec r/066 ndctl create-namespace -f -e namespace1.1 -s 32M
rec r/067 ndctl create-namespace -f -e namespace1.2 -m sector -l 4096
rec r/068 ndctl create-namespace -r region1 -m devdax -M mem -s 160M
rec r/069 daxctl enable-device dax0.2
rec r/070 daxctl reconfigure-device -m system-ram dax2.5
rec r/071 ndctl create-namespace -r region2 -m devdax -s 192M -n ns_17
rec r/072 ndctl list -Di
rec r/073 ndctl create-namespace -r region2 -m sector -s 48M -n ns_18
rec r/074 ndctl read-labels -j nmem0
rec r/075 ndctl list -Xu
rec r/076 daxctl reconfigure-device -m system-ram -N dax2.6
rec r/077 ndctl create-namespace -r region2 -m devdax -s 512M -n ns_19
rec r/078 ndctl list -Xu
rec r/079 daxctl list -u
rec r/080 ndctl create-namespace -r region2 -m raw -l 4096 -s 192M
rec r/081 ndctl list -D
rec r/082 ndctl create-namespace -r region0 -m sector -s 32M -n ns_21
rec r/083 ndctl create-namespace -r region0 -m devdax -s 32M -n ns_22
rec r/084 daxio -z -o /dev/dax0.1
rec r/085 daxctl list
rec r/086 ndctl list -Xu
rec r/087 daxctl disable-device dax0.4
rec r/088 ndctl disable-region region0
rec r/089 ndctl create-namespace -r region2 -m raw -s 512M -n ns_23
rec r/090 ndctl list -RX
rec r/091 daxio -i /dev/pmem2 -o /dev/dax2.6 -l 1M
rec r/092 ndctl list -BDRNX
rec r/093 daxctl reconfigure-device -m system-ram dax2.7
rec r/094 ndctl destroy-namespace -f namespace2.0
rec r/095 ndctl create-namespace -r region2 -m devdax -M mem -a 2M -s 128M
reboot
setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
rec r/097 ndctl list -Xu
rec r/098 daxctl reconfigure-device -m system-ram -N dax2.8
rec r/099 ndctl disable-region region1
rec r/100 ndctl list -Ni
rec r/101 ndctl enable-region region1
rec r/102 ndctl create-namespace -r region2 -m devdax -M mem -s 112M -n ns_25
rec r/103 daxctl reconfigure-device -m devdax dax2.5
rec r/104 ndctl create-namespace -r region0 -m fsdax -a 2M -s 48M
rec r/105 ndctl create-namespace -r region2 -m devdax -M dev -a 4K -s 16M
rec r/106 ndctl destroy-namespace -f namespace2.10
rec r/107 ndctl disable-region region1
rec r/108 ndctl destroy-namespace -f namespace0.2
rec r/109 ndctl create-namespace -f -e namespace0.3
reboot
setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
rec r/111 ndctl disable-region region1
rec r/112 ndctl create-namespace -r region2 -m devdax -M dev -s 112M
rec r/113 ndctl destroy-namespace -f namespace2.2
rec r/114 ndctl enable-region region1
rec r/115 ndctl list -NM
rec r/116 ndctl destroy-namespace -f namespace1.1
rec r/117 ndctl create-namespace -r region1 -m fsdax -M mem -s 32M
rec r/118 ndctl disable-namespace namespace2.4
rec r/119 ndctl create-namespace -r region2 -m devdax -s 64M -n ns_30
rec r/120 ndctl check-namespace -f namespace2.1
rec r/121 daxctl list -D
rec r/122 ndctl disable-namespace namespace0.1
rec r/123 ndctl list -N
rec r/124 ndctl list -DH
rec r/125 daxio -z -o /dev/dax2.9 -l 1M
rec r/126 ndctl create-namespace -r region0 -m devdax -s 64M
rec r/127 ndctl list -NRDi
rec r/128 ndctl read-labels -j nmem1
rec r/129 ndctl create-namespace -r region0 -m sector -l 4224 -s 80M -n ns_32
rec r/130 ndctl read-labels -jI nmem2
rec r/131 ndctl disable-namespace namespace2.6
rec r/132 ndctl create-namespace -m raw -a 2M
rec r/133 ndctl enable-namespace namespace0.1
rec r/134 ndctl enable-namespace all
rec r/135 ndctl create-namespace -r region0 -m devdax -M dev -s 1024M -n ns_33
rec r/136 ndctl read-labels -o labels nmem0
rec r/137 daxctl list -Du
rec r/138 daxio -i f3 -o /dev/dax2.6 -l 8K
rec r/139 daxctl list
rec r/140 su nobody -c 'daxctl list -DM'
rec r/141 ndctl create-namespace -r region0 -m sector -s 128M -n ns_34
rec r/142 daxio -i /dev/zero -o /dev/dax0.3 -l 8K
rec r/143 daxctl reconfigure-device -m system-ram dax1.2
rec r/144 ndctl read-labels -jI nmem0
rec r/145 daxctl list
rec r/146 ndctl create-namespace -r region0 -m devdax -s 1024M
rec r/147 ndctl create-namespace -r region0 -m raw -s 128M
rec r/148 daxio -i f0 -o /dev/dax1.2 -l 8K
rec r/149 ndctl disable-namespace namespace0.8
rec r/150 ndctl list -vv
rec r/151 ndctl enable-namespace namespace0.8
rec r/152 ndctl create-namespace -r region0 -m fsdax -s 192M -n ns_37
rec r/153 ndctl create-namespace -r region0 -m devdax -s 32M -n ns_38
rec r/154 ndctl list -RX -r region1
rec r/155 ndctl create-namespace -r region0 -m devdax -M dev -s 16M -n ns_39
rec r/156 ndctl create-namespace -r region0 -m devdax -s 128M -n ns_40
rec r/157 ndctl read-labels -j nmem1
rec r/158 daxctl reconfigure-device -m devdax dax2.11
rec r/159 ndctl list -R
rec r/160 ndctl create-namespace -r region0 -m devdax -M mem -s 64M
rec r/161 ndctl create-namespace -r region0 -m raw -s 32M
rec r/162 daxctl reconfigure-device -m system-ram dax2.11
rec r/163 ndctl list -Xu
rec r/164 ndctl create-namespace -r region0 -m fsdax -s 320M -n ns_43
rec r/165 ndctl disable-region region2
rec r/166 ndctl create-namespace -f -e namespace0.14 -m raw -l 512
rec r/167 ndctl create-namespace -r region0 -m fsdax -M mem -a 2M -s 16M -n ns_44
rec r/168 daxctl enable-device dax1.2
rec r/169 ndctl list -D
rec r/170 ndctl list -NXc
rec r/171 ndctl list -DH
rec r/172 ndctl list -NRBv
rec r/173 ndctl disable-namespace namespace0.16
rec r/174 daxctl list
rec r/175 ndctl read-infoblock -j namespace0.0
rec r/176 daxctl list
rec r/177 ndctl create-namespace -f -e namespace0.8 -m devdax -M dev -a 4K -s 32M
rec r/178 ndctl create-namespace -r region0 -m devdax -s 512M
rec r/179 su nobody -c 'ndctl list -BDRNX'
rec r/180 ndctl list -NXc
rec r/181 ndctl list -RX -r region1
rec r/182 ndctl create-namespace -f -e namespace1.4 -s 256M
rec r/183 ndctl list -N -r region0
rec r/184 ndctl create-namespace -r region0 -m fsdax -M mem -s 96M
rec r/185 daxctl disable-device dax9.9
rec r/186 daxctl reconfigure-device -m devdax dax0.3
rec r/187 ndctl read-labels -jI nmem2
rec r/188 su nobody -c 'ndctl destroy-namespace -f namespace0.19'
rec r/189 ndctl disable-dimm nmem1
rec r/190 daxctl disable-device dax0.3
rec r/191 ndctl enable-namespace namespace1.4
rec r/192 ndctl create-namespace -f -e namespace0.13
rec r/193 ndctl enable-region region2
rec r/194 ndctl destroy-namespace -f namespace0.0
rec r/195 ndctl list -N
rec r/196 ndctl create-namespace -r region0 -m devdax -s 128M -n ns_47
rec r/197 ndctl list -Di
rec r/198 ndctl create-namespace -r region0 -m fsdax -s 64M
rec r/199 ndctl read-labels -j nmem0
rec r/200 ndctl disable-namespace namespace0.11
