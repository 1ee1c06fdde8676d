"""Clients that Debian packages work with a simulated host and a guest with an NVDIMM."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import fixtures
from testtools.content import text_content

from tests import base
from vpmem_harness.fixtures import HostFixture

_SECONDS = 60

_GUEST = """
<domain type='qemu'><name>guest</name><memory>1048576</memory>
<maxMemory slots='4'>16777216</maxMemory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<cpu><numa><cell id='0' cpus='0-1' memory='1048576'/></numa></cpu>
<devices>
  <memory model='nvdimm' access='shared'><source><path>{path}</path>
    <alignsize unit='KiB'>2048</alignsize><pmem/></source>
    <target><size unit='KiB'>{size}</size><node>0</node><label><size unit='KiB'>2048</size></label>
    </target></memory>
  <interface type='network'><source network='default'/></interface>
</devices></domain>
"""

_PERL = """
use Sys::Virt;
my $c = Sys::Virt->new(uri => $ARGV[0]);
for my $d ($c->list_all_domains) {
    print $d->get_name, ' ', ($d->get_xml_description =~ /model='nvdimm'/ ? 'nvdimm' : ''), "\\n";
}
my $p = $c->get_storage_pool_by_name('default');
my $v = $p->create_volume('<volume><name>v</name><capacity>65536</capacity></volume>');
print $v->get_info->{capacity}, "\\n";
for my $n ($c->list_all_networks) { print $_->{ipaddr}, "\\n" for $n->get_dhcp_leases; }
"""

_RUBY = """
require 'libvirt'
c = Libvirt::open(ARGV[0])
c.list_all_domains.each { |d| puts d.name + ' ' + d.xml_desc[/model='nvdimm'/][7, 6] }
v = c.lookup_storage_pool_by_name('default').create_volume_xml(
  '<volume><name>v</name><capacity>65536</capacity></volume>')
puts v.info.capacity
s = c.stream
v.upload(s, 0, 5)
s.send('hello')
s.finish
c.list_all_networks.each { |n| n.dhcp_leases.each { |l| puts l['ipaddr'] } }
"""

_COLLECTD = """
BaseDir "{directory}"
PIDFile "{directory}/pid"
Interval 1
LoadPlugin virt
LoadPlugin csv
<Plugin virt>
  Connection "{uri}"
  RefreshInterval 1
  HostnameFormat name
</Plugin>
<Plugin csv>
  DataDir "{directory}/csv"
</Plugin>
"""


class PackagedClientsTest(base.TestCase):

    def need(self, package, *found):
        """Skip the test unless what a package installs is there."""
        if not all(found):
            self.skipTest(f'{package} is not installed')

    def set_up_host(self):
        """Start a host with a guest that has an NVDIMM."""
        self.host = self.useFixture(HostFixture(pmem='SMALL:2x4GiB'))
        namespace = self.host.namespaces[0]
        size = namespace.size // 1024 // 4096 * 4096
        self.host.connection.defineXML(_GUEST.format(path=namespace.path, size=size)).create()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def run_program(self, *words, env=None):
        """Run a program to its end; return what it prints."""
        done = subprocess.run(
            words, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False,
            env={'PATH': os.environ['PATH'], 'LC_ALL': 'C', **(env or {})})
        self.addDetail(words[0], text_content(done.stdout))
        self.assertEqual(0, done.returncode)
        return done.stdout

    def start_program(self, *words, env=None):
        """Start a program that runs until the end of the test."""
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={'PATH': os.environ['PATH'], 'LC_ALL': 'C', **(env or {})})
        self.addCleanup(process.wait)

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.addCleanup(end)
        return process

    def wait_for(self, condition):
        """Poll another program until a condition holds; return its value."""
        deadline = time.monotonic() + _SECONDS
        while True:
            value = condition()
            if value:
                return value
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)     # there is no event for what another program does

    def test_perl(self):
        """Sys::Virt lists the guest, creates a volume and reads the lease."""
        perl = shutil.which('perl')
        self.need('libsys-virt-perl', perl and subprocess.run(
            [perl, '-MSys::Virt', '-e', '1'], capture_output=True, check=False).returncode == 0)
        self.set_up_host()
        self.assertEqual('guest nvdimm\n65536\n192.0.2.2\n',
                         self.run_program(perl, '-e', _PERL, self.host.uri))

    def test_ruby(self):
        """ruby-libvirt lists the guest, creates a volume, uploads to it and reads the lease."""
        ruby = shutil.which('ruby')
        self.need('ruby-libvirt', ruby and subprocess.run(
            [ruby, '-rlibvirt', '-e', '1'], capture_output=True, check=False).returncode == 0)
        self.set_up_host()
        self.assertEqual('guest nvdimm\n65536\n192.0.2.2\n',
                         self.run_program(ruby, '-e', _RUBY, self.host.uri))
        pool = self.host.connection.storagePoolLookupByName('default')
        stream = self.host.connection.newStream()
        pool.storageVolLookupByName('v').download(stream, 0, 5)
        self.assertEqual(b'hello', stream.recv(100))
        stream.finish()

    def test_prometheus(self):
        """prometheus-libvirt-exporter reports the guest."""
        program = shutil.which('prometheus-libvirt-exporter')
        self.need('prometheus-libvirt-exporter', program)
        self.set_up_host()
        with socket.socket() as probe:
            probe.bind(('localhost', 0))
            address, port = probe.getsockname()
        self.start_program(program, '--libvirt.uri', self.host.uri,
                           '--web.listen-address', f'{address}:{port}')

        def metrics():
            connection = http.client.HTTPConnection(address, port, timeout=_SECONDS)
            with contextlib.suppress(OSError), contextlib.closing(connection):
                connection.request('GET', '/metrics')
                return connection.getresponse().read().decode()
            return None
        self.assertRegex(self.wait_for(metrics),
                         r'libvirt_domain_info_virtual_cpus\{domain="guest"[^}]*\} 2\n')

    def test_collectd(self):
        """collectd's plugin virt writes the guest's memory."""
        program = shutil.which('collectd', path='/usr/sbin:/usr/local/sbin')
        self.need('collectd-core', program, os.path.exists('/usr/lib/collectd/virt.so'))
        self.set_up_host()
        configuration = pathlib.Path(self.directory, 'collectd.conf')
        configuration.write_text(_COLLECTD.format(directory=self.directory, uri=self.host.uri))
        self.start_program(program, '-f', '-C', str(configuration))
        found = self.wait_for(lambda: list(
            pathlib.Path(self.directory, 'csv').glob('guest/virt/memory-total-*')))
        self.wait_for(lambda: '1073741824' in found[0].read_text())

    def test_dbus(self):
        """libvirt-dbus finds the guest."""
        program = shutil.which('libvirt-dbus', path='/usr/sbin:/usr/bin')
        self.need('libvirt-dbus', program, shutil.which('dbus-daemon'), shutil.which('dbus-send'))
        root = os.geteuid() == 0
        if root and subprocess.run(['unshare', '--mount', 'true'], capture_output=True,
                                   check=False).returncode:
            self.skipTest('libvirt-dbus of root uses the socket of the system, and this machine '
                          'allows no mount namespace')
        self.set_up_host()
        path = urllib.parse.unquote(self.host.uri.partition('socket=')[2])
        sockets = pathlib.Path(self.directory, 'libvirt')
        sockets.mkdir()
        (sockets / 'libvirt-sock').symlink_to(path)
        bus = f'unix:path={self.directory}/bus'
        env = {'XDG_RUNTIME_DIR': self.directory, 'DBUS_SESSION_BUS_ADDRESS': bus}
        self.start_program('dbus-daemon', '--session', '--nofork', f'--address={bus}', env=env)
        self.wait_for(lambda: os.path.exists(f'{self.directory}/bus'))
        command = [program, '--session']
        if root:
            command = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /run && '
                       f'ln -s {sockets} /run/libvirt && exec {program} --session']
        self.start_program(*command, env=env)
        def send(destination, *call):
            done = subprocess.run(
                ('dbus-send', '--session', '--print-reply', f'--dest={destination}', *call),
                env={**os.environ, **env}, text=True, capture_output=True, timeout=_SECONDS,
                check=False)
            return done.stdout

        # A call before that would start another libvirt-dbus.
        self.wait_for(lambda: 'true' in send(
            'org.freedesktop.DBus', '/', 'org.freedesktop.DBus.NameHasOwner', 'string:org.libvirt'))
        self.assertIn('object path "/org/libvirt/QEMU/domain/', send(
            'org.libvirt', '/org/libvirt/QEMU', 'org.libvirt.Connect.DomainLookupByName',
            'string:guest'))
