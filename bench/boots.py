"""Measures booted servers per second, compared with the bare libvirt calls of a boot.

    python -m bench.boots [--servers N] [--rounds N]

The peer makes the calls that no cloud can avoid: define the domain of a server, start it and query
its state, with libvirt-python on the same host and with the same XML. The ratio shows the cost of
the compute service, its scheduler and its ledger, and of the wait in another thread. The rounds
alternate, and the best round of each counts. The time excludes the deletion of the servers. The
files of the host are in memory, if possible.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import libvirt
from lxml import etree

from bench._memory import keep_files_in_memory
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.fixtures import CloudFixture
from vpmem_harness.randomness import Randomness


def boots(cloud: Cloud, count: int) -> float:
    """Return the seconds to boot servers one after the other and wait for each."""
    begin = time.perf_counter()
    servers = [cloud.boot(pmem='SMALL') for _ in range(count)]
    taken = time.perf_counter() - begin
    for server in servers:
        server.delete()
    return taken


def domains(connection: libvirt.virConnect, xml: str, names: list[str]) -> float:
    """Return the seconds for the bare calls, on unused namespaces."""
    texts = [xml.replace('NAME', f'peer-{number}').replace('UUID', uuid)
             for number, uuid in enumerate(names)]
    begin = time.perf_counter()
    made = []
    for text in texts:
        domain = connection.defineXML(text)
        domain.createWithFlags(0)
        domain.info()
        made.append(domain)
    taken = time.perf_counter() - begin
    for domain in made:
        domain.destroy()
        domain.undefine()
    return taken


def template(cloud: Cloud, count: int = 1) -> str:
    """Return the XML of a server of the first host with placeholders for its names.

    :param count: the number of the peer's domains that run at a time.
    """
    server = cloud.boot(pmem='SMALL', host=cloud.hosts[0])
    xml = server.domain_xml(libvirt.VIR_DOMAIN_XML_INACTIVE)
    text = xml.replace(server.instance_name, 'NAME').replace(f'>{server.id}<', '>UUID<')
    [disk] = etree.fromstring(xml).xpath('./devices/disk/source/@file')
    server.delete()
    # The disks of the peer's domains must be there. The host removes them.
    directory = Path(disk).parent
    directory.mkdir()
    for number in range(count):
        (directory / f'peer-{number}').touch()
    return text.replace(disk, f'{directory}/NAME')


def main() -> int:
    """Print boots per second and the ratio to the peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--servers', type=int, default=100)
    parser.add_argument('--rounds', type=int, default=5)
    arguments = parser.parse_args()
    keep_files_in_memory()
    count = arguments.servers
    randomness = Randomness(1)
    with CloudFixture(hosts=1, pmem=f'SMALL:{count}x1GiB') as cloud:
        xml = template(cloud, count)
        connection = libvirt.open(cloud.hosts[0].uri)
        best = [float('inf')] * 2
        for _ in range(arguments.rounds):
            best[0] = min(best[0], boots(cloud, count))
            names = [randomness.uuid() for _ in range(count)]
            best[1] = min(best[1], domains(connection, xml, names))
        connection.close()
    ours, peer = best
    print(f'{count / ours:,.0f} boots a second, {1000 * ours / count:.2f} ms each: '
          f'{ours / peer:.1f} times as long as the bare libvirt calls')
    return 0


if __name__ == '__main__':
    sys.exit(main())
