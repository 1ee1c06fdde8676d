"""Tests that fail in every phase, for the tests of the pytest plugin."""

import unittest

import pytest
from testtools import matchers

from vpmem_harness import fixtures, testcase
from vpmem_harness.fixtures import TestSeed  # noqa: F401 - it must not be collected

PMEM = 'SMALL:2x4GiB'


def test_call(vpmem_cloud):
    vpmem_cloud.boot(pmem='SMALL')
    assert vpmem_cloud.servers == []


@pytest.fixture
def fails(vpmem_cloud):
    vpmem_cloud.boot(pmem='SMALL')
    raise RuntimeError('in the setup')


def test_setup(fails):
    pass


@pytest.fixture
def fails_later(vpmem_cloud):
    yield
    vpmem_cloud.boot(pmem='SMALL')
    raise RuntimeError('in the teardown')


def test_teardown(fails_later):
    pass


@pytest.fixture
def cloud():
    with fixtures.CloudFixture(hosts=1, pmem=PMEM) as cloud:
        yield cloud


def test_own_fixture(cloud):
    cloud.boot(pmem='SMALL')
    assert cloud.servers == []


@pytest.fixture
def cloud_and_failure(cloud):
    yield cloud
    assert cloud.servers == []


def test_own_teardown(cloud_and_failure):
    cloud_and_failure.boot(pmem='SMALL')


def test_with_block():
    with fixtures.CloudFixture(hosts=1, pmem=PMEM) as cloud:
        cloud.boot(pmem='SMALL')
        assert cloud.servers == []


def test_boot(cloud):
    cloud.boot(pmem='LARGE')


@pytest.fixture
def refused():
    with fixtures.HostFixture(name='twice'), \
            fixtures.CloudFixture(hosts=[fixtures.InventoryFixture(pmem='SMALL:1x4GiB')]) as cloud:
        fixtures.CloudFixture(hosts=cloud.hosts).setUp()


def test_own_setup(refused):
    pass


def test_log(vpmem_host, vpmem_uuids):
    import logging

    logging.getLogger('program').warning('the server is %s', vpmem_uuids.server1)
    pytest.fail(f'no server {vpmem_uuids.server1}')


def test_passes(vpmem_cloud):
    vpmem_cloud.boot(pmem='SMALL')


def test_without_the_harness():
    assert [] == [1]


class CaseTest(testcase.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(fixtures.CloudFixture(hosts=1, pmem=PMEM))

    def test_call(self):
        self.cloud.boot(pmem='SMALL')
        self.assertEqual([], self.cloud.servers)

    def test_boot(self):
        self.cloud.boot(pmem='LARGE')

    def test_cleanup(self):
        self.addCleanup(self.fail, 'in the cleanup')

    def test_both(self):
        self.addCleanup(self.fail, 'in the cleanup')
        self.fail('in the test')

    def test_expectation(self):
        self.expectThat(1, matchers.Equals(2))

    def test_known(self):
        self.expectFailure('known to fail', self.assertEqual, 1, 2)

    def test_fixed(self):
        self.expectFailure('known to fail', self.assertEqual, 1, 1)

    def test_skipped(self):
        self.skipTest('not here')

    def test_passes(self):
        self.cloud.boot(pmem='SMALL')


class SetUpTest(testcase.VPMEMTestCase):

    def setUp(self):
        super().setUp()
        host = self.useFixture(fixtures.HostFixture())
        self.useFixture(fixtures.CloudFixture(hosts=[host]))
        self.useFixture(fixtures.CloudFixture(hosts=[host]))

    def test_setup(self):
        pass


class PlainTest(unittest.TestCase):

    def test_call(self):
        cloud = self.enterContext(fixtures.CloudFixture(hosts=1, pmem=PMEM))
        cloud.boot(pmem='SMALL')
        self.assertEqual([], cloud.servers)
