# note: random commands, seed 4713, 200 of them
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
rec r/001 ndctl create-namespace -r region0 -m raw -s 128M -n ns_1
rec r/002 ndctl create-namespace -f -e namespace0.0 -s 32M
rec r/003 ndctl disable-dimm nmem0
rec r/004 daxctl list
rec r/005 ndctl list -RNDu
rec r/006 daxctl list
rec r/007 ndctl read-labels -jI nmem2
rec r/008 ndctl list -NX
rec r/009 daxctl list -Du
rec r/010 ndctl read-infoblock -u namespace0.0
rec r/011 ndctl disable-namespace namespace0.0
rec r/012 ndctl list -NM
rec r/013 ndctl create-namespace -f -e namespace0.0 -m devdax
rec r/014 ndctl list -CRv
rec r/015 daxctl reconfigure-device -m system-ram dax0.0
rec r/016 ndctl list -vv
rec r/017 ndctl disable-dimm nmem0
rec r/018 ndctl list -DH
rec r/019 daxctl enable-device dax0.0
rec r/020 ndctl list -NRDi
rec r/021 ndctl create-namespace -r region2 -m devdax -M dev -a 2M -s 256M
rec r/022 ndctl create-namespace -r region1 -m devdax -M mem -s 128M
rec r/023 ndctl create-namespace -r region2 -m fsdax -s 512M
rec r/024 ndctl list -RNDu -r region1
rec r/025 daxctl reconfigure-device -m devdax dax0.0
rec r/026 ndctl create-namespace -r region0 -m fsdax -s 192M -n ns_5
rec r/027 ndctl check-namespace namespace1.0
rec r/028 ndctl read-labels -u nmem1
rec r/029 ndctl list -Xu -r region1
rec r/030 ndctl create-namespace -r region1 -m sector -s 16M -n ns_6
rec r/031 ndctl create-namespace -f -e namespace0.1 -m devdax -a 2M
rec r/032 ndctl list -R
rec r/033 daxctl reconfigure-device -m system-ram -N dax0.0
rec r/034 ndctl list -R
rec r/035 ndctl create-namespace -r region0 -m devdax -s 512M
rec r/036 daxctl list -D
rec r/037 daxio -z -o /dev/dax1.0 -l 4K
rec r/038 daxctl list -DM
rec r/039 ndctl destroy-namespace namespace1.1
rec r/040 ndctl create-namespace -r region1 -m sector -s 64M
rec r/041 daxctl list
rec r/042 ndctl create-namespace -r region2 -m devdax -a 2M -s 512M
rec r/043 daxio -z -o /dev/dax2.0 -l 4K
rec r/044 ndctl list -NXc
rec r/045 ndctl destroy-namespace namespace9.9
rec r/046 ndctl destroy-namespace -f namespace2.0
rec r/047 ndctl list -RNDu -r region2
rec r/048 ndctl read-infoblock -u namespace0.1
rec r/049 daxio -z -o /dev/dax0.2 -l 1M
rec r/050 daxio -z -o /dev/dax0.2
rec r/051 ndctl create-namespace -f -e namespace2.1 -m fsdax
rec r/052 ndctl disable-region region2
rec r/053 ndctl destroy-namespace -f namespace0.1
rec r/054 ndctl create-namespace -r region0 -m raw -s 192M
rec r/055 ndctl create-namespace -r region1 -m fsdax -M mem -s 192M -n ns_11
rec r/056 ndctl create-namespace -r region1 -m fsdax -a 2M -s 32M -n ns_12
rec r/057 ndctl list -vv
rec r/058 ndctl list -NM
rec r/059 daxctl list
rec r/060 ndctl list -NRDi
rec r/061 ndctl disable-dimm nmem1
rec r/062 ndctl create-namespace -r region0 -m devdax -s 16M
rec r/063 ndctl list -NXc
rec r/064 ndctl create-namespace -r region0 -m raw -l 4096 -s 320M -n ns_14
rec r/065 ndctl create-namespace -r region0 -m fsdax -M mem -s 64M -n ns_15
rec r/066 ndctl create-namespace -r region1 -m devdax -s 608M -n ns_16
rec r/067 ndctl list -X
rec r/068 daxctl list
rec r/069 ndctl read-labels -jI nmem2
rec r/070 ndctl enable-region region2
rec r/071 ndctl read-infoblock -u namespace1.0
rec r/072 ndctl enable-region region2
rec r/073 daxio -i f2 -o /dev/dax1.0 -l 8K
rec r/074 ndctl enable-region region2
rec r/075 ndctl list -Di
rec r/076 ndctl create-namespace -r region0 -m fsdax -s 16M -n ns_17
rec r/077 daxio -z -o /dev/dax0.2 -l 64KiB
rec r/078 ndctl list -N -r region0
rec r/079 daxio -i /dev/pmem0.4 -o /dev/dax0.1 -l 64KiB
rec r/080 ndctl read-infoblock -j namespace0.5
rec r/081 su nobody -c 'ndctl list -CRv'
rec r/082 ndctl create-namespace -r region0 -m raw -s 1024M
rec r/083 ndctl create-namespace -f -e namespace0.4
rec r/084 ndctl create-namespace -r region0 -m devdax -s 256M -n ns_19
rec r/085 ndctl enable-dimm nmem1
rec r/086 ndctl create-namespace -f -e namespace1.4 -s 48M
rec r/087 daxctl disable-device dax0.1
rec r/088 ndctl destroy-namespace -f namespace0.4
rec r/089 ndctl list -CRv
rec r/090 ndctl list -NRBv
rec r/091 ndctl destroy-namespace namespace9.9
rec r/092 daxio -z -o /dev/dax0.8 -l 1M
rec r/093 ndctl create-namespace -r region0 -m sector -s 512M
rec r/094 ndctl enable-region region2
rec r/095 ndctl create-namespace -f -e namespace0.5 -m sector -l 512 -s 48M
rec r/096 ndctl create-namespace -r region1 -m devdax -s 16M
rec r/097 ndctl create-namespace -f -e namespace0.5 -m devdax -M dev -a 1G -s 64M
rec r/098 su nobody -c 'ndctl destroy-namespace -f namespace1.3'
rec r/099 ndctl create-namespace -r region2 -m sector -s 32M -n ns_22
rec r/100 daxio -z -o /dev/dax2.1
rec r/101 ndctl create-namespace -r region2 -m devdax -M mem -a 1G -s 32M
rec r/102 daxio -z -o /dev/dax2.1
rec r/103 ndctl disable-namespace namespace0.8
rec r/104 daxio -z -o /dev/dax0.0
rec r/105 ndctl create-namespace -r region0 -m devdax -M dev -s 80M
rec r/106 ndctl create-namespace -r region2 -m devdax -s 512M
rec r/107 ndctl read-infoblock -j namespace2.0
rec r/108 daxio -i f1 -o /dev/dax1.0 -l 8K
rec r/109 ndctl list -Di
rec r/110 ndctl list -vv
rec r/111 daxctl enable-device dax0.0
rec r/112 ndctl create-namespace -r region1 -m sector -s 128M -n ns_26
rec r/113 ndctl list -X
rec r/114 ndctl destroy-namespace -f namespace1.0
rec r/115 daxctl disable-device dax0.2
rec r/116 ndctl list -X -r region2
rec r/117 ndctl disable-dimm nmem0
rec r/118 ndctl list -X
rec r/119 daxctl reconfigure-device -m devdax dax1.4
rec r/120 daxctl list
rec r/121 ndctl create-namespace -r region1 -m sector -s 416M
rec r/122 ndctl read-labels -jI nmem0
rec r/123 ndctl disable-namespace namespace0.9
rec r/124 ndctl create-namespace -r region2 -m devdax -M mem -s 192M -n ns_28
rec r/125 daxctl list
rec r/126 ndctl read-labels -j nmem2
rec r/127 daxctl list
rec r/128 ndctl list -RNDu
rec r/129 ndctl disable-region region1
rec r/130 su nobody -c 'daxctl list -u'
rec r/131 ndctl create-namespace -r region0 -m devdax -s 512M
rec r/132 ndctl create-namespace -r region2 -m devdax -a 2M -s 32M
rec r/133 daxio -i f1 -o /dev/dax0.10 -l 12345
rec r/134 ndctl list -Di
rec r/135 ndctl create-namespace -r region0 -m devdax -s 640M
rec r/136 ndctl enable-region region1
rec r/137 ndctl read-labels -j nmem1
rec r/138 daxio -i f2 -o /dev/dax0.1 -l 8K
rec r/139 ndctl create-namespace -r region1 -m raw -s 128M
rec r/140 ndctl read-infoblock -j namespace2.3
rec r/141 ndctl destroy-namespace namespace0.8
rec r/142 ndctl disable-dimm nmem0
rec r/143 ndctl list -vv
rec r/144 daxctl reconfigure-device -m system-ram dax0.10
rec r/145 ndctl create-namespace -f -e namespace1.1
rec r/146 ndctl create-namespace -f -e namespace1.7 -m devdax -s 32M
rec r/147 ndctl create-namespace -r region0 -m devdax -M mem -a 2M -s 256M -n ns_33
rec r/148 ndctl create-namespace -r region2 -m devdax -s 32M
rec r/149 daxctl list
rec r/150 ndctl create-namespace -r region1 -m devdax -a 4K -s 96M -n ns_35
rec r/151 ndctl create-namespace -r region0 -m devdax -s 240M -n ns_36
rec r/152 ndctl disable-dimm nmem0
rec r/153 ndctl create-namespace -f -e namespace1.0 -m devdax -M mem
rec r/154 daxctl list -DM
rec r/155 ndctl create-namespace -f -e namespace0.6 -m devdax -s 48M
rec r/156 ndctl create-namespace -r region0 -m raw -s 16M
rec r/157 daxio -z -o /dev/dax0.0
rec r/158 ndctl check-namespace namespace1.3
rec r/159 daxctl offline-memory dax0.10
rec r/160 daxio -i /dev/dax0.11 -o /dev/dax0.11 -l 4K
rec r/161 daxctl list
rec r/162 ndctl create-namespace -r region2 -m devdax -s 48M -n ns_38
rec r/163 daxctl list
rec r/164 ndctl enable-namespace namespace0.6
rec r/165 ndctl create-namespace -f -e namespace2.4 -m devdax -s 256M
rec r/166 daxctl list -DM
rec r/167 ndctl list -NM
rec r/168 ndctl create-namespace -f -e namespace2.3 -m sector -l 520 -s 192M
rec r/169 ndctl destroy-namespace namespace0.9
rec r/170 ndctl check-namespace namespace1.6
rec r/171 ndctl create-namespace -r region2 -m devdax -M dev -s 32M -n ns_39
rec r/172 ndctl destroy-namespace -f namespace2.4
rec r/173 ndctl disable-region region0
rec r/174 ndctl list -X
rec r/175 ndctl create-namespace -r region2 -m devdax -s 256M
rec r/176 ndctl create-namespace -r region2 -m devdax -M mem -s 32M -n ns_41
rec r/177 ndctl list -vv
rec r/178 ndctl list -NX -r region1
rec r/179 ndctl list -RNDu
rec r/180 ndctl list -R
rec r/181 ndctl disable-namespace namespace2.9
rec r/182 ndctl create-namespace -r region2 -m fsdax -s 128M
rec r/183 daxio -i /dev/dax1.4 -o /dev/dax1.4 -l 12345
rec r/184 daxio -i /dev/zero -o /dev/dax2.7 -l 8K
rec r/185 ndctl zero-labels nmem0
rec r/186 ndctl read-infoblock -u namespace1.4
rec r/187 ndctl create-namespace -f -e namespace2.1 -m devdax
rec r/188 daxctl list -u
rec r/189 ndctl destroy-namespace namespace2.9
rec r/190 ndctl list -X
rec r/191 ndctl create-namespace -r region2 -m devdax -a 4K -s 512M -n ns_43
rec r/192 ndctl disable-namespace namespace2.3
rec r/193 ndctl create-namespace -r region2 -m devdax -M dev -a 4K -s 512M -n ns_44
rec r/194 ndctl destroy-namespace namespace2.3
rec r/195 ndctl zero-labels nmem0 -O 5000 -s 256
rec r/196 ndctl create-namespace -r region2 -m devdax -s 80M
rec r/197 ndctl read-infoblock -j namespace1.6
rec r/198 ndctl enable-region region0
rec r/199 daxio -i f0 -o /dev/dax2.5 -l 12345
rec r/200 ndctl list -RNDu
