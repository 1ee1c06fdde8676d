"""Random inventories."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import testtools
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pmem import nova
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import nova_labels, spec
from vpmem_harness.pmem.inventory.generator import random_inventory
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.inventory.operations import Create, Destroy, Disable, Reboot
from vpmem_harness.pmem.inventory.profiles import HOSTILE, MIXED, PLAIN, PROFILES, profile_named
from vpmem_harness.pmem.kernel.sizes import GIB
from vpmem_harness.pmem.machine import PersistentMemory
from vpmem_harness.randomness import Randomness

#: SHA-256 of what ``ndctl list -NX`` prints, so that a seed stays what it is. They change when a
#: profile does, and that is a change that users see: say so in a release note.
DIGESTS = {
    (1, 'plain'): 'a527090b9f6213d8',
    (7, 'plain'): 'dae81050d0903cc7',
    (2026, 'plain'): '1348efa360542327',
    (1, 'mixed'): '70db758f20084fbb',
    (7, 'mixed'): 'a7f7d2d1a67b22d5',
    (2026, 'mixed'): '5341a6517e5ea277',
    (1, 'hostile'): 'd30a063dee65fb5e',
    (7, 'hostile'): 'a1bc61cd4bcf78a7',
    (2026, 'hostile'): 'ee0a5f7b38710c6f',
}


def build(seed: int, profile: str) -> tuple[Inventory, PersistentMemory]:
    """The inventory of a seed, and a host that holds it."""
    randomness = Randomness(seed)
    inventory = random_inventory(randomness.derive('inventory'), PROFILES[profile])
    return inventory, inventory.build(randomness.derive('uuids'))


def digest(seed: int, profile: str) -> str:
    """The digest of a seed's host."""
    memory = build(seed, profile)[1]
    return hashlib.sha256(memory.run(['ndctl', 'list', '-NX']).stdout.encode()).hexdigest()[:16]


class SeedTest(testtools.TestCase):

    def test_seed_stays_what_it_is(self):
        """These seeds give these hosts on every version of Python and on every platform."""
        self.assertEqual(DIGESTS, {key: digest(*key) for key in DIGESTS})

    def test_independent_of_the_hash_seed(self):
        """The order of sets and of the interpreter's hashes plays no part."""
        code = ('from tests.unit.pmem.inventory import test_generator as t; '
                'print([t.digest(*key) for key in t.DIGESTS])')
        printed = {
            subprocess.run(
                [sys.executable, '-c', code], check=True, capture_output=True, text=True,
                env={**os.environ, 'PYTHONHASHSEED': seed, 'PYTHONPATH': os.pathsep.join(sys.path)},
            ).stdout for seed in ('1', '2')}
        self.assertEqual({f'{list(DIGESTS.values())}\n'}, printed)

    def test_seeds_differ(self):
        """Another seed gives another host."""
        self.assertEqual(20, len({digest(seed, 'mixed') for seed in range(20)}))


class HostTest(testtools.TestCase):

    @given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(PROFILES)))
    @settings(max_examples=60)
    def test_any_seed_gives_a_real_host(self, seed, profile):
        """It builds, within its capacity, and Nova takes the line and finds something to offer."""
        inventory, memory = build(seed, profile)
        for region in memory.regions:
            extents = sorted((device.offset, device.offset + device.size)
                             for device in region.namespaces if device.size)
            ends = [0, *(end for _, end in extents), region.size]
            self.assertEqual(sorted(ends), ends)
            self.assertTrue(all(begin >= end for (begin, _), end in
                                zip(extents, ends, strict=False)), extents)
        line = nova_labels.pmem_namespaces(inventory.labels, memory.namespaces)
        offered = nova.offered(line, memory.run(['ndctl', 'list', '-X']).stdout)
        self.assertTrue(offered)
        self.assertEqual(set(inventory.labels), set(offered))
        self.assertEqual({label: len(names) for label, names in inventory.labels.items()},
                         {label: len(devices) for label, devices in offered.items()})

    def test_listing_is_json(self):
        """However odd the names, the listing can be read."""
        for seed in range(20):
            json.loads(build(seed, 'hostile')[1].run(['ndctl', 'list', '-NX']).stdout)


class ProfileTest(testtools.TestCase):

    def steps(self, profile: str, kind: type) -> list:
        """The steps of that kind on a hundred hosts."""
        return [step for seed in range(100)
                for step in random_inventory(Randomness(seed), PROFILES[profile]).steps
                if isinstance(step, kind)]

    def test_plain_is_devdax_under_labels(self):
        """A plain host has what its operator offers, and nothing else."""
        creations = self.steps('plain', Create)
        self.assertEqual({'devdax'}, {creation.mode for creation in creations})
        self.assertNotIn(None, {creation.label for creation in creations})
        self.assertEqual([], self.steps('plain', Destroy) + self.steps('plain', Reboot))

    def test_mixed_and_hostile_have_everything(self):
        """Among a hundred hosts every mode, map, alignment and fate occurs."""
        for profile in ('mixed', 'hostile'):
            creations = self.steps(profile, Create)
            self.assertEqual({'devdax', 'fsdax', 'sector', 'raw'},
                             {creation.mode for creation in creations})
            self.assertEqual({'dev', 'mem'}, {creation.map for creation in creations})
            self.assertEqual(3, len({creation.align for creation in creations}))
            self.assertIn(None, {creation.name for creation in creations})
            self.assertIn(None, {creation.size for creation in creations}, 'DIMMs without labels')
            for kind in (Destroy, Disable, Reboot):
                self.assertNotEqual([], self.steps(profile, kind), (profile, kind))

    def test_several_nodes_and_interleaved_dimms(self):
        """Among a hundred mixed hosts there are several NUMA nodes, and interleaved DIMMs."""
        dimms = [dimm for seed in range(100)
                 for dimm in random_inventory(Randomness(seed), MIXED).dimms]
        self.assertLessEqual({0, 1, 2, 3}, {dimm.numa_node for dimm in dimms})
        self.assertIn('set0', {dimm.interleave for dimm in dimms})

    def test_labels_are_usable(self):
        """Each profile has labels that a flavor can name, in classes of their own, and a last one
        for the smallest."""
        for profile in (PLAIN, MIXED, HOSTILE):
            for label in profile.labels:
                spec.check_label(label)
            spec.check_labels(list(profile.labels))
            self.assertLessEqual(min(profile.labels.values()), min(profile.sizes))

    def test_each_dimm_holds_something(self):
        """The first namespace fits on any DIMM, so there is always one to offer."""
        for profile in (PLAIN, MIXED, HOSTILE):
            self.assertLessEqual(min(profile.sizes), min(profile.dimm_sizes))
            self.assertLessEqual(sum(profile.dimm_sizes), 64 * 1024 * GIB)

    def test_profile_by_name(self):
        """An unknown profile is refused with the names of those that there are."""
        self.assertIs(MIXED, profile_named('mixed'))
        self.assertIn('plain, mixed, hostile',
                      str(self.assertRaises(InvalidInputError, profile_named, 'odd')))
