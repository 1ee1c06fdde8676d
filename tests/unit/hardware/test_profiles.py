"""Named profiles of hardware."""

from __future__ import annotations

import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.hardware import Hardware, profiles
from vpmem_harness.pmem.inventory.profiles import profile_named


class ProfilesTest(testtools.TestCase):

    def test_every_profile_is_valid(self):
        """Each profile is hardware, and its memory profile exists."""
        for name in profiles.NAMES:
            with self.subTest(name):
                hardware = profiles.named(name)
                if hardware.memory_profile is not None:
                    profile_named(hardware.memory_profile)

    def test_the_default(self):
        """The profile ``default`` is what a host has if nothing is given."""
        self.assertEqual(Hardware.uniform(), profiles.named('default'))

    def test_an_unknown_profile(self):
        """The error for an unknown profile names the known ones."""
        error = self.assertRaises(InvalidInputError, profiles.named, 'large')
        self.assertEqual(
            "profile of hardware: expected default, optane-2s, optane-4s, small, sriov, vgpu, "
            "got 'large'; choose one of them", str(error))

    def test_functions_that_are_not_enabled(self):
        """The profile ``sriov`` has ports with and without enabled virtual functions."""
        hardware = profiles.named('sriov')
        ports = [device for device in hardware.pci if device.max_vfs]
        self.assertEqual([4, 4, 0, 0], [len(hardware.virtual_functions(port)) for port in ports])

    def test_memory_of_a_profile(self):
        """A host of an Optane profile has the modules of that profile."""
        for options in ({}, {'pmem': 'SMALL:2x4GiB'}):
            with self.subTest(str(options)):
                host = self.useFixture(HostFixture(hardware='optane-4s', seed=3, **options))
                dimms = host.host.inventory.dimms
                self.assertEqual({0, 1, 2, 3}, {dimm.numa_node for dimm in dimms})
                self.assertEqual({4, 5, 6, 7}, {dimm.target_node for dimm in dimms})
