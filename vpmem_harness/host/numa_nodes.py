"""NUMA nodes of a host's DIMMs: each is a node that the hardware has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware import Hardware
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.kernel.dimms import DimmSpec


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


def together(hardware: Hardware | None, inventory: Inventory | None,
             dimms: Iterable[Any] | None, listing: str | None,
             choose: Callable[[Iterable[Any] | None], Inventory]) -> tuple[Hardware, Inventory]:
    """Return the hardware and the inventory of a host from what its user has given.

    An inventory that names no nodes, such as a random one, gets those of the hardware.

    :param choose: returns the inventory for some DIMMs, or for none.
    :raises InvalidInputError: if they contradict each other
    """
    if hardware is not None and not isinstance(hardware, Hardware):
        raise InvalidInputError('hardware', expected='a Hardware', got=repr(hardware),
                                remedy='write it as in Hardware.uniform(cells=1)')
    own = () if hardware is None else hardware.dimms
    if own and (inventory is not None or dimms is not None or listing is not None):
        raise InvalidInputError(
            'dimms', expected='DIMMs in one place', got='some of the hardware and others beside it',
            remedy='leave them out, or write dataclasses.replace(hardware, dimms=())')
    chosen = inventory or choose(own or dimms)
    if hardware is not None and not (own or inventory or dimms or listing):
        nodes = [cell.id for cell in hardware.cells if cell.cpus]
        chosen = dataclasses.replace(chosen, dimms=tuple(
            dataclasses.replace(dimm, numa_node=nodes[dimm.numa_node % len(nodes)])
            for dimm in chosen.dimms))
    return fitted(hardware, chosen.dimms), chosen
