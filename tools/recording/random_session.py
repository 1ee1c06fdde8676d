"""Writes a session of random commands for ``record``.

::

    python -m tools.recording.random_session 7 > tools/recording/sessions/random-7.sh
    python -m tools.recording.random_session 7 --commands 400 8GiB,numa=0 1GiB,numa=1,area=128KiB

The simulated host runs each command as it is chosen, and the next one is about what exists by then,
so that most commands succeed. The same seed, DIMMs and number of commands give the same session.
"""

from __future__ import annotations

import argparse
import random
import shlex
from collections.abc import Callable

from tests.unit.pmem.shell import Shell
from tools.recording import to_jsonl
from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.kernel.sizes import MIB
from vpmem_harness.randomness import Randomness

DIMMS = ('4GiB,numa=0', '3GiB,numa=1', '1GiB,numa=0,area=128KiB')
_REBOOT = 'reboot'
_FILES = {'f0': 1 << 20, 'f1': 4096, 'f2': 0, 'f3': 3 << 20}
#: The guest's files are in memory, so that each boot makes them anew.
_INPUTS = [f'dd if=/dev/zero of={name} bs={size or 1} count={int(size > 0)}'
           for name, size in _FILES.items()]
_MODES = ('devdax', 'devdax', 'devdax', 'fsdax', 'sector', 'raw')
_LISTINGS = ('-X', '-X', '-N', '-Ni', '-NRDi', '-NRBv', '-Xu', '-R', '-RNDu', '-vv', '-D', '-Di',
             '-NX', '-NXc', '-RX', '-NM', '-DH', '-CRv', '-BDRNX')


def machine(dimms: list[str]) -> tuple[str, PersistentMemory]:
    """The header of a session, and the machine that it describes; nodes 0 and 1 have CPUs."""
    header = ''.join(f'# dimm: {dimm.replace(",", ", ")}\n' for dimm in dimms)
    memory = PersistentMemory([
        DimmSpec(dimm['size'], numa_node=dimm['numa_node'] if dimm['numa_node'] < 2 else 0,
                 target_node=dimm['numa_node'], labels=dimm['labels'],
                 label_area=dimm['label_area']) for dimm in to_jsonl.dimms(header)],
        randomness=Randomness(0))
    return header, memory


class Session:
    """Chooses commands one after the other, for a simulated host that runs them."""

    def __init__(self, seed: int, memory: PersistentMemory) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._memory = memory
        self._shell = Shell(memory)
        self._names = 0

    def lines(self, count: int) -> list[str]:
        """The lines of the session."""
        lines = list(map(self._setup, _INPUTS))
        lines += map(self._setup, ('ndctl disable-region all', 'ndctl init-labels -f all',
                                   'ndctl enable-region all'))
        for number in range(1, count + 1):
            command = self._choose()
            if command == _REBOOT:
                self._memory.reboot()
                lines += [_REBOOT, *map(self._setup, _INPUTS)]
                continue
            self._shell.run(command)
            lines.append(f'rec r/{number:03d} {command}')
        return lines

    def _setup(self, command: str) -> str:
        self._shell.run(command)
        return f'setup {command}'

    def _choose(self) -> str:
        choices: list[tuple[int, Callable[[], str | None]]] = [
            (26, self._create), (9, self._reconfigure), (14, self._change), (24, self._list),
            (6, self._list_dax), (8, self._daxio), (9, self._region), (6, self._labels),
            (7, self._dax_device), (4, self._check), (3, self._dimm), (2, self._other_user),
            (2, self._wrong), (1, lambda: _REBOOT)]
        while True:
            weights, makers = zip(*choices, strict=True)
            command = self._random.choices(makers, weights)[0]()
            if command is not None:
                return command

    # What exists

    def _devices(self, wanted: Callable[[NamespaceDevice], object]) -> list[NamespaceDevice]:
        return [device for region in self._memory.listed_regions
                for device in self._memory.listed_devices(region) if wanted(device)]

    def _one(self, wanted: Callable[[NamespaceDevice], object]) -> NamespaceDevice | None:
        found = self._devices(wanted)
        return self._random.choice(found) if found else None

    def _regions(self, wanted: Callable[[Region], object]) -> list[Region]:
        return [region for region in self._memory.regions if wanted(region)]

    def _maybe(self, *words: str, one_in: int = 2) -> list[str]:
        return list(words) if not self._random.randrange(one_in) else []

    # Commands

    def _size(self, room: int) -> str:
        steps = room // (16 * MIB)
        step = self._random.choice([1, 2, 4, 8, 16, 32, 64, 3, 5, 12, 20])
        return f'{16 * min(step, max(steps, 1))}M'

    def _shape(self, mode: str) -> list[str]:
        words = ['-m', mode]
        if mode in ('devdax', 'fsdax'):
            words += self._maybe('-M', self._random.choice(['mem', 'dev']))
            words += self._maybe('-a', self._random.choice(['2M', '4K', '2M', '1G']), one_in=4)
        elif mode == 'sector':
            words += self._maybe('-l', self._random.choice(['512', '520', '528', '4096', '4104',
                                                             '4160', '4224']))
        else:
            words += self._maybe('-l', self._random.choice(['512', '4096']), one_in=3)
        return words

    def _create(self) -> str | None:
        regions = self._regions(lambda region: region.enabled and region.max_available_extent)
        if not regions:
            return None
        region = self._random.choice(regions)
        self._names += 1
        words = ['ndctl', 'create-namespace', '-r', region.dev,
                 *self._shape(self._random.choice(_MODES)),
                 '-s', self._size(region.max_available_extent)]
        return shlex.join([*words, *self._maybe('-n', f'ns_{self._names}')])

    def _reconfigure(self) -> str | None:
        device = self._one(lambda each: each.size)
        if device is None:
            return None
        words = ['ndctl', 'create-namespace', '-f', '-e', device.dev,
                 *self._maybe(*self._shape(self._random.choice(_MODES)))]
        return shlex.join([*words, *self._maybe('-s', self._size(256 * MIB), one_in=3)])

    def _change(self) -> str | None:
        verb, wanted = self._random.choice([
            (['destroy-namespace', '-f'], lambda each: each.size),
            (['destroy-namespace'], lambda each: each.size and not each.enabled),
            (['disable-namespace'], lambda each: each.enabled),
            (['enable-namespace'], lambda each: each.size and not each.enabled)])
        device = self._one(wanted)
        return shlex.join(['ndctl', *verb, device.dev]) if device else None

    def _list(self) -> str:
        words = ['ndctl', 'list', self._random.choice(_LISTINGS)]
        region = self._random.choice(self._memory.regions)
        return shlex.join([*words, *self._maybe('-r', region.dev, one_in=5)])

    def _list_dax(self) -> str:
        return shlex.join(['daxctl', 'list', *self._maybe(self._random.choice(
            ['-D', '-u', '-i', '-DM', '-Du', '-iM']))])

    def _daxio(self) -> str | None:
        dax, block = self._one(lambda each: each.char_device and each.data[1]), self._one(
            lambda each: each.block_device)
        if dax is None:
            return None
        length = self._maybe('-l', self._random.choice(['4K', '1M', '12345', '64KiB']), one_in=2)
        source = self._random.choice([*_FILES, '/dev/zero', f'/dev/{dax.char_device}', *(
            [f'/dev/{block.block_device}'] if block else [])])
        if self._random.randrange(2):
            return shlex.join(['daxio', '-z', '-o', f'/dev/{dax.char_device}', *length])
        return shlex.join(['daxio', '-i', source, '-o', f'/dev/{dax.char_device}',
                           *(length or ['-l', '8K'])])

    def _region(self) -> str | None:
        disabled = self._regions(lambda region: not region.enabled)
        if disabled:
            return f'ndctl enable-region {self._random.choice(disabled).dev}'
        if self._random.randrange(3):
            return None
        return f'ndctl disable-region {self._random.choice(self._memory.regions).dev}'

    def _labels(self) -> str | None:
        regions = self._regions(lambda region: not region.enabled)
        dimm = self._random.choice(self._memory.dimms).dev
        if not regions or self._random.randrange(2):
            return self._random.choice([
                f'ndctl read-labels -j {dimm}', f'ndctl read-labels -u {dimm}',
                f'ndctl read-labels -jI {dimm}', f'ndctl check-labels {dimm}',
                f'ndctl read-labels -o labels {dimm}'])
        dimm = self._random.choice(regions).dimms[0].dev
        offset = self._random.choice([0, 0, 256, 512, 1000, 4096, 5000])
        return self._random.choice([
            f'ndctl init-labels -f {dimm}', f'ndctl init-labels -f -V 1.2 {dimm}',
            f'ndctl zero-labels {dimm}', f'ndctl zero-labels {dimm} -O {offset} -s 256',
            f'ndctl init-labels {dimm}'])

    def _dax_device(self) -> str | None:
        device = self._one(lambda each: each.char_device and each.data[1])
        if device is None:
            return None
        if device.memory:
            commands = ['online-memory', 'offline-memory', 'reconfigure-device -m devdax',
                        'reconfigure-device -m devdax -f']
        elif not device.dax_bound:
            commands = ['enable-device']
        else:
            commands = ['reconfigure-device -m system-ram', 'reconfigure-device -m system-ram -N',
                        'disable-device', 'reconfigure-device -m devdax']
        return f'daxctl {self._random.choice(commands)} {device.char_device}'

    def _check(self) -> str | None:
        device = self._one(lambda each: each.size)
        if device is None:
            return None
        return self._random.choice([
            f'ndctl check-namespace -f {device.dev}', f'ndctl check-namespace {device.dev}',
            f'ndctl read-infoblock -j {device.dev}', f'ndctl read-infoblock -u {device.dev}'])

    def _dimm(self) -> str:
        disabled = [dimm.dev for dimm in self._memory.dimms if not dimm.enabled]
        idle = [dimm.dev for region in self._memory.regions if not region.enabled
                for dimm in region.dimms if dimm.enabled]
        if disabled:
            return f'ndctl enable-dimm {self._random.choice(disabled)}'
        return f'ndctl disable-dimm {self._random.choice(idle or [self._memory.dimms[0].dev])}'

    def _other_user(self) -> str | None:
        command = self._random.choice([self._list, self._list_dax, self._change])()
        return command and shlex.join(['su', 'nobody', '-c', command])

    def _wrong(self) -> str:
        return self._random.choice([
            'ndctl create-namespace -m devdax -s 100G', 'ndctl create-namespace -m devdax -s 10M',
            'ndctl destroy-namespace namespace9.9', 'ndctl list -r region9',
            'ndctl create-namespace -m raw -a 2M', 'daxctl disable-device dax9.9',
            'ndctl create-namespace -m sector -l 77 -s 64M', 'ndctl list -m bogus',
            'daxio -i f0 -o f1', 'ndctl enable-namespace all', 'ndctl disable-region region9'])


def main() -> None:
    """Prints a session."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('seed', type=int)
    parser.add_argument('dimms', nargs='*', metavar='DIMM', help='such as 4GiB,numa=0')
    parser.add_argument('--commands', type=int, default=200)
    arguments = parser.parse_intermixed_args()
    dimms = arguments.dimms or list(DIMMS)
    header, memory = machine(dimms)
    print(f'# note: random commands, seed {arguments.seed}, {arguments.commands} of them')
    print(header)
    print('\n'.join(Session(arguments.seed, memory).lines(arguments.commands)))


if __name__ == '__main__':
    main()
