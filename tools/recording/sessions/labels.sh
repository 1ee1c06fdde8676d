# note: label states at boot, disabled regions, labels initialized one by one and zeroed, version 1.2 labels, label-less namespaces, failing and greedy creations, a user without rights, filters, a reboot
# dimm: 4GiB, numa=0
# dimm: 4GiB, numa=1
# dimm: 4GiB, numa=1, labels=no
# dimm: 2GiB, numa=0, area=128KiB

# Label areas that were never written, one by one. A DIMM without a label area is one namespace.
rec 00/list ndctl list -NDRBi
rec 00/disable1 ndctl disable-region region0
rec 00/list_dis ndctl list -RNi
rec 00/list_dis2 ndctl list -R
rec 00/list_dis3 ndctl list -RD
rec 00/init0 ndctl init-labels nmem0
rec 00/init0_again ndctl init-labels nmem0
rec 00/init2 ndctl init-labels nmem2
rec 00/check2 ndctl check-labels nmem2
rec 00/read2 ndctl read-labels -j nmem2
rec 00/read1 ndctl read-labels -j nmem1
rec 00/list_dis4 ndctl list -RNiv
rec 00/enable0 ndctl enable-region region0
rec 00/list_R ndctl list -R
rec 00/create_noreg ndctl create-namespace -m devdax -s 1G -M mem -n x
rec 00/create_noreg_max ndctl create-namespace -m devdax -M mem -n x
rec 00/list1 ndctl list -Ni

# What can be done with a DIMM without labels.
rec 01/dis ndctl disable-namespace namespace2.0
rec 01/list ndctl list -Ni
rec 01/create ndctl create-namespace -r region2 -m devdax -M mem -n zz
rec 01/list2 ndctl list -NDRiv
rec 01/destroy ndctl destroy-namespace -f namespace2.0
rec 01/list3 ndctl list -Ni
rec 01/create_sector ndctl create-namespace -r region2 -m sector
rec 01/list4 ndctl list -Ni
rec 01/xregion ndctl disable-region region2
rec 01/xregion2 ndctl enable-region region2
rec 01/list5 ndctl list -Ni -r region2
rec 01/reconf ndctl create-namespace -f -e namespace2.0 -m fsdax
rec 01/list6 ndctl list -Niv -r region2
rec 01/reconf_raw ndctl create-namespace -f -e namespace2.0 -m raw

# Reconfiguring a namespace of a blank label area writes labels by itself.
rec 02/reconf ndctl create-namespace -f -e namespace3.0 -m devdax -n auto
rec 02/list ndctl list -NDRiv
rec 02/read ndctl read-labels -j nmem3
rec 02/sector ndctl create-namespace -f -e namespace3.0 -m sector
rec 02/list2 ndctl list -Niv -r region3
rec 02/read2 ndctl read-labels -j nmem3

# Creations that fail, and what they leave behind; seeds; reconfiguring; greedy creations.
rec 03/fail1g ndctl create-namespace -r region0 -m devdax -a 1G -s 1G -M mem
rec 03/list ndctl list -Ni -r region0
rec 03/c1 ndctl create-namespace -r region0 -m devdax -s 256M -M mem -n c1
rec 03/c2 ndctl create-namespace -r region0 -m fsdax -s 256M -n c2
rec 03/c3 ndctl create-namespace -r region0 -m sector -s 256M -n c3
rec 03/fails16 ndctl create-namespace -r region0 -m sector -s 16M
rec 03/list2 ndctl list -Ni -r region0
rec 03/list2X ndctl list -NXiv -r region0
rec 03/fails16b ndctl create-namespace -r region0 -m sector -s 64M
rec 03/c4 ndctl create-namespace -r region0 -m devdax -s 64M
rec 03/list3 ndctl list -Ni -r region0
rec 03/des ndctl destroy-namespace namespace0.4
rec 03/list4 ndctl list -Ni -r region0
rec 03/enseed ndctl enable-namespace namespace0.4
rec 03/disseed ndctl disable-namespace namespace0.4
rec 03/desseed ndctl destroy-namespace namespace0.4
rec 03/disall ndctl disable-namespace all
rec 03/list5 ndctl list -Ni
rec 03/list5c ndctl list -Nc
rec 03/enall ndctl enable-namespace all
rec 03/list6 ndctl list -Ni
rec 03/dax ndctl list -X
rec 03/daxR daxctl list -RDiM
rec 03/read ndctl read-labels -j nmem0
rec 03/readu ndctl read-labels -u nmem0
rec 03/same_uuid ndctl create-namespace -r region0 -m devdax -s 64M -u $(ndctl list -n namespace0.0 -v | sed -n 's/.*"raw_uuid":"\(.*\)",/\1/p')
rec 03/rec_size ndctl create-namespace -f -e namespace0.0 -s 512M
rec 03/rec_size2 ndctl create-namespace -f -e namespace0.0 -s 128M
rec 03/list7 ndctl list -NRi -r region0
rec 03/rec_size3 ndctl create-namespace -f -e namespace0.0 -s 256M -m devdax -a 4K
rec 03/rec_none ndctl create-namespace -f -e namespace0.0
rec 03/rec_noforce ndctl create-namespace -e namespace0.0
rec 03/rec_nosuch ndctl create-namespace -e namespace0.99
rec 03/rec_all ndctl create-namespace -f -e all -m raw
rec 03/list8 ndctl list -NRi
rec 03/greedy ndctl create-namespace -c -m devdax -s 64M
rec 03/greedy2 ndctl create-namespace -c
rec 03/greedy3 ndctl create-namespace -c -f -s 64M
rec 03/list9 ndctl list -NRi
rec 03/plain ndctl create-namespace
rec 03/plain2 ndctl create-namespace

# A user without rights.
rec 04/n1 su nobody -c 'ndctl disable-region all'
rec 04/n2 su nobody -c 'ndctl init-labels all'
rec 04/n3 su nobody -c 'ndctl read-labels -j all'
rec 04/n4 su nobody -c 'ndctl destroy-namespace -f all'
rec 04/n5 su nobody -c 'ndctl disable-namespace all'
rec 04/n6 su nobody -c 'ndctl enable-namespace all'
rec 04/n7 su nobody -c 'ndctl create-namespace -f -e namespace0.0 -m devdax'
rec 04/n8 su nobody -c 'daxctl list -RDMi'
rec 04/n9 su nobody -c 'ndctl list -NDRvi'
rec 04/n10 su nobody -c 'ndctl check-labels all'
rec 04/n11 su nobody -c 'ndctl zero-labels all'

# Everything destroyed, labels zeroed while their region is disabled.
rec 05/des ndctl destroy-namespace -f all
rec 05/list ndctl list -NRi
rec 05/zero_act ndctl zero-labels all
rec 05/disr ndctl disable-region 'region0 region3'
rec 05/list2 ndctl list -NRiv
rec 05/zero ndctl zero-labels nmem0
rec 05/zero2 ndctl zero-labels nmem0 nmem3
rec 05/check ndctl check-labels all
rec 05/read ndctl read-labels -j all
rec 05/list3 ndctl list -NRi
rec 05/enr ndctl enable-region all
rec 05/list4 ndctl list -NRi
rec 05/create ndctl create-namespace -r region0 -m devdax -s 256M -M mem -n after
rec 05/read2 ndctl read-labels -j all
rec 05/list5 ndctl list -NRiv
rec 05/create2 ndctl create-namespace -r region0 -m sector -s 256M
rec 05/list6 ndctl list -NRiv
rec 05/dr ndctl disable-region region0
rec 05/er ndctl enable-region region0
rec 05/list7 ndctl list -NRiv

# Numbers after a region was enabled anew, and daxio with offsets.
for i in 1 2 3 4; do rec 06/c$i ndctl create-namespace -r region0 -m devdax -s 64M -n k$i; done
rec 06/d1 ndctl destroy-namespace -f namespace0.1
rec 06/list ndctl list -Ni
rec 06/daxR daxctl list -RD
rec 06/dr ndctl disable-region region0
rec 06/er ndctl enable-region region0
rec 06/list2 ndctl list -Ni
rec 06/daxR2 daxctl list -RD
rec 06/daxio daxio -z -o /dev/dax0.2
rec 06/daxio2 daxio -i /dev/zero -o /dev/dax0.2 -l 5M
rec 06/daxio3 daxio -i /dev/dax0.2 -o /dev/dax0.3
rec 06/daxio4 daxio -i /dev/dax0.2 -o /tmp/outfile -l 3M -k 1M
rec 06/daxio5 daxio -z -o /dev/dax0.2 -s 1000G
rec 06/daxio6 daxio -z -o /dev/dax0.2 -s 3M
rec 06/daxio7 daxio -z -o /dev/dax0.2 -s 3M -l 1000
rec 06/daxio8 daxio -i /tmp/outfile -o /dev/dax0.2 -k 1M
rec 06/daxio9 su nobody -c 'daxio -z -o /dev/dax7.7'

# Filters.
rec 07/f1 ndctl list -n 0.1
rec 07/f2 ndctl list -n 'namespace0.1 namespace0.2'
rec 07/f3 ndctl list -RN -n namespace0.1
rec 07/f4 ndctl list -D -r region1
rec 07/f5 ndctl list -DRN -d nmem0
rec 07/f6 ndctl list -d nmem0
rec 07/f7 ndctl list -r 0
rec 07/f8 ndctl list -b ndbus0
rec 07/f9 ndctl list -DRN -U 1
rec 07/f10 ndctl list -vvvr region0
rec 07/f11 ndctl list -H -D
rec 07/f12 ndctl list -F -D
rec 07/f13 ndctl list -RNX -r region0
rec 07/f14 ndctl list -BN
rec 07/f15 ndctl list -M -N
rec 07/f16 ndctl list -XR -u
rec 07/f17 ndctl list -Nu -n namespace0.1
rec 07/f18 ndctl list -XBu
rec 07/f19 daxctl list -r 0 -u
rec 07/f20 daxctl list -d dax0.1
rec 07/f21 daxctl list -d dax0.1 -R
rec 07/f22 daxctl list -MRu
rec 07/f23 ndctl list -X -m fsdax
rec 07/f24 ndctl list -Xc

# One of each kind, for the boot that follows.
rec 08/last ndctl create-namespace -r region0 -m fsdax -s 128M -n f
rec 08/last2 ndctl create-namespace -r region0 -m sector -s 128M -n s
rec 08/last3 ndctl create-namespace -r region0 -m raw -s 128M -n r
rec 08/last4 ndctl create-namespace -r region0 -m devdax -s 2G -a 1G -M mem -n g

reboot
lists 09-reboot

rec 10/zero ndctl disable-region all
rec 10/zero2 ndctl zero-labels all
rec 10/en ndctl enable-region all
rec 10/list ndctl list -NDRi
