"""Tests that share a cloud, for the tests of the pytest plugin."""

import libvirt
import pytest

from vpmem_harness import fixtures, testcase

pytestmark = pytest.mark.vpmem(hosts=1, pmem='SMALL:2x4GiB', scope='module')


@pytest.fixture(autouse=True)
def clean(request):
    if 'vpmem_cloud' in request.fixturenames:
        cloud = request.getfixturevalue('vpmem_cloud')
        print(f'{request.node.name} uses {id(cloud)}')
        assert not cloud.servers
        assert cloud.compute(cloud.hosts[0]).is_up


def test_first(vpmem_cloud):
    assert vpmem_cloud.boot(pmem='SMALL').name == 'server1'
    vpmem_cloud.hosts[0].faults.daemon_down()


def test_second(vpmem_cloud):
    assert not vpmem_cloud.hosts[0].faults.calls
    assert vpmem_cloud.boot(pmem='SMALL').name == 'server1'


@pytest.mark.vpmem(scope='function')
def test_alone(vpmem_cloud):
    pass


def test_fails(vpmem_cloud):
    vpmem_cloud.boot(pmem='SMALL', name='evidence')
    raise RuntimeError('while the cloud is shared')


def test_that_does_not_use_it():
    raise RuntimeError('elsewhere')


def test_cannot_be_reset(vpmem_cloud):
    vpmem_cloud.hosts[0].faults.at('connectGetHostname', lambda: 1 / 0)
    connection = libvirt.open(vpmem_cloud.hosts[0].uri)
    connection.getHostname()
    connection.close()


def test_after_that(vpmem_cloud):
    pass


class CaseTest(testcase.VPMEMTestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = fixtures.SharedCloud.of_class(cls, hosts=1, pmem='SMALL:2x4GiB')

    def test_first(self):
        cloud = self.useFixture(self.shared).cloud
        print(f'case-first uses {id(cloud)}')
        cloud.boot(pmem='SMALL')

    def test_second(self):
        cloud = self.useFixture(self.shared).cloud
        print(f'case-second uses {id(cloud)}')
        self.assertEqual([], cloud.servers)
