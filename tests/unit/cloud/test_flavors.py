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
        """Blanks around a label are ignored."""
        self.assertEqual(('4GB', 'SMALL'), vpmem_labels({'hw:pmem': ' 4GB , SMALL '}))

    def test_empty_labels_are_dropped(self):
        """Two commas in a row count as one."""
        self.assertEqual(('4GB', 'SMALL'), vpmem_labels({'hw:pmem': '4GB,,SMALL,'}))

    def test_a_label_can_come_twice(self):
        """Each occurrence requests one namespace."""
        self.assertEqual(('4GB', '4GB'), vpmem_labels({'hw:pmem': '4GB,4GB'}))

    def test_no_extra_spec_is_no_label(self):
        """A flavor without hw:pmem requests no persistent memory."""
        self.assertEqual((), vpmem_labels({}))

    def test_class_of_a_label_has_only_letters_digits_and_underscores(self):
        """Labels are normalized to the names of custom resource classes."""
        self.assertEqual('CUSTOM_PMEM_NAMESPACE_A_B', pmem_resource_class('a b'))

    def test_labels_that_differ_in_punctuation_share_a_class(self):
        """'a b' and 'a-b' are the same to the scheduler."""
        self.assertEqual(pmem_resource_class('a b'), pmem_resource_class('a-b'))


class ResourcesTest(testtools.TestCase):

    def test_counts_namespaces_by_class(self):
        """Two occurrences of a label request two units of its class."""
        flavor = Flavor('f', '1', extra_specs={'hw:pmem': 'SMALL,4GB,SMALL'})
        self.assertEqual(
            (2, 1), (flavor.resources['CUSTOM_PMEM_NAMESPACE_SMALL'],
                     flavor.resources['CUSTOM_PMEM_NAMESPACE_4GB']))

    def test_disk_is_root_ephemeral_and_swap_in_whole_gib(self):
        """Swap is in MiB and rounded up."""
        flavor = Flavor('f', '1', disk=10, ephemeral=5, swap=1025)
        self.assertEqual(17, flavor.resources['DISK_GB'])

    def test_nothing_is_asked_for_where_the_flavor_says_zero(self):
        """Placement rejects an allocation of zero."""
        self.assertNotIn('DISK_GB', Flavor('f', '1', disk=0).resources)

    def test_what_an_extra_spec_says_counts_more(self):
        """``resources:`` overrides the flavor's own amounts, and 0 requests none."""
        flavor = Flavor('f', '1', vcpus=4, extra_specs={
            'resources:VCPU': '2', 'resources:MEMORY_MB': '0', 'resources1:CUSTOM_GOLD': '3'})
        self.assertEqual({'VCPU': 2, 'DISK_GB': 1, 'CUSTOM_GOLD': 3}, flavor.resources)

    def test_labels_count_more_than_an_extra_spec(self):
        """They are not added to the amount in ``resources:`` for their class."""
        flavor = Flavor('f', '1', extra_specs={
            'hw:pmem': 'SMALL', 'resources:CUSTOM_PMEM_NAMESPACE_SMALL': '2'})
        self.assertEqual(1, flavor.resources['CUSTOM_PMEM_NAMESPACE_SMALL'])
