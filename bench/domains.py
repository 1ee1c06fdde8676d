"""Measures the life cycle of a domain, compared with libvirt's test driver.

    python -m bench.domains [--cycles N] [--rounds N]

A cycle is define, create, XMLDesc, destroy and undefine of a guest with two NVDIMMs, through the
real libvirt-python. The simulated daemon is in this process and reached over a socket. The peer
is the test driver inside the client library: it uses no socket, assigns no addresses to devices
and checks no files. If it refuses a part of the XML, that part is removed in the order of
``_REFUSED``, and the benchmark prints it; the driver of libvirt 9.0.0 refuses nothing. Everything
runs on one CPU, and the rounds alternate. Besides the wall-clock time, the benchmark prints the
least CPU time of the whole process over all rounds, which other work on the machine affects less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import libvirt
from lxml import etree

from bench.rpc_round_trip import pin
from vpmem_harness.libvirtd.hypervisor.backing import BackingFile, DeclaredFiles
from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.randomness import Randomness
from vpmem_harness.serving.clock import SystemClock

_MIB = 1024**2
_FILES = ('/srv/pmem/ns_0', '/srv/pmem/ns_1')

_DOMAIN = """
<domain type='{kind}'>
  <name>guest</name>
  <memory unit='MiB'>768</memory>
  <currentMemory unit='MiB'>768</currentMemory>
  <maxMemory slots='2' unit='MiB'>2048</maxMemory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <features><acpi/><apic/></features>
  <cpu><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='/images/disk'/><target dev='vda' bus='virtio'/></disk>
    <interface type='network'><source network='default'/><model type='virtio'/></interface>
    <serial type='pty'/>
    <graphics type='vnc' port='-1'/>
    <memballoon model='virtio'/>
    {nvdimms}
  </devices>
</domain>
"""
_NVDIMM = """
<memory model='nvdimm' access='shared'><source><path>{path}</path></source>
  <target><size unit='MiB'>128</size><node>0</node><label><size unit='KiB'>128</size></label>
  </target></memory>
"""

#: Parts that the test driver may refuse, in the order of removal.
_REFUSED = ('devices/memory/target/label', 'devices/graphics', 'devices/interface',
            'devices/memory', 'maxMemory')


def document(kind: str) -> str:
    """Return the XML of the guest."""
    return _DOMAIN.format(kind=kind, nvdimms=''.join(_NVDIMM.format(path=path) for path in _FILES))


def accepted(connection: libvirt.virConnect, text: str) -> tuple[str, list[str]]:
    """Return the XML without the parts that a driver refuses, and their paths."""
    root, left_out = etree.fromstring(text), []
    for path in (*_REFUSED, None):
        try:
            cycle(connection, etree.tostring(root, encoding='unicode'))
        except libvirt.libvirtError:
            for domain in connection.listAllDomains():
                if domain.name() == 'guest':
                    domain.undefine()
            if path is None:
                raise
            left_out.append(path)
            for element in root.findall(path):
                element.getparent().remove(element)
        else:
            break
    return etree.tostring(root, encoding='unicode'), left_out


def cycle(connection: libvirt.virConnect, text: str) -> None:
    """Run the shortest life cycle of a domain."""
    domain = connection.defineXML(text)
    domain.create()
    domain.XMLDesc()
    domain.destroy()
    domain.undefine()


def measure(connection: libvirt.virConnect, text: str, cycles: int) -> tuple[float, float]:
    """Return the milliseconds per cycle: wall-clock time and CPU time of this process."""
    begun, used = time.perf_counter(), time.process_time()
    for _ in range(cycles):
        cycle(connection, text)
    return ((time.perf_counter() - begun) / cycles * 1e3,
            (time.process_time() - used) / cycles * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cycles', type=int, default=20, help='cycles per round')
    parser.add_argument('--rounds', type=int, default=9)
    options = parser.parse_args()
    libvirt.registerErrorHandler(lambda context, error: None, None)
    hypervisor = Hypervisor(
        'bench', randomness=Randomness(1), clock=SystemClock(),
        backing=DeclaredFiles({path: BackingFile('regular', 128 * _MIB)
                               for path in (*_FILES, '/images/disk')}))
    with tempfile.TemporaryDirectory() as directory:
        daemon = Daemon(hypervisor, os.path.join(directory, 'libvirt-sock'))
        daemon.start()
        try:
            pin(max(os.sched_getaffinity(0)))
            ours, peer = libvirt.open(daemon.uri), libvirt.open('test:///default')
            theirs, left_out = accepted(peer, document('test'))
            print(f"The test driver refuses {', '.join(left_out) or 'nothing'} of the domain.")
            sides = {"libvirt's test driver, in process": (peer, theirs),
                     'simulated, over its socket': (ours, document('qemu'))}
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
            for _ in range(options.rounds):
                for name, (connection, text) in sides.items():
                    taken[name].append(measure(connection, text, options.cycles))
            ours.close()
            peer.close()
        finally:
            daemon.stop()
    print(f'define, create, XMLDesc, destroy, undefine: {options.rounds} rounds of '
          f'{options.cycles}, one CPU:')
    least = None
    for name, times in taken.items():
        median = statistics.median(wall for wall, _ in times)
        used = min(used for _, used in times)
        least = least or used
        print(f'  {name:34} {median:8.2f} ms  (CPU {used:.2f} ms)  {used / least:6.1f}')


if __name__ == '__main__':
    main()
