"""What a flavor asks for."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.flavors import (
    Flavor,
    pmem_resource_class,
    validate_extra_specs,
    vpmem_labels,
)


class LabelsTest(testtools.TestCase):

    def test_labels_are_stripped(self):
        """Blanks around a label do not belong to it."""
        self.assertEqual(('4GB', 'SMALL'), vpmem_labels({'hw:pmem': ' 4GB , SMALL '}))

    def test_empty_labels_are_dropped(self):
        """Two commas in a row are one."""
        self.assertEqual(('4GB', 'SMALL'), vpmem_labels({'hw:pmem': '4GB,,SMALL,'}))

    def test_a_label_can_come_twice(self):
        """Each mention asks for a namespace of its own."""
        self.assertEqual(('4GB', '4GB'), vpmem_labels({'hw:pmem': '4GB,4GB'}))

    def test_no_extra_spec_is_no_label(self):
        """A flavor without hw:pmem asks for no persistent memory."""
        self.assertEqual((), vpmem_labels({}))

    def test_class_of_a_label_has_only_letters_digits_and_underscores(self):
        """Labels are normalized as Placement wants its custom classes."""
        self.assertEqual('CUSTOM_PMEM_NAMESPACE_A_B', pmem_resource_class('a b'))

    def test_labels_that_differ_in_punctuation_share_a_class(self):
        """'a b' and 'a-b' cannot be told apart by the scheduler."""
        self.assertEqual(pmem_resource_class('a b'), pmem_resource_class('a-b'))


class ResourcesTest(testtools.TestCase):

    def test_counts_namespaces_by_class(self):
        """Two mentions of a label are two units of its class."""
        flavor = Flavor('f', '1', extra_specs={'hw:pmem': 'SMALL,4GB,SMALL'})
        self.assertEqual(
            (2, 1), (flavor.resources['CUSTOM_PMEM_NAMESPACE_SMALL'],
                     flavor.resources['CUSTOM_PMEM_NAMESPACE_4GB']))

    def test_disk_is_root_ephemeral_and_swap_in_whole_gib(self):
        """Swap is given in MiB and rounded up."""
        flavor = Flavor('f', '1', disk=10, ephemeral=5, swap=1025)
        self.assertEqual(17, flavor.resources['DISK_GB'])

    def test_nothing_is_asked_for_where_the_flavor_says_zero(self):
        """Placement refuses an allocation of zero."""
        self.assertNotIn('DISK_GB', Flavor('f', '1', disk=0).resources)


class ValidationTest(testtools.TestCase):

    def test_refuses_a_dash_in_a_label(self):
        """The API is stricter than nova.conf, and says what it expects."""
        error = self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'hw:pmem': 'a-b'})
        self.assertEqual(
            "Validation failed; 'a-b' is not of the format '([a-zA-Z0-9_]+(,)?)+'.", str(error))

    def test_takes_a_comma_at_the_end(self):
        """Nova's pattern allows one."""
        validate_extra_specs({'hw:pmem': '4GB,SMALL,'})

    def test_long_refused_values_cost_no_time(self):
        """The pattern is matched without trying exponentially many ways."""
        self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'hw:pmem': 'a' * 4096 + '!'})
