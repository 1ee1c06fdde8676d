"""Tests that print what they drew, for the tests of the pytest plugin."""

import pytest

from vpmem_harness import fixtures, testcase


def show(name, drawn):
    print(f'{name} drew {drawn}')


def test_cloud(vpmem_cloud):
    show('cloud', vpmem_cloud.seed)


def test_several(make_vpmem_inventory):
    show('several', [make_vpmem_inventory().seed, make_vpmem_inventory().seed])


@pytest.mark.parametrize('size', [1, 2])
def test_parameter(vpmem_inventory, size):
    show(f'parameter-{size}', vpmem_inventory.seed)


def test_uuids(vpmem_uuids):
    show('uuids', vpmem_uuids.server1)


def test_own():
    with fixtures.InventoryFixture() as one, fixtures.InventoryFixture() as other:
        show('own', [one.seed, other.seed])


@pytest.mark.vpmem(seed=7)
def test_marked(vpmem_inventory):
    show('marked', vpmem_inventory.seed)


@pytest.fixture(scope='module')
def shared():
    with fixtures.InventoryFixture() as inventory:
        yield inventory


def test_shared_first(shared):
    show('shared', shared.seed)


def test_shared_second(shared):
    show('shared', shared.seed)


class CaseTest(testcase.VPMEMTestCase):

    def test_case(self):
        show('case', [self.useFixture(fixtures.InventoryFixture()).seed, self.uuids.server1])
