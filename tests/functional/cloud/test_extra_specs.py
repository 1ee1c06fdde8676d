"""What extra specs and names come to, on both backends."""

from __future__ import annotations

from tests import base
from vpmem_harness.cloud import errors
from vpmem_harness.fixtures.cloud import CloudFixture


class ExtraSpecsTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:2x4GiB'))

    def test_the_extra_spec_counts_more_than_the_flavor(self):
        """Placement is asked for what it says, and the labels are theirs alone."""
        server = self.cloud.boot('SMALL', vcpus=4, extra_specs={
            'resources:VCPU': '2', 'resources:CUSTOM_PMEM_NAMESPACE_SMALL': '2'})
        self.assertAllocated(server, {'VCPU': 2, 'CUSTOM_PMEM_NAMESPACE_SMALL': 1})

    def test_memory_that_no_label_asks_for(self):
        """It is held and claimed, and the guest has what the labels ask for."""
        server = self.cloud.boot(
            'SMALL', extra_specs={'resources1:CUSTOM_PMEM_NAMESPACE_SMALL': '1'})
        self.assertAllocated(server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 2})
        self.assertClaimed(self.cloud, server.host, {server.name: 2})
        self.assertEqual(1, len(self.nvdimm_paths(server)))

    def test_a_trait_that_there_is_not(self):
        """No host is found, whether it is required or forbidden."""
        for need in ('required', 'forbidden'):
            refused = self.cloud.boot(
                extra_specs={'trait:CUSTOM_GOLD': need}, expect='ERROR')
            self.assertFault(refused, 'No valid host was found.')

    def test_what_the_api_refuses(self):
        """In its words, and before there is a server."""
        for error, text, options in (
                (errors.ValidationError,
                 "extra spec 'hw:pmme' does not appear to be a valid extra spec.",
                 {'extra_specs': {'hw:pmme': 'SMALL'}}),
                (errors.ValidationError, 'is too long', {'name': 'x' * 256}),
                (errors.Invalid, 'Can not start or end with whitespace.', {'name': ' server'}),
                (errors.Invalid, 'printable characters', {'name': 'ser\nver'})):
            self.assertIn(text, str(self.assertRaises(error, self.cloud.boot, **options)))
        self.assertEqual([], self.cloud.servers)
