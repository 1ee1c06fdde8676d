"""Markers that fit and markers that do not, for the tests of the pytest plugin."""

import pytest

pytestmark = pytest.mark.vpmem(hosts=3, pmem='SMALL:1x4GiB')


def test_of_the_module(vpmem_cloud):
    assert len(vpmem_cloud.hosts) == 3


@pytest.mark.vpmem(hosts=1)
def test_of_the_function(vpmem_cloud):
    assert len(vpmem_cloud.hosts) == 1
    assert vpmem_cloud.boot(pmem='SMALL').status == 'ACTIVE'


@pytest.mark.vpmem(hosts=2)
class TestOfTheClass:

    def test_of_the_class(self, vpmem_cloud):
        assert len(vpmem_cloud.hosts) == 2

    @pytest.mark.vpmem(pmem='LARGE:2x16GiB', name='compute7')
    def test_of_a_host(self, vpmem_host):
        assert vpmem_host.name == 'compute7'
        assert sorted(one.name for one in vpmem_host.namespaces) == ['ns_0', 'ns_1']

    def test_of_an_inventory(self, vpmem_inventory):
        assert len(vpmem_inventory.namespaces) == 1


def test_of_a_factory(make_vpmem_host, make_vpmem_cloud):
    hosts = [make_vpmem_host(), make_vpmem_host(pmem='LARGE:1x16GiB')]
    cloud = make_vpmem_cloud(hosts, pmem=None)
    assert cloud.boot(pmem='LARGE').host == hosts[1].name
    assert hosts[0].seed != hosts[1].seed


@pytest.mark.parametrize('count', [
    1, pytest.param(2, marks=pytest.mark.vpmem(hosts=2))])
@pytest.mark.vpmem(hosts=1)
def test_of_a_parameter(vpmem_cloud, count):
    assert len(vpmem_cloud.hosts) == count


@pytest.mark.vpmem(hots=1)
def test_unknown(vpmem_cloud):
    pass


@pytest.mark.vpmem(1)
def test_without_a_name(vpmem_cloud):
    pass


@pytest.mark.vpmem(hosts=1)
@pytest.mark.vpmem(hosts=2)
def test_contradiction(vpmem_cloud):
    pass


@pytest.mark.vpmem(backend='stub')
def test_useless(vpmem_host):
    pass


@pytest.mark.vpmem(listing='[]')
def test_two_inventories(vpmem_inventory):
    pass


@pytest.mark.vpmem(scope='week')
def test_scope(vpmem_cloud):
    pass
