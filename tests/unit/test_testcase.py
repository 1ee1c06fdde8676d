"""Failure messages and argument validation of the assertions on a cloud."""

from __future__ import annotations

from testtools.matchers import MatchesRegex

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures import CloudFixture, HostFixture


class AssertionsTest(base.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.fixture = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))
        self.cloud = self.useFixture(CloudFixture(hosts=[self.fixture], backend='stub'))
        self.host = self.fixture.host
        self.server = self.cloud.boot(pmem='SMALL')

    def assertRefused(self, pattern, function, *arguments, **named):
        error = self.assertRaises(InvalidInputError, function, *arguments, **named)
        self.assertThat(str(error), MatchesRegex(pattern))

    def test_claimed_namespaces_are_not_free(self):
        """The assertion accepts namespaces or their names."""
        for names in (self.server.namespaces, ['ns_0']):
            self.assertRaises(
                AssertionError, self.assertNamespacesFree, self.cloud, self.host, names)

    def test_unknown_namespaces_are_not_free(self):
        """A namespace that the host lacks is refused, and so is a string in place of a list."""
        self.assertRefused(
            "names of namespaces: expected some of ns_0, got nsx;",
            self.assertNamespacesFree, self.cloud, self.host, ['nsx'])
        self.assertRefused(
            r"names of namespaces: .*write \['ns_0'\]",
            self.assertNamespacesFree, self.cloud, self.host, 'ns_0')

    def test_allocations_on_an_unknown_host_are_refused(self):
        """The assertion refuses an unknown host, for which it would always hold."""
        for name in ('hostx', ''):
            self.assertRefused('name of a host: ', self.assertNotAllocated, self.server, name)
            self.assertRefused('name of a host: ', self.assertAllocated, self.server, {}, name)

    def test_a_fixture_can_replace_its_host(self):
        """A HostFixture can be passed instead of its host."""
        self.assertHoldsDataOf(self.server, self.fixture, self.server.namespaces)
        self.assertAllocated(
            self.server, {'CUSTOM_PMEM_NAMESPACE_SMALL': 1}, host=self.fixture)

    def test_contents_need_a_host(self):
        """A host's name in place of the host is refused, and so is another host."""
        namespaces = self.server.namespaces
        self.assertRefused('host: .*cloud.host', self.assertWiped, self.host.name, namespaces)
        other = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))
        self.assertRefused(
            'namespace: expected one that .* has a device for', self.assertWiped, other,
            namespaces)


class SubTestTest(base.VPMEMTestCase):

    def fail_in_a_subtest(self):
        with self.subTest('sizes', size=3):
            self.fail('here')

    def test_a_failure_names_the_subtest(self):
        """The error of a subtest has a note with its message and its parameters."""
        error = self.assertRaises(AssertionError, self.fail_in_a_subtest)
        self.assertEqual(['in the subtest [sizes] (size=3)'], error.__notes__)
