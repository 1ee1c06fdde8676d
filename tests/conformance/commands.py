"""virsh's common commands, as scripts to run on a host with two domains.

``off`` is shut off and ``running`` is running; both have a disk ``vda`` of their own, a CD
drive ``hda`` and an interface.
The files ``new.xml``, ``disk.xml``, ``rng.xml``, ``broken.xml`` and ``secret.xml`` are available.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from tests.conformance import libvirtd
from tests.conformance.calls.world import World
from tests.conformance.libvirtd import PLACE

_GOLDEN = pathlib.Path(__file__).parents[1] / 'golden' / 'libvirt'
#: The recorded output of each release, by script.
RECORDINGS = {'debian12': _GOLDEN / 'virsh-qemu.json',
              'debian13': _GOLDEN / 'debian13' / 'libvirt-11.3-virsh-qemu.json'}

_SECONDS = 60
_MIB = 1024**2

_DEVICES = '''
<on_crash>restart</on_crash>
<devices>
  <disk type='file' device='disk'><driver name='qemu' type='raw'/>
    <source file='{directory}/{disk}'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><target dev='hda' bus='ide'/><readonly/></disk>
  <interface type='user'><mac address='{mac}'/><model type='virtio'/></interface>
</devices>
'''
_RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
_DISK = ("<disk type='file' device='disk'><source file='{directory}/other'/>"
         "<target dev='vdb' bus='virtio'/></disk>")
_SECRETS = ("<secret ephemeral='no' private='no'><uuid>{uuid}</uuid>"
           "<usage type='volume'><volume>/x</volume></usage></secret>")

#: Scripts whose numbers depend on the machine or on time, and are not compared.
VARYING = {
    'nodeinfo', 'nodememstats', 'nodecpustats', 'freecell', 'freecell --all', 'nodecpumap',
    'cpu-stats running', 'dominfo running', 'domstats running', 'dommemstat running',
    'domblkstat running vda', 'domifstat running', 'version', 'domid running', 'list', 'list --all',
    'vcpuinfo off', 'vcpuinfo running', 'domtime running', 'domblkinfo off vda',
    'domstats --vcpu running', 'domstats --balloon running', 'domstats --state', 'emulatorpin off',
    'domifstat running vnet0', 'list --inactive'}

READING = '''
version
uri
list
list --all
list --name
list --all --name
list --uuid
list --inactive --name
list --state-running --name
list --persistent --name
list --transient --name
list --autostart --name
list --no-autostart --all --name
list --with-managed-save --all --name
list --with-snapshot --all --name
list --title --all --name
nodeinfo
nodememstats
nodecpustats
nodecpumap
freecell
freecell --all
maxvcpus
maxvcpus --type none
domid running
domid off
domid none
domname none
domuuid off
domuuid running
domstate off
domstate --reason off
domstate --reason running
domstate none
dominfo off
dominfo running
dominfo none
domcontrol running
domcontrol off
domjobinfo running
domjobinfo off
domblklist off
domblklist running --details
domblkinfo off vda
domblkinfo off none
domblkstat running vda
domblkerror running
domiflist off
domifstat running none
domif-getlink off none
domstats --state
domstats --vcpu running
domstats --balloon running
dommemstat running
dommemstat off
cpu-stats off
vcpucount off
vcpucount running
vcpucount --maximum --config off
vcpuinfo off
vcpupin off
emulatorpin off
iothreadinfo off
schedinfo none
numatune off
domdisplay running
domdisplay off
vncdisplay running
domfsinfo running
domhostname running
domifaddr running
domtime running
guestinfo running
dumpxml none
desc off
desc --title off
metadata off urn:x
managedsave-dumpxml off
domblkthreshold off vda 5
blockjob running vda
snapshot-list off
snapshot-current off
snapshot-info off none
secret-list
secret-dumpxml none
pool-info none
net-info none
nodedev-dumpxml none
echo a b
nonsense
dominfo
domxml-to-native none off
'''.strip().splitlines()

CHANGING = '''
define new.xml; list --all --name; undefine new; list --all --name
define broken.xml
define none.xml
create new.xml; domstate new; destroy new; domstate new
start off; domstate off; destroy off; domstate --reason off
start off --paused; domstate --reason off; resume off; domstate --reason off
start running
start none
destroy off
destroy running --graceful; domstate --reason running
suspend running; domstate --reason running; resume running; domstate --reason running
suspend off
resume off
resume running
reset running
reset off
reboot off
shutdown off
undefine running; list --all --persistent --name; destroy running; list --all --name
undefine none
autostart off; list --all --autostart --name; autostart --disable off; dominfo off
autostart none
managedsave running; list --all --with-managed-save --name; domstate --reason running
managedsave off
managedsave running; undefine running; undefine --managed-save running; list --all --name
managedsave running; managedsave-remove running; start running; domstate --reason running
managedsave running; start running; domstate --reason running
domrename off renamed; list --all --name; domstate renamed
domrename running renamed
domrename off running
setmem off 32M --config; dominfo off
setmem running 1G
setmem off 0 --config
setmaxmem off 128M --config; dominfo off
setmaxmem running 128M --live
setvcpus off 2 --config; vcpucount off
setvcpus off 3 --config
setvcpus off 1 --maximum --config; vcpucount off --config --maximum
vcpupin off 0 0 --config; vcpupin off 0
vcpupin off 5 0 --config
emulatorpin off 0 --config; emulatorpin off
desc off --new-desc words --config; desc off --config
desc off --title name --config; desc --title off --config
metadata off urn:x --key k --set '<a b="c"/>' --config; metadata off urn:x --config
metadata off urn:x --key k --set '<a/>'; metadata off urn:x --remove; metadata off urn:x
attach-device off rng.xml --config; detach-device off rng.xml --config
attach-device running rng.xml --live
attach-device running broken.xml
attach-disk off {directory}/other vdb --config; domblklist off; detach-disk off vdb --config
attach-disk running {directory}/other vdb; domblklist running
attach-disk off {directory}/other vda --config
detach-disk off none --config
attach-interface off user none --config
change-media off hda --eject --config
change-media off hda {directory}/other --insert --config; domblklist off
domif-setlink off {mac} down --config; domif-getlink off {mac} --config
set-lifecycle-action off reboot destroy --config
snapshot-create-as off one --disk-only --no-metadata; domblklist off
inject-nmi off
send-key off KEY_A
domfsfreeze running
domfstrim off
dompmsuspend off mem
set-user-password off root x
domjobabort off
secret-define secret.xml; secret-list; secret-undefine {secret}; secret-list
secret-define secret.xml; secret-set-value {secret} b3BhcXVl; secret-get-value {secret}
secret-define broken.xml
numatune off --nodeset 0 --config; numatune off --config
schedinfo off --set none=1 --config
migrate running qemu+tcp://none.invalid/system
'''.strip().splitlines()

SCRIPTS = [*READING, *CHANGING]


def missing() -> str | None:
    """Return why virsh cannot run here, or None."""
    return None if shutil.which('virsh') else 'virsh is not installed'


class Commands:
    """virsh on a daemon with the two domains."""

    def __init__(self, uri: str, kind: str = 'qemu') -> None:
        self._uri = uri
        self._kind = kind

    def run(self, script: str) -> tuple[int, str]:
        """Return the exit status and the output of a script on a fresh pair of domains."""
        directory = tempfile.mkdtemp(prefix='virsh-', dir=PLACE)
        world = World(self._uri, self._kind)
        try:
            os.chmod(directory, 0o777)      # noqa: S103 - a libvirtd of another user reads it
            return self._run(script, world, pathlib.Path(directory))
        finally:
            world.close()
            for secret in world.secrets():
                secret.undefine()
            shutil.rmtree(directory)

    def _run(self, script: str, world: World, directory: pathlib.Path) -> tuple[int, str]:
        mac = world.mac('interface')
        words = {'directory': str(directory), 'mac': mac, 'secret': world.uuid('secret')}
        for name, text in {
                'disk': '\0' * _MIB, 'own': '\0' * _MIB, 'other': '\0' * _MIB,
                'broken.xml': '<domain',
                'new.xml': world.xml('new'), 'rng.xml': _RNG,
                'disk.xml': _DISK.format(directory=directory),
                'secret.xml': _SECRETS.format(uuid=words['secret'])}.items():
            path = directory / name
            path.write_text(text)
            path.chmod(0o666)
        for name, disk, make in (('off', 'disk', world.define), ('running', 'own', world.start)):
            make(name, more=_DEVICES.format(directory=directory, disk=disk, mac=mac))
        script_text = script
        for name, value in words.items():
            script_text = script_text.replace(f'{{{name}}}', value)
        done = subprocess.run(
            libvirtd.inside(['virsh', '--connect', self._uri, script_text], directory=directory),
            cwd=directory, text=True,
            env={**os.environ, 'LC_ALL': 'C', 'HOME': str(directory)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS, check=False)
        text = world.text(done.stdout).replace(str(directory), '{directory}').replace(mac, '{mac}')
        text = re.sub(r' +$', '', text, flags=re.MULTILINE)
        if script in VARYING:
            text = re.sub(r'[ \t]+', ' ', re.sub(r'[\d.]+', '0', text))
            text = re.sub(r'\n-+\n', '\n-\n', text)
        return done.returncode, text
