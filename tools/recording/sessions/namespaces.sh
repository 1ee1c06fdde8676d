# note: blank labels, labelled, devdax, daxio, disable, mixed modes, numbering
# dimm: 32GiB, numa=0
# dimm: 32GiB, numa=1

# A label area that was never initialized: one raw namespace that fills its region.
lists 01-blank-labels
sysfs 01-blank-labels
rec 01-blank-labels/err_create_subdivide ndctl create-namespace -m devdax -n ns_0 -s 1G -M mem
rec 01-blank-labels/err_destroy_labelless ndctl destroy-namespace namespace0.0 -f
rec 01-blank-labels/check_labels ndctl check-labels all

# Labels.
rec 02-init-labels/init_labels_active ndctl init-labels all
rec 02-init-labels/disable_region ndctl disable-region all
rec 02-init-labels/init_labels ndctl init-labels -f all
rec 02-init-labels/enable_region ndctl enable-region all
rec 02-init-labels/check_labels ndctl check-labels all
rec 02-init-labels/read_labels ndctl read-labels -j all
lists 03-no-namespace
sysfs 03-no-namespace

# One devdax namespace, then several.
# Without -r the first region, in listing order, that has room.
rec 04-one/create ndctl create-namespace -m devdax -n ns_first -s 4G -M mem
lists 04-one
sysfs 04-one
rec 05-devdax/create0 ndctl create-namespace -r region0 -m devdax -n ns_0 -s 4G -M mem
rec 05-devdax/create1 ndctl create-namespace -r region0 -m devdax -n ns_1 -s 4G -M mem
rec 05-devdax/create2 ndctl create-namespace -r region0 -m devdax -n ns_2 -s 1G -M dev
rec 05-devdax/create3 ndctl create-namespace -r region0 -m devdax -n ns_3 -s 128M -M mem -a 4K
rec 05-devdax/create4 ndctl create-namespace -r region0 -m devdax -n ns_4 -s 5G -M dev -a 1G
rec 05-devdax/create5 ndctl create-namespace -r region1 -m devdax -n ns_5 -s 4G -M mem
rec 05-devdax/create6_noname ndctl create-namespace -r region1 -m devdax -s 3G
rec 05-devdax/create7_samename ndctl create-namespace -r region1 -m devdax -s 512M -n ns_5
lists 05-devdax
sysfs 05-devdax
rec 05-devdax/read_labels ndctl read-labels -j all

# daxio, on devices and on what is none.
dd if=/dev/urandom of=/tmp/rnd bs=1M count=1 2>/dev/null
rec 06-daxio/help daxio -h
rec 06-daxio/version daxio -V
rec 06-daxio/write_dax0.2 daxio -i /tmp/rnd -o /dev/dax0.2
rec 06-daxio/zero_dax0.2 daxio -z -o /dev/dax0.2
recsh 06-daxio/readback 'daxio -i /dev/dax0.2 -l 1M | md5sum; dd if=/dev/zero bs=1M count=1 2>/dev/null | md5sum'
rec 06-daxio/zero_dax0.3_4K daxio -z -o /dev/dax0.3
rec 06-daxio/zero_missing daxio -z -o /dev/dax9.9
recsh 06-daxio/zero_missing_left_behind "ls -l /dev/dax9.9; rm -f /dev/dax9.9"
rec 06-daxio/in_missing daxio -i /dev/dax8.8 -o /tmp/o
rec 06-daxio/zero_noarg daxio -z
rec 06-daxio/zero_no_out daxio -z -o
dd if=/dev/zero of=/tmp/reg bs=1M count=4 2>/dev/null
rec 06-daxio/zero_regular daxio -z -o /tmp/reg
rec 06-daxio/zero_regular_missing_dir daxio -z -o /nosuchdir/x
rec 06-daxio/zero_dir daxio -z -o /tmp
rec 06-daxio/zero_pmem_charzero daxio -z -o /dev/zero
rec 06-daxio/badopt daxio --bogus
rec 06-daxio/zero_nobody su nobody -c 'daxio -z -o /dev/dax0.2'
rec 06-daxio/zero_len daxio -z -o /dev/dax0.2 -l 2M
rec 06-daxio/zero_toolong daxio -z -o /dev/dax0.2 -l 2G

# A device that somebody else has open.
sleep 100 < /dev/dax0.2 & SP=$!
rec 06-daxio/zero_while_open daxio -z -o /dev/dax0.2
kill $SP

# A disabled namespace has no device node.
rec 07-disable/disable ndctl disable-namespace namespace0.1
lists 07-disable
sysfs 07-disable
rec 07-disable/daxio_on_disabled daxio -z -o /dev/dax0.1
rm -f /dev/dax0.1
rec 07-disable/enable ndctl enable-namespace namespace0.1
rec 07-disable/enable_again ndctl enable-namespace namespace0.1
rec 07-disable/list_X_after ndctl list -X
rec 07-disable/disable_by_name ndctl disable-namespace ns_1

# All modes side by side.
rec 08-mixed/create_fsdax_dev ndctl create-namespace -r region1 -m fsdax -M dev -s 4G -n fs_dev
rec 08-mixed/create_fsdax_mem ndctl create-namespace -r region1 -m fsdax -M mem -s 1G -n fs_mem
rec 08-mixed/create_sector ndctl create-namespace -r region1 -m sector -s 1G -n btt_0
rec 08-mixed/create_sector512 ndctl create-namespace -r region1 -m sector -l 512 -s 512M
rec 08-mixed/create_raw ndctl create-namespace -r region1 -m raw -s 128M -n raw_0
lists 08-mixed
sysfs 08-mixed
rec 08-mixed/daxio_on_pmem daxio -z -o /dev/pmem1.4
rec 08-mixed/list_c ndctl list -c
rec 08-mixed/list_C ndctl list -RC
rec 08-mixed/human_NRDB ndctl list -NRDBu

# How namespaces are numbered once some have gone.
n=10-numbering
rec $n/00_list ndctl list -Ni
rec $n/01_destroy_0.1 ndctl destroy-namespace -f namespace0.1
rec $n/02_list ndctl list -Ni
sysfs $n/02_sys
rec $n/03_create ndctl create-namespace -r region0 -m devdax -n re_1 -s 4G -M mem
rec $n/04_list ndctl list -Ni
sysfs $n/04_sys
rec $n/05_destroy_0.0 ndctl destroy-namespace -f namespace0.0
rec $n/06_destroy_0.2 ndctl destroy-namespace -f namespace0.2
rec $n/07_list ndctl list -Ni
rec $n/08_create_a ndctl create-namespace -r region0 -m devdax -n a -s 1G -M dev
rec $n/09_create_b ndctl create-namespace -r region0 -m devdax -n b -s 1G -M mem
rec $n/10_create_fs ndctl create-namespace -r region0 -m fsdax -n c -s 1G -M mem
rec $n/11_create_d ndctl create-namespace -r region0 -m devdax -n d -s 1G -M mem
rec $n/12_list ndctl list -Ni
rec $n/12_list_X ndctl list -X
rec $n/12_list_N ndctl list -N
rec $n/12_list_R ndctl list -R
rec $n/12_daxctl daxctl list
sysfs $n/12_sys
rec $n/13_reconfig ndctl create-namespace -f -e namespace0.3 -m fsdax -M mem
rec $n/14_list ndctl list -Ni
rec $n/15_reconfig_back ndctl create-namespace -f -e namespace0.3 -m devdax -M mem -n back
rec $n/16_list ndctl list -Ni
sysfs $n/16_sys
rec $n/17_rename ndctl create-namespace -f -e namespace0.3 -n renamed -m devdax
rec $n/18_list ndctl list -Ni
rec $n/19_create_max ndctl create-namespace -r region0 -m devdax -n rest -M mem
rec $n/20_list_R ndctl list -R
rec $n/21_create_full ndctl create-namespace -r region0 -m devdax -n full -s 128M -M mem
lists 11-final
sysfs 11-final
rec 11-final/read_labels ndctl read-labels -j all
