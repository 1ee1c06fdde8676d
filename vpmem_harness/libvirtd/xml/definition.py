"""A domain's definition: its canonical XML document, with properties for common values."""

from __future__ import annotations

import itertools
import uuid as uuids
from functools import cached_property

from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, copy, every, first, text_of
from vpmem_harness.releases import Release

#: Source: libvirt 9.0.0, src/remote/remote_protocol.x (REMOTE_IOTHREAD_INFO_MAX).
IOTHREADS_MAX = 16384


class Definition:
    """A domain's document in canonical form, with its devices.

    The document is the state: properties read it and methods change it. Sizes are in KiB.

    :param release: the release of the host that has the domain, whose rules apply.
    """

    def __init__(self, root: Element, release: Release) -> None:
        self.root = root
        self.release = release
        self.devices = self._found('devices')

    def copy(self) -> Definition:
        """Return a copy of the definition."""
        return Definition(copy(self.root), self.release)

    @property
    def name(self) -> str:
        """The domain's name."""
        return text_of(self.root, 'name') or ''

    @name.setter
    def name(self, name: str) -> None:
        self._found('name').text = name

    @property
    def uuid_text(self) -> str:
        """The UUID in its canonical form."""
        return text_of(self.root, 'uuid') or ''

    @property
    def uuid(self) -> bytes:
        """The UUID's 16 bytes."""
        return uuids.UUID(self.uuid_text).bytes

    @property
    def virt_type(self) -> str:
        """``kvm`` or ``qemu``."""
        return self.root.get('type', '')

    @property
    def os_type(self) -> str:
        """The type of the operating system: ``hvm``."""
        return self._type.text or ''

    @property
    def arch(self) -> str:
        """The guest's architecture."""
        return self._type.get('arch', '')

    @property
    def machine(self) -> str:
        """The machine type: canonical, once the definition is complete."""
        return self._type.get('machine', '')

    @property
    def is_q35(self) -> bool:
        """Whether the machine is a Q35, which has PCI Express."""
        machine = self.machine
        return machine == 'q35' or machine.startswith('pc-q35-')

    @property
    def is_i440fx(self) -> bool:
        """Whether the machine is a PC of the older kind."""
        machine = self.machine
        return machine == 'pc' or machine.startswith(('pc-0.', 'pc-1.', 'pc-i440', 'rhel'))

    @property
    def has_pci(self) -> bool:
        """Whether the machine has a PCI bus."""
        return self.is_q35 or self.is_i440fx

    @property
    def has_acpi(self) -> bool:
        """Whether the guest has ACPI, which memory hotplug requires."""
        return first(self.root, 'features/acpi') is not None

    @property
    def memory_devices(self) -> list[Element]:
        """The memory devices, in order."""
        return self.devices.findall('memory')

    @property
    def numa_cells(self) -> list[Element]:
        """The guest's NUMA cells."""
        return every(self.root, 'cpu/numa/cell')

    @property
    def memory_total(self) -> int:
        """The guest's memory, including memory devices."""
        return self._number('memory')

    @memory_total.setter
    def memory_total(self, size: int) -> None:
        self._found('memory').text = str(size)

    @property
    def memory_initial(self) -> int:
        """The guest's memory without memory devices."""
        return self.memory_total - sum(
            int(text_of(device, 'target/size') or 0) for device in self.memory_devices)

    @property
    def current_memory(self) -> int:
        """The memory that the balloon leaves to the guest."""
        return self._number('currentMemory')

    @current_memory.setter
    def current_memory(self, size: int) -> None:
        self._found('currentMemory').text = str(size)

    @property
    def max_memory(self) -> int:
        """The maximum memory with memory devices; 0 if the guest cannot have any."""
        return self._number('maxMemory')

    @property
    def memory_slots(self) -> int:
        """The number of slots for memory devices."""
        found = self.root.find('maxMemory')
        return 0 if found is None else int(found.get('slots', '0'))

    @property
    def max_vcpus(self) -> int:
        """The maximum number of vCPUs."""
        return self._number('vcpu') or 1

    @property
    def vcpus(self) -> int:
        """The current number of vCPUs."""
        return int(self._found('vcpu').get('current') or self.max_vcpus)

    @property
    def iothread_ids(self) -> list[int]:
        """The IDs of the I/O threads, at most as many as a message holds.

        Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainIOThreadIDDefArrayInit).
        """
        count = min(numbers.whole(text_of(self.root, 'iothreads')) or 0, IOTHREADS_MAX)
        ids = [numbers.whole(thread.get('id')) or 0
               for thread in every(self.root, 'iothreadids/iothread')]
        given = set(ids)
        free = (number for number in range(1, count + len(ids) + 1) if number not in given)
        return ids + list(itertools.islice(free, max(0, count - len(ids))))

    @property
    def shares_memory(self) -> bool:
        """Whether other processes can map the guest's memory.

        Source: libvirt 9.0.0, src/conf/domain_validate.c (virDomainDefHasSharedMemory...).
        """
        access = first(self.root, 'memoryBacking/access')
        if access is not None and access.get('mode') == 'shared':
            return True
        cells = self.numa_cells
        return bool(cells) and all(cell.get('memAccess') == 'shared' for cell in cells)

    @cached_property
    def _type(self) -> Element:
        """The element with the machine type, which rules ask for all the time."""
        return self._found('os/type')

    def _number(self, path: str) -> int:
        return int(text_of(self.root, path) or 0)

    def _found(self, path: str) -> Element:
        found = first(self.root, path)
        if found is None:
            raise KeyError(f'a complete definition has {path}')
        return found
