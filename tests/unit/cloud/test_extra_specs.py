"""Validation of extra specs."""

from __future__ import annotations

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.extra_specs import traits, validate_extra_specs
from vpmem_harness.exceptions import InvalidInputError


class ValidationTest(testtools.TestCase):

    def test_refuses_a_dash_in_a_label(self):
        """A dash is refused, since the API is stricter than nova.conf."""
        error = self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'hw:pmem': 'a-b'})
        self.assertEqual(
            "Validation failed; 'a-b' is not of the format '([a-zA-Z0-9_]+(,)?)+'.", str(error))

    def test_accepts_a_trailing_comma(self):
        """Nova's pattern allows a trailing comma."""
        validate_extra_specs({'hw:pmem': '4GB,SMALL,'})

    def test_matching_takes_linear_time(self):
        """A long invalid value is refused quickly."""
        self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'hw:pmem': 'a' * 4096 + '!'})

    def test_refuses_an_unknown_name(self):
        """A misspelled name is refused, because it would boot a server without the feature."""
        error = self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'hw:pmme': 'SMALL'})
        self.assertEqual("Validation failed; extra spec 'hw:pmme' does not appear to be a valid "
                         'extra spec.', str(error))

    def test_refuses_an_invalid_resource_class(self):
        """Resource classes are in upper case, and custom ones begin with CUSTOM_."""
        for name in ('resources:vcpu', 'resources:GOLD', 'resources2:CUSTOM_gold'):
            self.assertRaises(errors.ValidationError, validate_extra_specs, {name: '1'})

    def test_refuses_an_invalid_amount(self):
        """The amount of a resource has to be a number."""
        error = self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'resources:VCPU': 'two'})
        self.assertEqual("Validation failed; 'two' is not a valid integer value.", str(error))

    def test_accepts_other_extra_specs(self):
        """Names without a colon, other prefixes and ignored extra specs are accepted."""
        validate_extra_specs({
            'colour': 'red', 'our:own': 'x', 'hw:mem_page_size': 'large', 'hw:numa_cpus.0': '0',
            'resources:VCPU': '2', 'resources_A:CUSTOM_GOLD': '1', 'trait:CUSTOM_GOLD': 'required'})

    def test_refuses_a_trait_of_real_hosts(self):
        """A trait of real hosts is refused, because only real Nova knows which hosts have it."""
        self.assertRaises(InvalidInputError, validate_extra_specs,
                          {'trait:HW_CPU_X86_AVX': 'required'})

    def test_a_trait_is_required_or_forbidden(self):
        """Placement gets the trait if it is required, and if it is forbidden."""
        specs = {'trait:CUSTOM_GOLD': 'required', 'trait1:CUSTOM_SILVER': 'forbidden'}
        validate_extra_specs(specs)
        self.assertEqual({'CUSTOM_GOLD', 'CUSTOM_SILVER'}, traits(specs))
        self.assertRaises(
            errors.ValidationError, validate_extra_specs, {'trait:CUSTOM_GOLD': 'perhaps'})
