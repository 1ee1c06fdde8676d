# note: random commands, seed 4712, 200 of them
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
rec r/001 ndctl list -X
rec r/002 su nobody -c 'daxctl list -iM'
rec r/003 daxctl list -D
rec r/004 ndctl read-labels -j nmem1
rec r/005 su nobody -c 'daxctl list -DM'
rec r/006 ndctl create-namespace -r region2 -m raw -s 320M -n ns_1
rec r/007 ndctl list -CRv -r region0
rec r/008 daxctl list
rec r/009 ndctl list -NXc
rec r/010 ndctl destroy-namespace -f namespace2.0
rec r/011 ndctl create-namespace -r region1 -m devdax -s 48M -n ns_2
rec r/012 ndctl create-namespace -f -e namespace1.0
rec r/013 ndctl disable-region region1
rec r/014 ndctl create-namespace -r region0 -m devdax -M mem -s 80M
rec r/015 ndctl create-namespace -r region0 -m devdax -s 48M -n ns_4
rec r/016 ndctl list -NX -r region1
rec r/017 ndctl enable-region region1
rec r/018 daxio -i f0 -o /dev/dax0.0 -l 4K
rec r/019 ndctl check-namespace namespace1.0
rec r/020 ndctl list -vv
rec r/021 ndctl read-labels -u nmem0
rec r/022 ndctl list -Xu
rec r/023 ndctl create-namespace -r region1 -m devdax -M mem -s 80M -n ns_5
rec r/024 ndctl read-infoblock -u namespace1.1
rec r/025 ndctl create-namespace -r region2 -m devdax -s 192M
rec r/026 daxio -i f1 -o /dev/dax0.1 -l 4K
rec r/027 daxctl reconfigure-device -m system-ram -N dax1.1
rec r/028 ndctl read-labels -u nmem1
rec r/029 ndctl list -vv
rec r/030 ndctl list -NRDi
rec r/031 daxio -z -o /dev/dax1.1
rec r/032 ndctl disable-region region0
rec r/033 ndctl list -NX
rec r/034 ndctl create-namespace -r region1 -m fsdax -s 128M
rec r/035 ndctl read-labels -u nmem0
rec r/036 ndctl list -Di
reboot
setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
rec r/038 daxio -z -o /dev/dax1.0
rec r/039 daxio -i /dev/zero -o /dev/dax1.0 -l 4K
rec r/040 daxctl list -i
rec r/041 daxio -i f3 -o /dev/dax2.0 -l 1M
rec r/042 ndctl create-namespace -r region1 -m devdax -s 32M
rec r/043 ndctl disable-dimm nmem0
rec r/044 ndctl create-namespace -r region1 -m fsdax -M mem -s 256M -n ns_9
rec r/045 ndctl create-namespace -r region2 -m raw -l 512 -s 64M
rec r/046 ndctl create-namespace -m devdax -s 10M
rec r/047 ndctl destroy-namespace -f namespace1.3
rec r/048 ndctl list -N -r region0
rec r/049 ndctl create-namespace -r region0 -m devdax -s 32M -n ns_11
rec r/050 ndctl list -Di -r region0
rec r/051 daxio -z -o /dev/dax1.0 -l 4K
rec r/052 ndctl list -N
rec r/053 ndctl disable-dimm nmem0
rec r/054 ndctl list -NRBv
rec r/055 ndctl list -Xu
rec r/056 ndctl list -DH
rec r/057 ndctl create-namespace -f -e namespace2.1
rec r/058 ndctl list -CRv
rec r/059 ndctl list -D
rec r/060 ndctl create-namespace -r region1 -m devdax -a 4K -s 320M
rec r/061 ndctl list -vv -r region2
rec r/062 daxctl list
rec r/063 ndctl list -NRBv
rec r/064 ndctl disable-namespace namespace1.4
rec r/065 ndctl create-namespace -f -e namespace1.5 -s 256M
rec r/066 ndctl create-namespace -r region1 -m devdax -s 224M -n ns_13
rec r/067 ndctl list -NRBv -r region0
rec r/068 ndctl create-namespace -f -e namespace0.2
rec r/069 ndctl create-namespace -r region2 -m devdax -M mem -s 512M
rec r/070 su nobody -c 'daxctl list'
rec r/071 daxio -z -o /dev/dax2.2 -l 64KiB
rec r/072 ndctl disable-namespace namespace1.5
rec r/073 ndctl destroy-namespace namespace1.4
rec r/074 daxctl disable-device dax1.1
rec r/075 ndctl list -D
rec r/076 ndctl destroy-namespace -f namespace2.2
rec r/077 ndctl create-namespace -r region0 -m raw -s 512M -n ns_15
rec r/078 ndctl create-namespace -m devdax -s 100G
rec r/079 ndctl check-namespace -f namespace2.0
rec r/080 ndctl list -CRv
rec r/081 ndctl create-namespace -r region2 -m devdax -s 128M -n ns_16
rec r/082 daxctl reconfigure-device -m system-ram -N dax2.0
rec r/083 ndctl create-namespace -r region2 -m devdax -s 320M -n ns_17
rec r/084 ndctl list -NRBv -r region1
rec r/085 daxctl disable-device dax0.0
rec r/086 daxctl reconfigure-device -m system-ram -N dax1.3
rec r/087 daxctl list -i
rec r/088 ndctl list -Xu -r region0
rec r/089 ndctl list -NRBv
rec r/090 ndctl create-namespace -r region2 -m devdax -M mem -s 320M -n ns_18
rec r/091 daxctl list
rec r/092 ndctl create-namespace -r region0 -m sector -l 512 -s 64M
rec r/093 ndctl create-namespace -r region1 -m devdax -a 4K -s 256M -n ns_20
rec r/094 daxctl disable-device dax9.9
rec r/095 ndctl create-namespace -r region2 -m raw -s 16M
rec r/096 su nobody -c 'ndctl list -Xu'
rec r/097 ndctl list -NXc
rec r/098 ndctl list -R
rec r/099 ndctl list -DH
rec r/100 ndctl create-namespace -r region2 -m devdax -s 64M
rec r/101 ndctl create-namespace -f -e namespace1.2 -m devdax -s 32M
rec r/102 ndctl list -D
rec r/103 daxctl list -Du
rec r/104 ndctl create-namespace -r region2 -m raw -s 80M
rec r/105 ndctl create-namespace -r region0 -m sector -s 192M -n ns_24
rec r/106 ndctl disable-dimm nmem0
rec r/107 ndctl check-namespace -f namespace1.1
rec r/108 ndctl create-namespace -r region2 -m raw -s 1024M -n ns_25
rec r/109 ndctl list -Di
rec r/110 daxctl disable-device dax1.1
rec r/111 ndctl read-labels -j nmem1
rec r/112 ndctl create-namespace -r region2 -m sector -s 80M -n ns_26
rec r/113 daxctl reconfigure-device -m system-ram -N dax1.6
rec r/114 daxctl reconfigure-device -m system-ram -N dax2.6
rec r/115 ndctl read-infoblock -u namespace0.5
rec r/116 ndctl read-labels -o labels nmem1
rec r/117 daxctl enable-device dax0.0
rec r/118 ndctl create-namespace -f -e namespace2.8 -m fsdax -M dev -a 1G
rec r/119 ndctl create-namespace -f -e namespace2.9
rec r/120 daxio -i f1 -o /dev/dax1.1 -l 8K
rec r/121 ndctl create-namespace -r region2 -m raw -s 512M -n ns_27
rec r/122 ndctl list -NRBv -r region1
rec r/123 ndctl destroy-namespace -f namespace2.10
rec r/124 ndctl create-namespace -r region0 -m sector -s 256M -n ns_28
rec r/125 ndctl destroy-namespace namespace1.5
rec r/126 ndctl check-labels nmem2
rec r/127 daxio -z -o /dev/dax2.4
rec r/128 ndctl create-namespace -r region2 -m raw -s 256M -n ns_29
rec r/129 ndctl create-namespace -f -e namespace1.0
rec r/130 ndctl create-namespace -r region1 -m devdax -M dev -s 256M
rec r/131 ndctl read-labels -u nmem0
rec r/132 ndctl destroy-namespace -f namespace1.2
rec r/133 daxctl list
rec r/134 ndctl create-namespace -r region1 -m fsdax -M mem -s 128M
rec r/135 ndctl create-namespace -r region1 -m devdax -M dev -s 32M -n ns_32
rec r/136 ndctl list -NM
rec r/137 ndctl disable-region region0
rec r/138 daxctl list -u
rec r/139 ndctl create-namespace -f -e namespace2.9 -s 256M
rec r/140 daxctl disable-device dax2.0
rec r/141 ndctl destroy-namespace -f namespace2.1
rec r/142 daxctl online-memory dax1.6
rec r/143 ndctl enable-region region0
rec r/144 ndctl destroy-namespace namespace2.9
rec r/145 ndctl check-labels nmem0
rec r/146 daxio -i f2 -o /dev/dax1.3 -l 1M
rec r/147 ndctl create-namespace -r region0 -m devdax -s 128M
rec r/148 ndctl list -NM
rec r/149 daxio -i f0 -o f1
reboot
setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
rec r/151 ndctl create-namespace -r region0 -m devdax -s 1024M
rec r/152 ndctl create-namespace -r region2 -m devdax -s 192M -n ns_35
rec r/153 ndctl create-namespace -r region2 -m devdax -M mem -s 16M
reboot
setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
rec r/155 ndctl disable-region region0
rec r/156 ndctl enable-region region0
rec r/157 ndctl disable-dimm nmem0
rec r/158 ndctl list -Ni
rec r/159 ndctl create-namespace -r region0 -m sector -l 520 -s 32M -n ns_37
rec r/160 daxio -z -o /dev/dax2.1 -l 1M
rec r/161 ndctl list -R
rec r/162 ndctl destroy-namespace -f namespace1.5
rec r/163 su nobody -c 'ndctl list -NXc'
rec r/164 ndctl create-namespace -r region0 -m devdax -s 320M -n ns_38
rec r/165 ndctl create-namespace -f -e namespace1.3
rec r/166 daxctl list -D
reboot
setup dd if=/dev/zero of=f0 bs=1048576 count=1
setup dd if=/dev/zero of=f1 bs=4096 count=1
setup dd if=/dev/zero of=f2 bs=1 count=0
setup dd if=/dev/zero of=f3 bs=3145728 count=1
rec r/168 ndctl list -NXc
rec r/169 daxio -z -o /dev/dax1.0 -l 1M
rec r/170 ndctl list -vv -r region2
rec r/171 ndctl read-infoblock -u namespace0.6
rec r/172 daxio -z -o /dev/dax0.0 -l 12345
rec r/173 ndctl create-namespace -r region1 -m devdax -a 2M -s 32M -n ns_39
rec r/174 ndctl read-labels -o labels nmem2
rec r/175 ndctl create-namespace -r region0 -m devdax -s 320M -n ns_40
rec r/176 ndctl list -NM
rec r/177 ndctl list -NRDi -r region0
rec r/178 ndctl create-namespace -r region0 -m raw -s 1024M -n ns_41
rec r/179 ndctl disable-region region1
rec r/180 ndctl zero-labels nmem2 -O 256 -s 256
rec r/181 daxio -i f0 -o /dev/dax0.4 -l 1M
rec r/182 daxctl reconfigure-device -m system-ram -N dax0.5
rec r/183 ndctl disable-dimm nmem2
rec r/184 ndctl enable-region region1
rec r/185 ndctl list -Xu -r region2
rec r/186 ndctl create-namespace -r region0 -m raw -s 64M
rec r/187 daxctl disable-device dax2.8
rec r/188 ndctl create-namespace -r region2 -m devdax -s 80M -n ns_43
rec r/189 ndctl create-namespace -r region2 -m devdax -M mem -a 4K -s 128M
rec r/190 ndctl create-namespace -r region2 -m devdax -M mem -a 2M -s 208M -n ns_45
rec r/191 ndctl list -RNDu -r region1
rec r/192 ndctl create-namespace -f -e namespace0.7 -m fsdax -s 256M
rec r/193 ndctl check-labels nmem0
rec r/194 ndctl list -CRv
rec r/195 ndctl list -X
rec r/196 ndctl create-namespace -r region0 -m devdax -s 128M
rec r/197 ndctl list -DH
rec r/198 daxctl reconfigure-device -m devdax dax0.3
rec r/199 ndctl list -Xu
rec r/200 ndctl list -N
