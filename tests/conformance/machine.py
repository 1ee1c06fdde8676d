"""A real libvirtd with QEMU on a machine with given hardware, for comparison.

It runs as root with mounts, a network and processes of its own: its /sys is made from the hardware,
and nothing it does remains.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import fixtures

from tests.conformance import sysfs
from tests.conformance.libvirtd import LIBVIRTD, PLACE, missing
from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.hypervisor.node.device_tree import DeviceTree

_SECONDS = 30

_NAMESPACES = ('unshare', '--mount', '--net', '--ipc', '--pid', '--fork', '--kill-child')

#: Runs in the new namespaces. $W is a directory of the test, $T one that only the daemon sees.
_SCRIPT = r'''
set -e
mount --make-rprivate /
mount -t proc proc /proc
T=$W/private
mkdir $T
mount -t tmpfs private $T
if [ -n "$CONFIGURATION" ]; then
    mount -t overlay overlay -o lowerdir=$CONFIGURATION:/etc /etc
fi
for folder in etc/libvirt run var/lib/libvirt var/log/libvirt var/cache/libvirt \
        var/lib/swtpm-localca; do
    mkdir -p $T/$folder /$folder
    mount --bind $T/$folder /$folder
done
echo 'libvirt-qemu:x:64055:64055::/:/bin/false' | cat /etc/passwd - > $T/passwd
printf 'libvirt-qemu:x:64055:\nkvm:x:64056:\n' | cat /etc/group - > $T/group
mount --bind $T/passwd /etc/passwd
mount --bind $T/group /etc/group
if [ -n "$OVERLAY" ]; then mount -t overlay overlay -o lowerdir=$OVERLAY:/usr /usr; fi
if [ -z "$QEMU" ]; then
    for emulator in /usr/bin/qemu-system-*; do mount --bind /dev/null $emulator; done
fi
if [ -d $W/sys ]; then
    cp -a $W/sys $T/sys
    mount --bind $T/sys /sys
    mkdir $T/upper $T/work
    mount -t overlay overlay -o lowerdir=/dev,upperdir=$T/upper,workdir=$T/work /dev
    for device in $CHARACTER_DEVICES; do touch $device; done
fi
cat > $T/libvirtd.conf <<END
unix_sock_dir = "$W"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_level = 4
END
cat > /etc/libvirt/qemu.conf <<END
security_driver = "none"
user = "root"
group = "root"
swtpm_user = "root"
swtpm_group = "root"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
END
export LC_ALL=C SYSTEMD_DEVICE_VERIFY_SYSFS=0
{libvirtd} --config $T/libvirtd.conf --pid-file $T/pid &
wait    # the first process of a namespace reaps the others
'''


def cannot_run() -> str | None:
    """Return why such a machine cannot run here, or None."""
    if missing() is not None:
        return missing()
    if os.geteuid() != 0 or shutil.which('unshare') is None:
        return 'only root can give a process mounts of its own'
    tried = subprocess.run([*_NAMESPACES, 'mount', '-t', 'tmpfs', 'none', '/mnt'],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return 'this machine allows no mounts' if tried.returncode else None


class RealMachine(fixtures.Fixture):
    """A libvirtd on a machine with given hardware; ``uri`` opens its QEMU driver.

    :param hardware: what its /sys shows, with ``tree``; that of this machine if None.
    :param overlay: a directory whose files it sees in /usr.
    :param configuration: a directory whose files it sees in /etc.
    :param qemu: whether it has QEMU, which takes seconds to look at.
    """

    def __init__(self, hardware: Hardware | None = None, tree: DeviceTree | None = None, *,
                 overlay: str = '', configuration: str = '', qemu: bool = False) -> None:
        super().__init__()
        self._hardware, self._tree = hardware, tree
        self._overlay, self._configuration, self._qemu = overlay, configuration, qemu

    def _setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix='machine-', dir=PLACE))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        devices = ''
        if self._hardware is not None and self._tree is not None:
            sysfs.write(self.directory / 'sys', self._hardware, self._tree)
            devices = ' '.join(f'/dev/vhost-{device.vdpa.replace("vdpa", "vdpa-")}'
                               for device in self._hardware.pci if device.vdpa)
        path = self.directory / 'libvirt-sock'
        self.uri = f'qemu+unix:///system?socket={path}'
        log = os.open(self.directory / 'log', os.O_WRONLY | os.O_CREAT)
        self.addCleanup(os.close, log)
        process = subprocess.Popen(
            [*_NAMESPACES, 'bash', '-c',
             _SCRIPT.replace('{libvirtd}', shlex.quote(LIBVIRTD))],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={'PATH': os.environ['PATH'], 'W': str(self.directory), 'OVERLAY': self._overlay,
                 'CONFIGURATION': self._configuration,
                 'QEMU': '1' if self._qemu else '', 'CHARACTER_DEVICES': devices})
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGKILL)    # its children end with it
        deadline = time.monotonic() + _SECONDS
        while not path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                text = (self.directory / 'log').read_text()
                raise RuntimeError(f'{LIBVIRTD} did not start within {_SECONDS} s: {text}')
            time.sleep(0.01)    # there is no event for the start of another program
