# note: what goes wrong, and how ndctl says so
# dimm: 8GiB, numa=0
# dimm: 8GiB, numa=1

setup ndctl disable-region all
setup ndctl init-labels -f all
setup ndctl enable-region all
setup ndctl create-namespace -r region0 -m devdax -n ns_0 -s 1G -M mem
setup ndctl create-namespace -r region0 -m fsdax -n fs_0 -s 1G -M mem
setup ndctl create-namespace -r region0 -m devdax -n ns_2 -s 1G -M mem

rec 09-errors/create_too_large ndctl create-namespace -m devdax -n big -s 100G -M mem
rec 09-errors/create_too_large_region0 ndctl create-namespace -r region0 -m devdax -n big -s 100G -M mem
rec 09-errors/create_size_unaligned ndctl create-namespace -m devdax -s 1000000000 -M mem
rec 09-errors/create_size_unaligned_raw ndctl create-namespace -m raw -s 1000000000
rec 09-errors/create_size_unaligned2M ndctl create-namespace -m devdax -s 1025M -M mem
rec 09-errors/create_size_1026M ndctl create-namespace -m devdax -s 1026M -M mem
rec 09-errors/create_size_4K ndctl create-namespace -m devdax -s 4K -M mem
rec 09-errors/create_size_2M ndctl create-namespace -m devdax -s 2M -M mem
rec 09-errors/create_size_16M ndctl create-namespace -m devdax -s 16M -M mem
rec 09-errors/create_size_0_is_max ndctl create-namespace -m devdax -s 0 -M mem
rec 09-errors/create_size_bad ndctl create-namespace -m devdax -s abc -M mem
rec 09-errors/create_align_3M ndctl create-namespace -m devdax -s 1G -M mem -a 3M
rec 09-errors/create_align_8K ndctl create-namespace -m devdax -s 1G -M mem -a 8K
rec 09-errors/create_align_1G_small ndctl create-namespace -m devdax -s 512M -M mem -a 1G
rec 09-errors/create_mode_bad ndctl create-namespace -m bogus -s 1G
rec 09-errors/create_map_bad ndctl create-namespace -m devdax -M bogus -s 1G
rec 09-errors/create_sector_bad ndctl create-namespace -m sector -l 123 -s 1G
rec 09-errors/create_region_bad ndctl create-namespace -r region9 -m devdax -s 1G
rec 09-errors/create_name_long ndctl create-namespace -m devdax -s 128M -M mem -n aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg
rec 09-errors/list_after_creates ndctl list -N
rec 09-errors/before ndctl list -Ni
rec 09-errors/destroy_active ndctl destroy-namespace namespace0.0
rec 09-errors/destroy_active_fsdax ndctl destroy-namespace namespace0.1
rec 09-errors/destroy_nosuch ndctl destroy-namespace nosuch
rec 09-errors/destroy_nosuch_f ndctl destroy-namespace -f namespace7.7
rec 09-errors/destroy_noarg ndctl destroy-namespace
rec 09-errors/disable_nosuch ndctl disable-namespace nosuch
rec 09-errors/enable_nosuch ndctl enable-namespace nosuch
rec 09-errors/disable_noarg ndctl disable-namespace
rec 09-errors/list_bogus ndctl list --bogus
rec 09-errors/list_bogus_short ndctl list -Z
rec 09-errors/list_extra ndctl list extra
rec 09-errors/list_ns_nosuch ndctl list -n nosuch
rec 09-errors/list_region_nosuch ndctl list -R -r nosuch
rec 09-errors/list_bus_nosuch ndctl list -b nosuch
rec 09-errors/list_mode_bogus ndctl list -N -m bogus
rec 09-errors/list_U_bad ndctl list -U abc
rec 09-errors/list_U7 ndctl list -N -U 7
rec 09-errors/noargs ndctl
rec 09-errors/badcmd ndctl bogus
rec 09-errors/version ndctl version
rec 09-errors/list_help ndctl list -h
rec 09-errors/daxctl_bogus daxctl list --bogus
rec 09-errors/nobody_list_X su nobody -c 'ndctl list -X'
rec 09-errors/nobody_list_NDR su nobody -c 'ndctl list -NDR'
rec 09-errors/nobody_create su nobody -c 'ndctl create-namespace -m devdax -s 128M -M mem'
rec 09-errors/nobody_destroy su nobody -c 'ndctl destroy-namespace -f namespace0.0'
rec 09-errors/nobody_disable su nobody -c 'ndctl disable-namespace namespace0.0'
rec 09-errors/nobody_daxctl su nobody -c 'daxctl list'
rec 09-errors/nobody_disable_active su nobody -c 'ndctl disable-namespace namespace0.0'
rec 09-errors/destroy_active_devdax_open sh -c 'sleep 30 < /dev/dax0.0 & P=$!; sleep 1; ndctl destroy-namespace -f namespace0.0; r=$?; kill $P; exit $r'
rec 09-errors/after_destroy_open ndctl list -Ni
rec 09-errors/create_on_full ndctl create-namespace -r region1 -m devdax -s 1G -M mem
rec 09-errors/destroy_two ndctl destroy-namespace -f namespace0.2 -r region0
rec 09-errors/create_again ndctl create-namespace -r region0 -m devdax -n x -s 1G -M mem
