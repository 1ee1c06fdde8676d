"""Extra specs and names of servers, on both backends."""

from __future__ import annotations

from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud import errors


class ExtraSpecsTest(CloudTestCase):

    def setUp(self):
        super().setUp()
        self.start_cloud(pmem='SMALL:2x4GiB')

    def test_the_extra_spec_overrides_the_flavor(self):
        """Placement gets the amount in ``resources:``; labels override it for their class."""
        server = self.cloud.boot('SMALL', vcpus=4, extra_specs={
            'resources:VCPU': '2', 'resources:CUSTOM_PMEM_NAMESPACE_SMALL': '2'})
        self.assertAllocated(server, {'VCPU': 2, 'CUSTOM_PMEM_NAMESPACE_SMALL': 1})

    def test_an_allocation_without_a_label(self):
        """A namespace requested without a label is allocated and claimed, but not attached."""
        server = self.cloud.boot(
            'SMALL', extra_specs={'resources1:CUSTOM_PMEM_NAMESPACE_SMALL': '1'})
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 2})
        self.assertClaimed(self.cloud, server.host, {server.name: 2})
        self.assertEqual(1, len(self.nvdimm_paths(server)))

    def test_an_unknown_trait(self):
        """No host is found for an unknown trait, required or forbidden."""
        for need in ('required', 'forbidden'):
            refused = self.cloud.boot(
                extra_specs={'trait:CUSTOM_GOLD': need}, expect='ERROR')
            self.assertFault(refused, 'No valid host was found.')

    def test_invalid_extra_specs_and_names(self):
        """The API refuses invalid input with Nova's message, before a server exists."""
        for error, text, options in (
                (errors.ValidationError,
                 "extra spec 'hw:pmme' does not appear to be a valid extra spec.",
                 {'extra_specs': {'hw:pmme': 'SMALL'}}),
                (errors.ValidationError, 'is too long', {'name': 'x' * 256}),
                (errors.Invalid, 'Can not start or end with whitespace.', {'name': ' server'}),
                (errors.Invalid, 'printable characters', {'name': 'ser\nver'})):
            self.assertIn(text, str(self.assertRaises(error, self.cloud.boot, **options)))
        self.assertEqual([], self.cloud.servers)
