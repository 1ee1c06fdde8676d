# note: eight DIMMs on two NUMA nodes, version 1.2 labels beside version 1.1, creation without a region, alignments and sector sizes, names, a reboot
# dimm: 1GiB, numa=0
# dimm: 1GiB, numa=1
# dimm: 1GiB, numa=0
# dimm: 1GiB, numa=1
# dimm: 1GiB, numa=0
# dimm: 1GiB, numa=1
# dimm: 1GiB, numa=0
# dimm: 1GiB, numa=1

# Eight blank label areas; the firmware numbers their regions.
rec 20/list ndctl list -NDRBiv

# Labels of both versions.
rec 20/dis ndctl disable-region all
rec 20/init ndctl init-labels all
rec 20/init12 ndctl init-labels -f -V 1.2 nmem3
rec 20/en ndctl enable-region all
rec 20/list2 ndctl list -NDRiv

# Creation without a region, in several, and in the first that has room.
rec 20/c1 ndctl create-namespace -m devdax -s 512M -n a
rec 20/c2 ndctl create-namespace -m devdax -s 512M -n b
rec 20/c3 ndctl create-namespace -m devdax -s 768M -n c
rec 20/c4 ndctl create-namespace -c -m fsdax -s 128M
rec 20/c5 ndctl create-namespace -c -m sector -s 128M -n s
rec 20/c6 ndctl create-namespace -r region3 -m devdax -M mem -n d
rec 20/c7 ndctl create-namespace -r 'region4 region5' -m devdax -M mem -n e
rec 20/c8 ndctl create-namespace -r all -m raw -s 64M -n f
rec 20/list3 ndctl list -NDRiv
rec 20/U1 ndctl list -NDR -U 1
rec 20/dr ndctl list -DR -d nmem3
rec 20/dax daxctl list
rec 20/daxM daxctl list -DM -r 3
rec 20/read ndctl read-labels -j all

# Namespaces destroyed all together.
rec 20/dis1 ndctl disable-namespace namespace3.0
rec 20/list4 ndctl list -Ni -r region3
rec 20/list5 ndctl list -X
rec 20/des ndctl destroy-namespace all
rec 20/des2 ndctl destroy-namespace -f all -r region6
rec 20/list6 ndctl list -NRi

# Alignments and sector sizes.
rec 20/xc ndctl create-namespace -r region6 -m devdax -a 1G
rec 20/xd ndctl create-namespace -r region6 -m fsdax -a 4K -s 256M -n g
rec 20/xe ndctl create-namespace -r region6 -m fsdax -l 4096 -s 256M -n h
rec 20/xf ndctl create-namespace -r region6 -m sector -l 520 -s 256M -n i
rec 20/xg ndctl create-namespace -r region6 -m sector -l 4224 -s 256M -n j
rec 20/xh ndctl create-namespace -r region6 -m raw -l 4096 -s 256M -n k
rec 20/xi ndctl create-namespace -r region6 -m raw -l 520 -s 256M -n k
rec 20/xj ndctl create-namespace -r region6 -m raw -a 2M -s 256M -n k
rec 20/list7 ndctl list -NRiv -r region6
rec 20/list8 ndctl list -Ru
rec 20/read6 ndctl read-labels -j nmem6

# Names, and reconfiguring with them.
rec 20/name ndctl create-namespace -r region7 -m devdax -s 64M -n 'a b/c"d'
rec 20/name2 ndctl create-namespace -r region7 -m devdax -s 64M -n ' pad '
rec 20/list9 ndctl list -N -r region7
rec 20/rm ndctl create-namespace -f -e namespace7.0 -n ''
rec 20/list10 ndctl list -N -r region7
rec 20/ren ndctl create-namespace -f -e namespace7.1
rec 20/ren2 ndctl create-namespace -f -e namespace7.1 -m raw
rec 20/ren3 ndctl create-namespace -f -e namespace7.1 -m sector -M mem
rec 20/ren4 ndctl create-namespace -f -e namespace7.1 -m raw -a 2M
rec 20/list11 ndctl list -Niv -r region7

reboot
lists 21-reboot
