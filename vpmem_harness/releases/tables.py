"""Tables of a release: machine types, CPU models and the devices of domain capabilities.

``tools/release_tables.py`` generates their files from recordings.
"""

from __future__ import annotations

import functools
import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

_DATA = pathlib.Path(__file__).parent / 'data'


class Machine(NamedTuple):
    """A machine type: name, canonical name, maximum vCPUs, and whether it is deprecated."""

    name: str
    canonical: str | None
    max_cpus: int
    deprecated: bool


class CpuModel(NamedTuple):
    """A CPU model of QEMU.

    ``emulated`` says whether QEMU can emulate it without KVM; ``not_emulated`` are the features
    that prevent it, and ``other_features`` those that some other host lacks. Both are empty
    for releases whose libvirt does not name them.
    """

    name: str
    vendor: str
    canonical: str | None
    deprecated: bool
    emulated: bool
    not_emulated: tuple[str, ...]
    other_features: tuple[str, ...]


class Tables:
    """The tables of one release, read from its file at the first use.

    :param name: the name of the release.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @functools.cached_property
    def _rows(self) -> dict[str, Any]:
        rows: dict[str, Any] = json.loads((_DATA / f'{self._name}.json').read_text())
        return rows

    @functools.cached_property
    def machines(self) -> Mapping[str, tuple[Machine, ...]]:
        """The machine types by architecture, in the order of libvirt's capabilities."""
        return {arch: tuple(Machine(*row) for row in rows)
                for arch, rows in self._rows['machines'].items()}

    @functools.cached_property
    def max_cpus(self) -> Mapping[str, int]:
        """The maximum vCPUs by machine type of x86_64."""
        return {machine.name: machine.max_cpus for machine in self.machines['x86_64']}

    @functools.cached_property
    def machine_aliases(self) -> Mapping[str, str]:
        """The canonical machine types of aliases, such as ``pc``."""
        return {machine.name: machine.canonical for machine in self.machines['x86_64']
                if machine.canonical is not None}

    @functools.cached_property
    def cpu_models(self) -> Mapping[str, CpuModel]:
        """The CPU models by name, in libvirt's order."""
        return {row[0]: CpuModel(*row[:5], *(tuple(names.split()) for names in row[5:]))
                for row in self._rows['cpu_models']}

    @functools.cached_property
    def emulated_model(self) -> tuple[tuple[str, str, str], ...]:
        """The CPU of a guest with ``host-model`` and without KVM: element, policy, name."""
        return tuple((tag, policy, name) for tag, policy, name in self._rows['emulated_model'])

    @functools.cached_property
    def devices(self) -> tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]:
        """The devices of domain capabilities: name, and the values of each property."""
        return tuple((name, tuple((key, tuple(values)) for key, values in properties))
                     for name, properties in self._rows['devices'])

    @functools.cached_property
    def features(self) -> tuple[tuple[str, str], ...]:
        """The features of domain capabilities, and whether each is supported: yes or no."""
        return tuple((name, supported) for name, supported in self._rows['features'])
