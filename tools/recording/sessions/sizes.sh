# note: the size that each request ends in, by mode, map and alignment
# dimm: 64GiB, numa=0

ndctl disable-region all
ndctl init-labels -f all
ndctl enable-region all

table=/out/sizes.tsv
devices=/sys/bus/nd/devices
printf 'part\tmode\tmap\talign_or_lba\treq\trc\tavail_before\tavail_after\tns_raw_size\tns_resource\tsub_resource\tsub_size\tjson_or_err\n' > $table

# The namespaces of region0 that hold space.
allocated() {
    for namespace in $devices/namespace0.*; do
        [ "$(cat $namespace/size)" = 0 ] || echo "${namespace##*/}"
    done
}

attribute() { cat "$1" 2>/dev/null || echo -; }

try() { # PART MODE MAP ALIGNMENT_OR_SECTOR SIZE
    options="-r region0 -m $2 -s $5"
    [ "$3" = - ] || options="$options -M $3"
    if [ "$4" != - ]; then
        [ "$2" = sector ] && options="$options -l $4" || options="$options -a $4"
    fi
    before=$(cat $devices/region0/available_size)
    # shellcheck disable=SC2086  # one word for each option
    ndctl create-namespace $options > /tmp/out 2> /tmp/err
    rc=$?
    after=$(cat $devices/region0/available_size)
    if [ $rc = 0 ]; then
        namespace=$(sed -n 's/.*"dev":"\(namespace[^"]*\)".*/\1/p' /tmp/out | head -n 1)
    else
        namespace=$(cat $devices/region0/namespace_seed)
    fi
    holder=$(cat "$devices/$namespace/holder" 2>/dev/null)
    {
        printf '%s\t' "$@" $rc "$before" "$after" \
            "$(attribute "$devices/$namespace/size")" "$(attribute "$devices/$namespace/resource")" \
            "$(attribute "$devices/${holder:-none}/resource")" "$(attribute "$devices/${holder:-none}/size")"
        cat /tmp/out /tmp/err | tr -s '\n ' ' '
        echo
    } | tee -a $table
    # A create that failed may leave an allocated, idle namespace behind: it is released too.
    for left in $(allocated); do
        case " $kept " in *" $left "*) ;; *) ndctl destroy-namespace -f "$left" 2>/dev/null ;; esac
    done
}

kept=
sizes='16M 32M 48M 64M 128M 256M 512M 768M 1G 1536M 2G 3G 4G 5G 6G 8G 10G 16G 32G'
for size in $sizes; do for map in dev mem; do try aligned devdax $map 2M $size; done; done
for size in $sizes; do for map in dev mem; do try aligned devdax $map 4K $size; done; done
for size in 1G 2G 3G 4G 5G 6G 8G 16G 32G; do for map in dev mem; do try aligned devdax $map 1G $size; done; done
for size in $sizes; do for map in dev mem; do try aligned fsdax $map 2M $size; done; done
for size in 64M 128M 512M 1G 3G 4G 5G; do for map in dev mem; do try aligned fsdax $map 4K $size; done; done
for size in $sizes; do try aligned sector - 4096 $size; done
for size in 16M 128M 512M 1G 3G 4G 5G; do try aligned sector - 512 $size; done
for size in 16M 128M 512M 1G 3G 4G 5G; do try aligned raw - - $size; done
for size in 1G 4G; do for mode in devdax fsdax sector; do try default-align $mode - - $size; done; done

# The same from a start that is no multiple of 1 GiB.
ndctl create-namespace -r region0 -m raw -s 16M -n pad
kept=$(allocated)
for size in 128M 1G 4G; do for map in dev mem; do
    try shift16M devdax $map 2M $size
    try shift16M devdax $map 4K $size
done; done
for size in 1G 2G 3G 4G 5G 8G; do for map in dev mem; do try shift16M devdax $map 1G $size; done; done
for size in 128M 1G 4G; do
    try shift16M fsdax dev 2M $size
    try shift16M fsdax mem 2M $size
    try shift16M sector - 4096 $size
done
