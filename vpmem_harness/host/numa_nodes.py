"""NUMA nodes of a host's DIMMs: each is a node that the hardware has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import Hardware, profiles
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.inventory.selection import choose
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.randomness import Randomness

#: How many hosts are drawn for namespaces of given sizes.
_ATTEMPTS = 16


def check(hardware: object) -> Hardware:
    """Return ``hardware``, or raise InvalidInputError if it is something else."""
    if not isinstance(hardware, Hardware):
        raise InvalidInputError('hardware', expected='a Hardware', got=repr(hardware),
                                remedy='write it as in Hardware.uniform(cells=1)')
    return hardware


def fitted(hardware: Hardware | None, dimms: Iterable[DimmSpec]) -> Hardware:
    """Return the hardware of a host with those DIMMs.

    :param hardware: what the user has given; None for the default, with the nodes of the DIMMs.
    :raises InvalidInputError: if a DIMM is on a node that the given hardware lacks.
    """
    nodes = [dimm.numa_node for dimm in dimms]
    if hardware is None:
        return Hardware.uniform().with_nodes(nodes)
    for number, node in enumerate(nodes):
        hardware.check_node(f'numa_node of DIMM {number}', node)
    return hardware


def together(randomness: Randomness, hardware: Hardware | str | None, *,
             inventory: Inventory | None = None, pmem: str | None = None,
             dimms: Iterable[Any] | None = None, listing: str | None = None,
             profile: str | None = None, default_profile: str = 'mixed',
             ) -> tuple[Hardware, Inventory]:
    """Return the hardware and the inventory of a host from what its user has given.

    An inventory whose user names no nodes, such as a random one, gets those of the hardware.

    :param hardware: a value, or the name of a profile.
    :param profile: the profile of a random inventory; if None, that of the hardware, or
        ``default_profile``.
    :raises InvalidInputError: if they are invalid or contradict each other.
    """
    hardware = profiles.chosen(hardware)
    own: Iterable[Any] = () if hardware is None else hardware.dimms
    described = inventory is not None or dimms is not None or listing is not None
    if own and described:
        raise InvalidInputError(
            'dimms', expected='DIMMs in one place', got='some of the hardware and others beside it',
            remedy='leave them out, or write dataclasses.replace(hardware, dimms=())')
    suits = None if hardware is None else hardware.memory_profile
    if inventory is None:
        if pmem is not None and suits is not None and not (described or own):
            inventory = _on_modules(randomness, suits, pmem)
        else:
            inventory = choose(randomness, profile=profile or suits or default_profile,
                               pmem=pmem, dimms=own or dimms, listing=listing)
    if hardware is not None and not (own or described):
        nodes = [cell.id for cell in hardware.cells if cell.cpus]
        inventory = dataclasses.replace(inventory, dimms=tuple(
            dataclasses.replace(dimm, numa_node=nodes[dimm.numa_node % len(nodes)])
            for dimm in inventory.dimms))
    return fitted(hardware, inventory.dimms), inventory


def _on_modules(randomness: Randomness, profile: str, pmem: str) -> Inventory:
    """Return an inventory of labels on the DIMMs of a profile.

    The width of an interleave set decides which sizes are possible, so several are tried.
    """
    for attempt in range(_ATTEMPTS):
        dimms = choose(randomness.derive('modules', attempt), profile=profile).dimms
        try:
            return choose(randomness, pmem=pmem, dimms=dimms)
        except InvalidInputError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError
