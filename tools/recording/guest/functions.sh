# What sessions are written with: see README.rst.

keep() { # STEP SHOWN COMMAND...
    step=$1 shown=$2
    shift 2
    mkdir -p "/out/$(dirname "$step")"
    printf '%s\n' "$shown" > "/out/$step.cmd"
    "$@" > "/out/$step.out" 2> "/out/$step.err"
    rc=$?
    echo $rc > "/out/$step.rc"
    echo "step $step" >> /out/sequence
    echo "---- [$step] $shown (rc=$rc)"
    return $rc
}

quoted() { # WORD...: the words as a shell reads them
    line=
    for word; do
        case $word in
            '' | *[!A-Za-z0-9_./:=,+%@-]*) word="'$(printf %s "$word" | sed "s/'/'\\\\''/g")'" ;;
        esac
        line="$line $word"
    done
    printf '%s\n' "${line# }"
}

rec() { # STEP COMMAND...
    name=$1
    shift
    keep "$name" "$(quoted "$@")" "$@"
}

recsh() { # STEP SCRIPT
    keep "$1" "$2" sh -c "$2"
}

setup() { # COMMAND...
    echo "setup $(quoted "$@")" >> /out/sequence
    "$@"
}

lists() { # STEP
    while read -r name options; do
        rec "$1/$name" ndctl list $options
    done <<'LISTS'
list_X -X
list
list_N -N
list_Ni -Ni
list_Xi -Xi
list_NX -NX
list_NDRFv -NDRFv
list_NDRi_u -NDRi -u
list_NDRBi -NDRBi
list_Nu -Nu
list_Nv -Nv
list_Nvv -Nvv
list_Xv -Xv
list_R -R
list_Ri -Ri
list_Rv -Rv
list_RN -RN
list_RX -RX
list_D -D
list_Di -Di
list_B -B
list_BDRN -BDRN
list_BDRNX -BDRNX
list_m_devdax -N -m devdax
list_m_fsdax -N -m fsdax
list_U0 -N -U 0
list_r_region0 -N -r region0
LISTS
    rec "$1/daxctl_list" daxctl list
    rec "$1/daxctl_list_u" daxctl list -u
    rec "$1/daxctl_list_R" daxctl list -R
    rec "$1/daxctl_list_RDi" daxctl list -RDi
    rec "$1/daxctl_list_DM" daxctl list -DM
}

sysfs() { # STEP: what the kernel itself says, for whoever has to find a rule
    mkdir -p "/out/$1"
    ls -l /sys/bus/nd/devices /sys/bus/dax/devices /dev/dax* /dev/pmem* > "/out/$1/devices.txt" 2>&1
    for device in /sys/bus/nd/devices/* /sys/bus/dax/devices/*; do
        echo "== $device -> $(readlink -f "$device")"
        find "$device/" -maxdepth 1 -type f | sort | while read -r attribute; do
            case $attribute in */commands|*/flush|*/deep_flush) continue ;; esac
            echo "${attribute##*/}: $(head -c 300 "$attribute" 2>&1 | tr '\n' '|')"
        done
    done > "/out/$1/attributes.txt" 2>/dev/null
}
