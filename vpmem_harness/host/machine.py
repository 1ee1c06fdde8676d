"""A simulated host: its persistent memory and its hypervisor, joined."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from oslo_log import log as logging

from vpmem_harness.host import audit_trail, process_numbers
from vpmem_harness.host.backing import HostBacking
from vpmem_harness.host.calls import ToolCall
from vpmem_harness.host.faults.faults import Faults
from vpmem_harness.host.files import HostFiles
from vpmem_harness.host.layout import Layout
from vpmem_harness.host.service import ToolService
from vpmem_harness.host.tools import Tools
from vpmem_harness.libvirtd.dispatch import Intercept
from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.pmem import CommandResult, Namespace, PersistentMemory
from vpmem_harness.pmem.inventory import nova_labels
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.kernel.media import EMPTY
from vpmem_harness.randomness import Randomness
from vpmem_harness.safelog import AuditLog
from vpmem_harness.serving import eventloop
from vpmem_harness.serving.clock import Clock, Timer
from vpmem_harness.serving.deferred import Deferred

LOG = logging.getLogger(__name__)


class LoopClock:
    """The machine's time; what is due runs in the thread that serves the hosts."""

    def __init__(self, loop: eventloop.EventLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` once, ``seconds`` from now."""
        return self._loop.call_later(seconds, action)


class Host:
    """One simulated machine: a libvirt socket, ndctl, daxctl and daxio, and a directory tree.

    :param name: its host name, and the name of its directory below ``directory``.
    :param inventory: what persistent memory it holds.
    :param directory: an existing directory, in which the host makes its own.
    :param randomness: where its UUIDs and MAC addresses come from.
    :param clock: what simulated durations run on; the machine's own time when None.
    :param files: sizes in bytes of files that exist on this host alone, by absolute path.
    :param directories: absolute paths of directories that exist on this host alone.
    :param as_user: its ndctl, daxctl and daxio act without privileges; as root otherwise,
        whoever calls them.
    :param first_region: the number of its first region; the next free one of the process when
        neither this nor the inventory gives one.
    :param audit: where what is done to it is recorded.

    ``neighbours`` are the hypervisors that it can migrate to, itself among them, by host name and
    by the path of their socket: :meth:`introduce` adds those of another host. ``faults`` makes
    things go wrong on it.
    """

    def __init__(self, name: str, inventory: Inventory, *, directory: Path,
                 randomness: Randomness, clock: Clock | None = None,
                 files: Mapping[str, int] | None = None, directories: Collection[str] = (),
                 as_user: bool = False, first_region: int | None = None,
                 audit: AuditLog | None = None) -> None:
        self.name = name
        self._audit = audit
        self.inventory = inventory
        self.layout = Layout(directory / name)
        self._as_user = as_user
        self._randomness = randomness
        self._given_clock = clock
        self._files = HostFiles(files or {}, directories)
        self._first_region = first_region
        self.neighbours: dict[str, Hypervisor] = {}
        self._release = contextlib.ExitStack()
        self._installing = threading.Lock()
        self._tools: Tools | None = None
        self.faults = Faults(self, randomness.derive('faults'))
        self.loop: eventloop.EventLoop
        self.clock: Clock
        self.pmem: PersistentMemory
        self.hypervisor: Hypervisor
        self.daemon: Daemon

    def __repr__(self) -> str:
        return f'<Host {self.name}>'

    # Its life

    def start(self) -> None:
        """Switch it on; whatever was acquired before an error is released."""
        with contextlib.ExitStack() as acquired:
            self._start(acquired)
            self._release = acquired.pop_all()
        LOG.info('host %s is up, with %d namespaces', self.name, self.pmem.namespace_count)

    def _start(self, acquired: contextlib.ExitStack) -> None:
        self.pmem = self.inventory.build(
            self._randomness.derive('uuids'), first_region=self._take_regions(acquired))
        self.layout.make()
        acquired.callback(shutil.rmtree, self.layout.root, ignore_errors=True)
        self.loop = acquired.enter_context(eventloop.shared())
        self.clock = self._given_clock or LoopClock(self.loop)
        self.hypervisor = Hypervisor(
            self.name, randomness=self._randomness.derive('hypervisor'),
            backing=HostBacking(self.pmem, self._files),
            clock=self.clock, neighbours=self.neighbours)
        self.introduce(self)
        self.daemon = Daemon(self.hypervisor, str(self.socket_path), loop=self.loop)
        self.daemon.intercept = self._intercept()
        self.daemon.start()
        acquired.callback(self.daemon.stop)
        acquired.callback(self.faults.clear)

    def _intercept(self) -> Intercept:
        """What stands between a call and its execution: the audit log sees what faults leave."""
        if self._audit is None:
            return self.faults.on_call
        return audit_trail.audited(self._audit, self.name, self.faults.on_call)

    def _take_regions(self, acquired: contextlib.ExitStack) -> int:
        count = len(self.inventory.dimms)
        asked = self.inventory.first_region if self._first_region is None else self._first_region
        first = process_numbers.REGIONS.take(count, asked)
        acquired.callback(process_numbers.REGIONS.give_back, count, first)
        return first

    def install_tools(self) -> None:
        """Put its ndctl, daxctl and daxio in place, unless they are.

        That costs several files and a socket, so it waits until somebody looks for them.
        """
        with self._installing:
            if self._tools is not None:
                return
            service = ToolService(self.loop, str(self.layout.tools_socket), self._answer)
            self._release.callback(service.close)
            tools = Tools(self.layout, self._run, lambda: self.faults.of_commands)
            tools.install()
            self.pmem.on_listing_change(tools.forget)
            self._tools = tools

    def introduce(self, other: Host) -> None:
        """Let this host's guests migrate to ``other``, by its name and by its socket's path."""
        self.neighbours[other.name] = self.neighbours[str(other.socket_path)] = other.hypervisor

    def stop(self) -> None:
        """Switch it off: its clients lose their connections, its directory goes."""
        self._release.close()

    def reboot(self) -> None:
        """Restart the machine.

        Clients lose their connections. No domain runs but those with autostart; transient ones
        are gone. The namespaces of a region are numbered anew, their names and contents stay.
        """
        LOG.info('host %s reboots', self.name)
        if self._audit is not None:
            self._audit.record('operator', 'reboot', host=self.name)
        if self.daemon.running:
            self.daemon.drop_clients()
        else:
            self.daemon.start()
        self.faults.lose_calls()
        self.hypervisor.crash()
        self.pmem.reboot()
        self.hypervisor.reboot()
        if self._tools is not None:
            self._tools.refresh()

    # What programs meet

    @property
    def uri(self) -> str:
        """The libvirt URI at which a client finds it."""
        return self.daemon.uri

    @property
    def socket_path(self) -> Path:
        """libvirt's socket."""
        return self.layout.socket

    @property
    def bin_dir(self) -> Path:
        """The directory of its ndctl, daxctl and daxio."""
        self.install_tools()
        return self.layout.bin

    @property
    def tools(self) -> Tools:
        """Its ndctl, daxctl and daxio, as files."""
        self.install_tools()
        assert self._tools is not None  # noqa: S101 - just installed
        return self._tools

    @property
    def instances_path(self) -> Path:
        """A directory for a compute service's instances."""
        self.layout.instances.mkdir(mode=0o700, exist_ok=True)
        return self.layout.instances

    @property
    def env(self) -> dict[str, str]:
        """This process's environment, with this host in it: PATH and LIBVIRT_DEFAULT_URI."""
        path = os.environ.get('PATH', os.defpath)
        own = f'{self.bin_dir}{os.pathsep}{self.layout.nowhere}'
        return {**os.environ, 'PATH': f'{own}{os.pathsep}{path}', 'LIBVIRT_DEFAULT_URI': self.uri}

    @property
    def namespaces(self) -> list[Namespace]:
        """Its namespaces, idle ones aside, in ndctl's order."""
        return self.pmem.namespaces

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """The names of the namespaces under each label that it offers to servers."""
        return self.inventory.labels or nova_labels.labels_by_size(self.namespaces)

    @property
    def pmem_namespaces(self) -> str:
        """The value of ``[libvirt] pmem_namespaces`` that offers them."""
        return nova_labels.pmem_namespaces(self.labels, self.namespaces)

    # Its tools

    @property
    def as_user(self) -> bool:
        """Whether its ndctl, daxctl and daxio act without privileges; it can be set."""
        return self._as_user

    @as_user.setter
    def as_user(self, as_user: bool) -> None:
        self._as_user = as_user
        if self._tools is not None:
            self._tools.forget()

    def run(self, *words: str) -> CommandResult:
        """Run ndctl, daxctl or daxio, as a program on the host would, without a process for it.

        ::

            host.run('ndctl', 'list', '-X').stdout

        It suffers the same faults, too; one that hangs is waited for.

        :raises FileNotFoundError: when a fault has taken the program away.
        """
        result = self.begin(ToolCall(words, os.getcwd(), stdin=EMPTY))
        if not isinstance(result, Deferred):
            return result
        done = threading.Event()
        result.when_done(lambda later: done.set())
        done.wait()
        answer: CommandResult = result.result()
        return answer

    def begin(self, call: ToolCall) -> CommandResult | Deferred:
        """Begin a command without a process for it; what a fault holds up ends later.

        :raises FileNotFoundError: when a fault has taken the program away.
        """
        return self.faults.on_command(call.words, lambda: self._run(call))

    def _run(self, call: ToolCall) -> CommandResult:
        result = self.pmem.run(
            call.words, as_root=not (self.as_user or call.as_user),
            stdin=call.stdin, files=self._files, terminal=call.terminal, directory=call.directory)
        if self._audit is not None:
            audit_trail.record_tool(self._audit, self.name, call.words, result)
        return result

    def _answer(self, call: ToolCall) -> CommandResult | Deferred:
        if call.words[0] == 'reboot':
            self.reboot()
            return CommandResult(0, '', '')
        if call.stdin is None:
            result = self.faults.on_command(call.words, lambda: self.tools.call(call))
        else:
            result = self.tools.call(call)      # the same command, with the input that it wanted
        self.tools.refresh()
        return result
