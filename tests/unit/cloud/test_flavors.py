"""The resources that a flavor requests."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud.flavors import (
    Flavor,
    pmem_resource_class,
    vpmem_labels,
)


class LabelsTest(testtools.TestCase):

    def test_labels_are_stripped(self):
        """Spaces around a label are ignored."""
        self.assertEqual(('4GB', 'SMALL'), vpmem_labels({'hw:pmem': ' 4GB , SMALL '}))

    def test_empty_labels_are_dropped(self):
        """Two commas in a row count as one."""
        self.assertEqual(('4GB', 'SMALL'), vpmem_labels({'hw:pmem': '4GB,,SMALL,'}))

    def test_a_label_can_come_twice(self):
        """Each occurrence requests one namespace."""
        self.assertEqual(('4GB', '4GB'), vpmem_labels({'hw:pmem': '4GB,4GB'}))

    def test_a_flavor_without_labels(self):
        """A flavor without hw:pmem requests no persistent memory."""
        self.assertEqual((), vpmem_labels({}))

    def test_the_resource_class_of_a_label(self):
        """A label is normalized to the name of a custom resource class."""
        self.assertEqual('CUSTOM_PMEM_NAMESPACE_A_B', pmem_resource_class('a b'))

    def test_labels_that_differ_in_punctuation_share_a_class(self):
        """The labels 'a b' and 'a-b' have the same resource class."""
        self.assertEqual(pmem_resource_class('a b'), pmem_resource_class('a-b'))


class ResourcesTest(testtools.TestCase):

    def test_counts_namespaces_by_class(self):
        """Two occurrences of a label request two units of its class."""
        flavor = Flavor('f', '1', extra_specs={'hw:pmem': 'SMALL,4GB,SMALL'})
        self.assertEqual(
            (2, 1), (flavor.resources['CUSTOM_PMEM_NAMESPACE_SMALL'],
                     flavor.resources['CUSTOM_PMEM_NAMESPACE_4GB']))

    def test_disk_is_the_sum_of_root_ephemeral_and_swap(self):
        """The disk is in GiB, with the swap's MiB rounded up."""
        flavor = Flavor('f', '1', disk=10, ephemeral=5, swap=1025)
        self.assertEqual(17, flavor.resources['DISK_GB'])

    def test_zero_amounts_are_not_requested(self):
        """A zero amount is left out, because Placement rejects it."""
        self.assertNotIn('DISK_GB', Flavor('f', '1', disk=0).resources)

    def test_an_extra_spec_overrides_the_flavor(self):
        """``resources:`` overrides the flavor's own amounts, and 0 requests none."""
        flavor = Flavor('f', '1', vcpus=4, extra_specs={
            'resources:VCPU': '2', 'resources:MEMORY_MB': '0', 'resources1:CUSTOM_GOLD': '3'})
        self.assertEqual({'VCPU': 2, 'DISK_GB': 1, 'CUSTOM_GOLD': 3}, flavor.resources)

    def test_labels_override_an_extra_spec(self):
        """Labels replace the amount in ``resources:`` for their class."""
        flavor = Flavor('f', '1', extra_specs={
            'hw:pmem': 'SMALL', 'resources:CUSTOM_PMEM_NAMESPACE_SMALL': '2'})
        self.assertEqual(1, flavor.resources['CUSTOM_PMEM_NAMESPACE_SMALL'])
