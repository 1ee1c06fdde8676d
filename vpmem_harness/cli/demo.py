"""``vpmem-harness demo``: a guided tour."""

from __future__ import annotations

import argparse
import shlex
import sys

from vpmem_harness import fixtures
from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.tables import table
from vpmem_harness.cloud.server import Server
from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.inventory.recorded import sample_listing

#: Prefix of the resource classes of namespaces.
PMEM_CLASS = spec.resource_class('')


class Demo(Command):
    """Boot, exhaust, delete, resize and revert servers on two simulated hosts.

    One host has the namespaces of a recorded machine, the other one random namespaces from a seed.
    A compute service runs on each. If standard input is a terminal, the hosts stay until you press
    Enter, so that you can use virsh on them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--seed', metavar='N', type=int,
                            help='seed of the second host and of all other random values')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        inventory = fixtures.InventoryFixture(parsed_args.seed, profile='plain')
        with (inventory,
              fixtures.HostFixture(listing=sample_listing(), seed=inventory.seed) as recorded,
              fixtures.HostFixture(inventory) as drawn,
              fixtures.CloudFixture([recorded, drawn], seed=inventory.seed,
                                    allow_resize_to_same_host=True) as cloud):
            Story(cloud, recorded, drawn).tell()
            if sys.stdin.isatty():
                input('\nThe hosts are there until you press Enter. ')
        return 0


class Story:
    """The steps of the demo; each prints its result."""

    def __init__(self, cloud: fixtures.CloudFixture, recorded: fixtures.HostFixture,
                 drawn: fixtures.HostFixture) -> None:
        self._cloud = cloud
        self._recorded = recorded
        self._drawn = drawn

    def tell(self) -> None:
        """Run all steps."""
        self.hosts()
        # The most frequent label of the recorded host, another label of it, and a label that only
        # the other host has.
        labels = sorted(self._recorded.host.labels.items(), key=lambda item: -len(item[1]))
        (label, names), (other, _) = labels[:2]
        elsewhere = next(one for one in self._drawn.host.labels
                         if one not in self._recorded.host.labels)
        servers, refused = self.exhaust(label, len(names))
        refused.delete()
        self.use_again(servers, label)
        self.move(servers[0], elsewhere)
        self.stay(servers[1], other)
        self.virsh()

    def hosts(self) -> None:
        """Print the two hosts and their namespaces."""
        step('Two simulated hosts')
        print(f'{self._recorded.name} holds what was recorded on a real machine; '
              f'{self._drawn.name} is drawn from --seed {self._drawn.seed}.\n')
        for host in (self._recorded, self._drawn):
            print(f'{host.name}: {host.uri}')
            print(f'pmem_namespaces = {host.pmem_namespaces}\n')
            labels = {name: label for label, names in host.host.labels.items() for name in names}
            print(table(
                ['namespace', 'name', 'mode', 'device', 'NUMA node', 'size', 'label'],
                [[one.dev, one.name or '', one.mode, one.path or '', one.numa_node,
                  spec.format_size(one.size), labels.get(one.name or '', '')]
                 for one in host.namespaces]), end='\n\n')

    def exhaust(self, label: str, count: int) -> tuple[list[Server], Server]:
        """Boot servers until the namespaces of a label are used up, and one more."""
        step(f'Servers are booted until the namespaces of {label} are used up')
        servers = [self._cloud.boot(pmem=label, name=f'server{number + 1}')
                   for number in range(count)]
        refused = self._cloud.boot(pmem=label, name='one-too-many', expect='ERROR')
        self.show()
        print(f'\n{refused.name} is in ERROR: {refused.fault.message}')
        return servers, refused

    def use_again(self, servers: list[Server], label: str) -> None:
        """Delete a server; the next server gets its namespace."""
        gone = servers.pop()
        step(f'{gone.name} is deleted, and its namespace is used again')
        freed = [device.name for device in gone.namespaces]
        gone.delete()
        print(f'{", ".join(freed)} was wiped and is free')
        servers.append(self._cloud.boot(pmem=label, name='next-one'))
        self.show()

    def move(self, server: Server, label: str) -> None:
        """Resize to the other host: revert, then resize again and confirm."""
        step(f'{server.name} is resized to {label}, which only {self._drawn.name} has')
        server.resize(pmem=label)
        self.show()
        step('The resize is reverted')
        server.revert_resize()
        self.show()
        step('It is resized again, and confirmed')
        server.resize(pmem=label).confirm_resize()
        self.show()

    def stay(self, server: Server, label: str) -> None:
        """Resize on the same host."""
        step(f'{server.name} is resized to {label} on its own host')
        server.resize(pmem=label).confirm_resize()
        self.show()

    def show(self) -> None:
        """Print the servers, their namespaces and their allocations."""
        print(table(
            ['server', 'status', 'host', 'namespaces', 'device'],
            [[one.name, one.status, one.host or '',
              ' '.join(device.name for device in one.namespaces),
              ' '.join(device.devpath for device in one.namespaces)]
             for one in self._cloud.servers]))
        print()
        print(table(
            ['allocated for', 'on host', 'resource class', 'amount'],
            [[one.name, host, resource_class, amount]
             for one in self._cloud.servers
             for host, resources in one.allocations.items()
             for resource_class, amount in resources.items()
             if resource_class.startswith(PMEM_CLASS)]))
        print()
        print(table(
            ['host', 'resource class', 'in use', 'of'],
            [[host.name, resource_class, self._cloud.compute(host).usages.get(resource_class, 0),
              inventory.total]
             for host in self._cloud.hosts
             for resource_class, inventory in self._cloud.inventories(host).items()
             if resource_class.startswith(PMEM_CLASS)]))

    def virsh(self) -> None:
        """Print how to use virsh on the hosts."""
        step('The hosts are real to any libvirt client')
        for host in (self._recorded, self._drawn):
            print(f'virsh -c {shlex.quote(host.uri)} list --all')


def step(title: str) -> None:
    """Print the title of a step."""
    print(f'\n== {title}\n')
