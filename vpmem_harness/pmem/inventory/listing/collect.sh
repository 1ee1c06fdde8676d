#!/bin/sh
# Prints what vpmem-harness needs to copy the persistent memory of this host:
#
#     sudo sh collect.sh > host.txt
#     vpmem-harness inventory --listing host.txt --explain
#
# It changes nothing. It replaces the serial numbers of DIMMs and the identities of interleave sets,
# which are made from them, with 1, 2, 3, ... Names and UUIDs of namespaces stay as they are.

command -v ndctl > /dev/null || { echo 'collect: install ndctl, then run this again' >&2; exit 1; }
[ "$(id -u)" = 0 ] || echo 'collect: run this as root: others do not see everything' >&2

# first COMMAND OPTIONS...: what the command prints with the first options that it knows.
first() {
    program=$1
    shift
    for options in "$@"; do
        # Older versions do not know all options. The word is one, or none.
        if found=$("$program" list $options 2> /dev/null); then
            [ -z "$found" ] || printf '# %s list %s\n%s\n' "$program" "$options" "$found"
            return
        fi
    done
    echo "collect: $program list fails" >&2
}

[ -n "$(ndctl list -DRi 2> /dev/null)" ] || echo 'collect: ndctl lists no persistent memory' >&2

hide() {
    awk '
        /^ *"id":"/ && match($0, /-[0-9a-f]+",?$/) {
            serial = substr($0, RSTART + 1, 8)
            if (!(serial in serials)) serials[serial] = ++dimms
            $0 = substr($0, 1, RSTART) sprintf("%08x", serials[serial]) substr($0, RSTART + 9)
        }
        /^ *"iset_id":/ && match($0, /:-?[0-9]+/) {
            iset = substr($0, RSTART + 1, RLENGTH - 1)
            if (!(iset in isets)) isets[iset] = ++sets
            $0 = substr($0, 1, RSTART) isets[iset] substr($0, RSTART + RLENGTH)
        }
        { print }'
}

echo "# ndctl $(ndctl --version)"
echo "# kernel $(uname -r)"
{
    first ndctl -BDRNXHFMCiv -BDRNXHFMiv -BDRNXHMiv -BDRNXHFMi -BDRNXHMi -BDRNXi
    if command -v daxctl > /dev/null; then
        first daxctl -RDMi -RDi
    fi
} | hide
