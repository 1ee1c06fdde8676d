"""Recorded listings: the samples of the package, and copies of the hosts that printed them."""

from __future__ import annotations

from importlib import resources

from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.inventory.listing import copying

#: The recorded listing that comes with the package: nine namespaces on two NUMA nodes.
SAMPLE = '05-devdax'


def sample_listing(name: str = SAMPLE) -> str:
    """Return a recorded listing of the package."""
    samples = resources.files('vpmem_harness.pmem.inventory') / 'samples'
    return (samples / f'{name}.json').read_text('utf-8')


def from_listing(text: str) -> Inventory:
    """Return the inventory of a host that prints a listing; raises InvalidInputError.

    :param text: the output of ``ndctl list`` or ``daxctl list`` with any options, from ndctl 61 on,
        or several outputs, one after another. The more it contains, the closer the copy is;
        ``notes`` of the inventory list the values that it does not determine
    """
    return copying.copy(text)
