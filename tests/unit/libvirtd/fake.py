"""A minimal hypervisor that shows what the dispatcher does with it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.releases import DEFAULT
from vpmem_harness.serving.deferred import Deferred

HOSTNAME = 'fake'


class Domain:
    """A domain as an object with attributes."""

    def __init__(self, number: int) -> None:
        self.name = f'domain-{number}'
        self.uuid = uuid.UUID(int=number)
        self.id = number


class Connection:

    def __init__(self, hypervisor: Hypervisor, readonly: bool) -> None:
        self.hypervisor = hypervisor
        self.readonly = readonly
        self.emit = None
        self.callbacks: list[int] = []
        self.closed = threading.Event()

    def find(self, procedure: str) -> Callable[..., object] | None:
        return getattr(self, procedure, None)

    def close(self) -> None:
        self.closed.set()

    def connect_get_hostname(self) -> str:
        return HOSTNAME

    def connect_get_type(self) -> str:
        return 'QEMU'

    def connect_get_lib_version(self) -> int:
        return 9000000

    def connect_get_version(self) -> int:
        raise ZeroDivisionError('a secret of the server')

    def connect_get_capabilities(self) -> int:
        return 7        # not the string that is due

    def connect_supports_feature(self, feature: int) -> bool:
        return feature == 13

    def node_get_info(self) -> tuple[str | int, ...]:
        return 'x86_64', 4 << 20, 4, 2000, 1, 1, 4, 1

    def node_get_memory_stats(self, nparams: int, cell: int, flags: int) -> list[tuple[str, int]]:
        return [('total', 4 << 20), ('free', 1 << 20)]

    def connect_list_all_domains(self, need_results: int, flags: int) -> list[Domain]:
        return [Domain(1), Domain(2)]

    def connect_list_domains(self, maxids: int) -> list[int]:
        return [1, 2]

    def connect_num_of_domains(self) -> int:
        return 2

    def domain_lookup_by_name(self, name: str) -> Domain:
        for domain in (Domain(1), Domain(2)):
            if domain.name == name:
                return domain
        raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN, f"no domain with matching name '{name}'")

    def domain_get_xml_desc(self, dom: DomainHandle, flags: int) -> str:
        return f'<domain><name>{dom.name}</name></domain>'

    def domain_get_numa_parameters(self, dom: DomainHandle, nparams: int,
                                   flags: int) -> list[TypedParameter]:
        return [TypedParameter.string('numa_nodeset', '0-1'), TypedParameter.int_('numa_mode', 2)]

    def domain_set_numa_parameters(self, dom: DomainHandle, params: list[TypedParameter],
                                   flags: int) -> None:
        self.hypervisor.seen.append((dom, params, flags))

    def domain_suspend(self, dom: DomainHandle) -> None:
        self.hypervisor.suspended += 1
        for number in self.callbacks:
            self.emit('domain_event_callback_lifecycle', number,
                      (dom, libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 0))

    def domain_resume(self, dom: DomainHandle) -> Deferred:
        return self.hypervisor.later

    def domain_get_vcpus_flags(self, dom: DomainHandle, flags: int) -> int:
        return 2

    def connect_domain_event_callback_register_any(self, event: int,
                                                   dom: DomainHandle | None) -> int:
        self.callbacks.append(len(self.callbacks))
        return self.callbacks[-1]

    def connect_domain_event_callback_deregister_any(self, number: int) -> None:
        self.callbacks.remove(number)

    def qemu_domain_monitor_command(self, dom: DomainHandle, command: str, flags: int) -> str:
        return command.upper()


class Hypervisor:

    def __init__(self) -> None:
        self.release = DEFAULT
        self.connections: list[Connection] = []
        self.later = Deferred()
        self.seen: list[tuple[object, ...]] = []
        self.suspended = 0

    def connect(self, readonly: bool, driver: str = 'qemu') -> Connection:
        self.connections.append(Connection(self, readonly))
        return self.connections[-1]

    def daemon_started(self) -> None:
        """Do nothing: the state is always the same."""
