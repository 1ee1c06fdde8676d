"""Tests with the pytest plugin. Run them with ``pytest examples/test_with_pytest.py``."""

import pytest


@pytest.mark.vpmem(hosts=2, pmem='SMALL:2x4GiB,LARGE:1x16GiB')
def test_resize_moves_to_the_larger_namespace(vpmem_cloud):
    """A confirmed resize leaves the server on the namespace of its new flavor."""
    server = vpmem_cloud.boot(pmem='SMALL')
    server.resize(pmem='LARGE').confirm_resize()
    assert [device.label for device in server.namespaces] == ['LARGE']


def test_the_scheduler_finds_the_large_host(make_vpmem_host, make_vpmem_cloud):
    """Each host of a cloud can have namespaces of its own."""
    small = make_vpmem_host(pmem='SMALL:2x4GiB')
    large = make_vpmem_host(pmem='LARGE:1x16GiB')
    cloud = make_vpmem_cloud([small, large])
    assert cloud.boot(pmem='LARGE').host == large.name


@pytest.mark.vpmem(pmem='SMALL:1x4GiB')
def test_ndctl_lists_the_namespace(vpmem_host):
    """A host has an ndctl and a libvirt connection; this test needs no cloud."""
    assert '"name":"ns_0"' in vpmem_host.run('ndctl', 'list', '-X').stdout
    assert vpmem_host.connection.getHostname() == vpmem_host.name


@pytest.mark.vpmem(hosts=1, pmem='SMALL:1x4GiB', scope='class')
class TestSharedCloud:
    """The tests of this class share a running cloud."""

    def test_boot(self, vpmem_cloud):
        """The only namespace is free."""
        vpmem_cloud.boot(pmem='SMALL')

    def test_starts_without_servers(self, vpmem_cloud):
        """The reset after the first test has deleted its server."""
        assert vpmem_cloud.servers == []
        vpmem_cloud.boot(pmem='SMALL')
