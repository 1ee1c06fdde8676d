"""Validation of extra specs."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.extra_specs import traits, validate_extra_specs
from vpmem_harness.exceptions import InvalidInputError


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
        """Matching takes linear time."""
        self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'hw:pmem': 'a' * 4096 + '!'})

    def test_refuses_a_name_that_is_none(self):
        """A misspelled name would boot a server without the feature."""
        error = self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'hw:pmme': 'SMALL'})
        self.assertEqual("Validation failed; extra spec 'hw:pmme' does not appear to be a valid "
                         'extra spec.', str(error))

    def test_refuses_a_resource_class_that_is_none(self):
        """They are in upper case, and custom ones begin with CUSTOM_."""
        for name in ('resources:vcpu', 'resources:GOLD', 'resources2:CUSTOM_gold'):
            self.assertRaises(errors.ValidationError, validate_extra_specs, {name: '1'})

    def test_refuses_an_amount_that_is_none(self):
        """The amount of a resource is a number."""
        error = self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'resources:VCPU': 'two'})
        self.assertEqual("Validation failed; 'two' is not a valid integer value.", str(error))

    def test_takes_what_is_of_others(self):
        """Names without a colon, other namespaces, and extra specs that are ignored."""
        validate_extra_specs({
            'colour': 'red', 'our:own': 'x', 'hw:mem_page_size': 'large', 'hw:numa_cpus.0': '0',
            'resources:VCPU': '2', 'resources_A:CUSTOM_GOLD': '1', 'trait:CUSTOM_GOLD': 'required'})

    def test_refuses_a_trait_of_real_hosts(self):
        """Only real Nova knows whether a host has it."""
        self.assertRaises(InvalidInputError, validate_extra_specs,
                          {'trait:HW_CPU_X86_AVX': 'required'})

    def test_a_trait_is_required_or_forbidden(self):
        """Placement gets the trait in both cases."""
        specs = {'trait:CUSTOM_GOLD': 'required', 'trait1:CUSTOM_SILVER': 'forbidden'}
        validate_extra_specs(specs)
        self.assertEqual({'CUSTOM_GOLD', 'CUSTOM_SILVER'}, traits(specs))
        self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'trait:CUSTOM_GOLD': 'perhaps'})
