"""The recorded sessions, replayed row by row."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator

import testtools

from tests.unit.pmem import replay
from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEBIAN_12, DEBIAN_13, Release

#: When a region is enabled anew while its drivers are loaded, the kernel probes its namespaces at
#: the same time as it makes the seeds: which gets which nd device number is a race.
_RACE = 'numbers of nd devices after enable-region are a race'
#: migrate-device-model installs a link to a file that the recorded machine has not got.
_KMOD = 'libkmod complains about the configuration file that daxctl has installed'
#: libdaxctl and libndctl print what they do; the simulated ones do not.
_DEBUG = '--verbose also prints what the libraries do'

#: Rows that are known not to replay, with the reason.
KNOWN_DIFFERENCES = {
    'session-labels.jsonl': {
        '06/daxR2': _RACE, '07/f19': _RACE, '07/f21': _RACE, '07/f22': _RACE},
    'debian12/device-modes.jsonl': {'a/off': _DEBUG},
    'debian13/labels.jsonl': {
        '06/daxR2': _RACE, '07/f19': _RACE, '07/f21': _RACE, '07/f22': _RACE},
    'debian13/hard.jsonl': {'b/dax': _RACE},
    'debian13/other-commands.jsonl': {'k/split': _KMOD}}


class SessionTestCase(testtools.TestCase):
    """Byte for byte, UUIDs mapped one to one."""

    def _replay(self, name: str) -> None:
        recording, rows = replay.load(name)
        session = replay.Session(replay.machine_of(recording))
        differences = {row.step: difference for row in rows
                       if (difference := session.difference(row))}
        compared = sum(row.compared for row in rows)
        known = KNOWN_DIFFERENCES.get(name, {})
        unexpected = [difference for step, difference in differences.items()
                      if step not in known]
        self.assertEqual(
            [], unexpected, f'{len(unexpected)} of {compared} rows of {name} differ:\n\n'
            + '\n\n'.join(unexpected))
        self.assertEqual(set(known), set(differences), 'rows that replay are not exceptions')


class Debian12SessionTest(SessionTestCase):
    """Linux 6.1, ndctl 76.1 and daxio 1.12.1."""

    def test_session_a(self) -> None:
        """Blank labels, labelled, devdax, daxio, disabled, mixed modes, numbering."""
        self._replay('session-a.jsonl')

    def test_session_labels(self) -> None:
        """Label states, disabled regions, version 1.2 labels, other users, filters, a reboot."""
        self._replay('session-labels.jsonl')

    def test_session_regions(self) -> None:
        """Eight DIMMs, NUMA nodes, both label versions, alignments, sector sizes, a reboot."""
        self._replay('session-regions.jsonl')

    def test_session_errors(self) -> None:
        """What goes wrong, and how the tools say so."""
        self._replay('session-errors.jsonl')

    def test_hard(self) -> None:
        """Numbering, full and damaged label areas, 1 GiB alignment, odd names and filters."""
        self._replay('debian12/hard.jsonl')

    def test_other_commands(self) -> None:
        """Commands for bad blocks, info blocks, DIMMs, firmware, security and dax devices."""
        self._replay('debian12/other-commands.jsonl')

    def test_random_a(self) -> None:
        """Random commands on two DIMMs."""
        self._replay('debian12/random-a.jsonl')

    def test_random_c(self) -> None:
        """Random commands on four DIMMs, one of them without labels."""
        self._replay('debian12/random-c.jsonl')

    def test_random_d(self) -> None:
        """Random commands on DIMMs whose NUMA nodes have no CPUs."""
        self._replay('debian12/random-d.jsonl')

    def test_random_11(self) -> None:
        """Random commands that mostly succeed, on three DIMMs."""
        self._replay('debian12/random-11.jsonl')

    def test_random_12(self) -> None:
        """Random commands on DIMMs of two NUMA nodes and of one without CPUs."""
        self._replay('debian12/random-12.jsonl')

    def test_random_4711(self) -> None:
        """Random commands that mostly succeed, one of three label areas small."""
        self._replay('debian12/random-4711.jsonl')

    def test_random_4713(self) -> None:
        """Random commands that mostly succeed, among them disabled DIMMs and regions."""
        self._replay('debian12/random-4713.jsonl')

    def test_device_modes(self) -> None:
        """Modes of dax devices, info blocks and label areas as bytes."""
        self._replay('debian12/device-modes.jsonl')

    def test_shrink_1(self) -> None:
        """Labels of another version, the nil UUID, files in /dev, idle namespaces."""
        self._replay('debian12/shrink1.jsonl')

    def test_shrink_2(self) -> None:
        """Namespaces that grow and shrink."""
        self._replay('debian12/shrink2.jsonl')

    def test_shrink_3(self) -> None:
        """Labels of another version in small label areas, and zeroed parts of them."""
        self._replay('debian12/shrink3.jsonl')

    def test_system_ram(self) -> None:
        """A devdax namespace that the kernel uses as memory."""
        self._replay('debian12/system-ram.jsonl')

    def test_tty(self) -> None:
        """Output on a terminal, and mounted file systems."""
        self._replay('debian12/tty.jsonl')


class Debian13SessionTest(SessionTestCase):
    """Linux 6.12, ndctl 81 and daxio 1.13.1."""

    def test_errors(self) -> None:
        """What goes wrong, and how the tools say so."""
        self._replay('debian13/errors.jsonl')

    def test_hard(self) -> None:
        """Numbering, full and damaged label areas, 1 GiB alignment, odd names and filters."""
        self._replay('debian13/hard.jsonl')

    def test_labels(self) -> None:
        """Label states, disabled regions, version 1.2 labels, other users, filters, a reboot."""
        self._replay('debian13/labels.jsonl')

    def test_namespaces(self) -> None:
        """Blank labels, labelled, devdax, daxio, disabled, mixed modes, numbering."""
        self._replay('debian13/namespaces.jsonl')

    def test_empty(self) -> None:
        """Namespaces of which alignment leaves nothing."""
        self._replay('debian13/oops.jsonl')

    def test_other_commands(self) -> None:
        """Commands for bad blocks, info blocks, DIMMs, firmware, security and dax devices."""
        self._replay('debian13/other-commands.jsonl')

    def test_random_a(self) -> None:
        """Random commands on two DIMMs."""
        self._replay('debian13/random-a.jsonl')

    def test_random_d(self) -> None:
        """Random commands on DIMMs whose NUMA nodes have no CPUs."""
        self._replay('debian13/random-d.jsonl')

    def test_regions(self) -> None:
        """Eight DIMMs, NUMA nodes, both label versions, alignments, sector sizes, a reboot."""
        self._replay('debian13/regions.jsonl')

    def test_shrink_1(self) -> None:
        """Labels of another version, the nil UUID, files in /dev, idle namespaces."""
        self._replay('debian13/shrink1.jsonl')

    def test_shrink_2(self) -> None:
        """Namespaces that grow and shrink."""
        self._replay('debian13/shrink2.jsonl')

    def test_shrink_3(self) -> None:
        """Labels of another version in small label areas, and zeroed parts of them."""
        self._replay('debian13/shrink3.jsonl')

    def test_system_ram(self) -> None:
        """Memory that the kernel would online by itself, so that daxctl refuses."""
        self._replay('debian13/system-ram.jsonl')

    def test_tty(self) -> None:
        """Output on a terminal, and mounted file systems."""
        self._replay('debian13/tty.jsonl')


#: What the recorded script tried, in its order: part, modes, maps, alignments or sectors, sizes.
_GIGABYTES = ('1G', '2G', '3G', '4G', '5G', '6G', '8G', '16G', '32G')
_SIZES = ('16M', '32M', '48M', '64M', '128M', '256M', '512M', '768M', '1G', '1536M',
          *_GIGABYTES[1:7], '10G', '16G', '32G')
_SOME = ('16M', '128M', '512M', '1G', '3G', '4G', '5G')
_MAPS = ('dev', 'mem')

Attempt = tuple[str, str, str, str, str]


def attempts() -> Iterator[Attempt]:
    """Part, mode, map, alignment or sector size, and size of each creation of the recording."""
    for mode, align, wanted in (('devdax', '2M', _SIZES), ('devdax', '4K', _SIZES),
                                ('devdax', '1G', _GIGABYTES), ('fsdax', '2M', _SIZES),
                                ('fsdax', '4K', ('64M', *_SOME[1:]))):
        yield from (('aligned', mode, memmap, align, size) for size in wanted for memmap in _MAPS)
    yield from (('aligned', 'sector', '-', '4096', size) for size in _SIZES)
    yield from (('aligned', 'sector', '-', '512', size) for size in _SOME)
    yield from (('aligned', 'raw', '-', '-', size) for size in _SOME)
    yield from (('default-align', mode, '-', '-', size) for size in ('1G', '4G')
                for mode in ('devdax', 'fsdax', 'sector'))
    yield from (('shift16M', 'devdax', memmap, align, size) for size in ('128M', '1G', '4G')
                for memmap in _MAPS for align in ('2M', '4K'))
    yield from (('shift16M', 'devdax', memmap, '1G', size)
                for size in (*_GIGABYTES[:5], '8G') for memmap in _MAPS)
    yield from (('shift16M', mode, memmap, unit, size) for size in ('128M', '1G', '4G')
                for mode, memmap, unit in (('fsdax', 'dev', '2M'), ('fsdax', 'mem', '2M'),
                                           ('sector', '-', '4096')))


class SizesTest(testtools.TestCase):
    """Each creation of the recorded script, on its machine with one 64 GiB DIMM.

    The recording keeps a part of them. All are run, since numbers depend on what went before.
    """

    def test_every_creation(self) -> None:
        """Capacity before and after, addresses, sizes and output are those recorded."""
        self._compare('sizes.tsv', DEBIAN_12)

    def test_every_creation_on_debian_13(self) -> None:
        """They are the same but for namespaces of which alignment leaves nothing."""
        self._compare('debian13/sizes.tsv', DEBIAN_13)

    def _compare(self, name: str, release: Release) -> None:
        self.memory = PersistentMemory([DimmSpec(64 * sizes.GIB, labels='initialized')],
                                       randomness=Randomness(0), release=release)
        self.region = self.memory.regions[0]
        recorded, uuids, differences = self._recorded(name), replay.SameUUIDs(), []
        count = len(recorded)
        for attempt in attempts():
            if attempt[0] == 'shift16M' and not self.memory.namespaces:
                self.memory.create_namespace('raw', size=16 * sizes.MIB, name='pad')
            ours = self._try(*attempt)
            row = recorded.pop(attempt, None)
            if row is None:
                continue
            ours['json_or_err'] = uuids.translate(row['json_or_err'], ours['json_or_err'])
            differences += [f'{" ".join(attempt)}: {key} recorded {row[key]}, simulated {value}'
                            for key, value in ours.items() if row[key] != value]
        self.assertEqual({}, recorded)
        self.assertEqual([], differences, f'of {count} creations:\n' + '\n'.join(differences))

    def _recorded(self, name: str) -> dict[Attempt, dict[str, str]]:
        with (replay.RECORDINGS / name).open(newline='') as file:
            return {(row['part'], row['mode'], row['map'], row['align_or_lba'], row['req']): row
                    for row in csv.DictReader(file, delimiter='\t', quoting=csv.QUOTE_NONE)}

    def _try(self, part: str, mode: str, memmap: str, unit: str, size: str) -> dict[str, str]:
        words = ['-r', 'region0', '-m', mode, '-s', size]
        words += ['-M', memmap] if memmap != '-' else []
        words += ['-l' if mode == 'sector' else '-a', unit] if unit != '-' else []
        before = self.region.available_size
        kept = {namespace.dev for namespace in self.memory.namespaces}
        result = self.memory.run(['ndctl', 'create-namespace', *words])
        after = self.region.available_size
        seen = self._seen(json.loads(result.stdout)['dev']) if not result.returncode else {}
        for namespace in self.memory.namespaces:
            if namespace.dev not in kept:
                self.memory.destroy_namespace(namespace.dev)
        return {'rc': str(result.returncode), 'avail_before': str(before),
                'avail_after': str(after), **seen,
                'json_or_err': re.sub(r'[\n ]+', ' ', result.stdout + result.stderr)}

    def _seen(self, dev: str) -> dict[str, str]:
        made = self.memory.namespace(dev)
        _, device = self.memory.find(dev)
        return {'ns_raw_size': str(made.raw_size), 'ns_resource': hex(made.address),
                'sub_resource': hex(self.region.start + device.data[0]) if made.map else '-',
                'sub_size': str(made.size) if made.mode != 'raw' else '-'}
