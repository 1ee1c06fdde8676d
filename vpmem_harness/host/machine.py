"""A simulated host: its persistent memory, its hypervisor and its tools."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import libvirt
from oslo_log import log as logging

from vpmem_harness import conf, releases, safelog
from vpmem_harness.exceptions import InvalidInputError, space_in
from vpmem_harness.hardware import Hardware
from vpmem_harness.host import process_numbers
from vpmem_harness.host.audit_trail import AuditTrail
from vpmem_harness.host.backing import HostBacking
from vpmem_harness.host.calls import CallLog, ToolCall
from vpmem_harness.host.calls.journal import Journal
from vpmem_harness.host.faults.faults import Faults
from vpmem_harness.host.files import HostFiles
from vpmem_harness.host.history import History
from vpmem_harness.host.layout import Layout
from vpmem_harness.host.loop_clock import LoopClock
from vpmem_harness.host.numa_nodes import check, fitted
from vpmem_harness.host.own_connection import OwnConnection
from vpmem_harness.host.recorder import Recorder
from vpmem_harness.host.service import ToolService
from vpmem_harness.host.storage_files import HostStorage
from vpmem_harness.host.tools import Tools
from vpmem_harness.libvirtd.hypervisor.domain.guest_agent import GuestAgents
from vpmem_harness.libvirtd.hypervisor.domain.held_migrations import Migrations
from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.libvirtd.peers.peers import Neighbour, Peers
from vpmem_harness.libvirtd.remote_access import RemoteAccess
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.plurals import counted
from vpmem_harness.pmem import CommandResult, Namespace, PersistentMemory
from vpmem_harness.pmem.inventory import nova_labels
from vpmem_harness.pmem.inventory.inventory import Inventory
from vpmem_harness.pmem.kernel.media import EMPTY
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT, Release
from vpmem_harness.safelog import AuditLog
from vpmem_harness.serving import eventloop
from vpmem_harness.serving.clock import Clock
from vpmem_harness.serving.deferred import Deferred

LOG = logging.getLogger(__name__)


class Host:
    """One simulated machine: a libvirt socket, ndctl, daxctl and daxio, and a directory tree.

    :param name: the host name, and the name of the host's directory below ``directory``.
    :param inventory: the persistent memory of the host.
    :param directory: an existing directory, in which the host makes its own.
    :param randomness: the source of UUIDs and MAC addresses.
    :param clock: the clock for simulated durations; real time if None.
    :param files: sizes in bytes of files that exist only on this host, by absolute path.
    :param directories: absolute paths of directories that exist only on this host.
    :param as_user: run ndctl, daxctl and daxio without privileges; otherwise they run as root,
        whoever calls them.
    :param first_region: the number of the first region; if neither this nor the inventory gives
        one, the next number that is free in the process.
    :param hardware: the hardware of the host; two NUMA nodes and what the DIMMs need if None.
    :param audit: the audit log for what is done to the host.
    :param release: the versions of kernel, ndctl, libvirt and QEMU.
    :param split_daemons: whether the sockets of virtqemud, virtnetworkd, ... are there too.
    :param remote: where libvirt listens besides its UNIX sockets.
    :param private_names: whether the names of hosts that were introduced come before those that
        this machine's resolver knows, in the URI of a migration.
    :param neighbours: the started hosts by name, if hosts share that mapping.
    :param seeded_races: whether the seed decides what depends on the order of threads of a real
        host; None takes the option of that name.

    ``calls`` has every call that reached the host, ``faults`` makes calls fail or hang, and more:
    see :class:`~vpmem_harness.host.calls.log.CallLog` and
    :class:`~vpmem_harness.host.faults.faults.Faults`. ``history`` has what else happened, for
    reports. ``peers`` opens the connections of live migrations; :meth:`introduce` gives it the name
    of another host.
    """

    def __init__(self, name: str, inventory: Inventory, *, directory: Path,
                 randomness: Randomness, clock: Clock | None = None,
                 files: Mapping[str, int] | None = None, directories: Collection[str] = (),
                 as_user: bool = False, first_region: int | None = None,
                 hardware: Hardware | None = None, audit: AuditLog | None = None,
                 release: Release = DEFAULT, split_daemons: bool = False,
                 remote: RemoteAccess | None = None, private_names: bool = True,
                 neighbours: dict[str, Neighbour] | None = None,
                 seeded_races: bool | None = None) -> None:
        self.name = name
        safelog.current().simulate(name)
        self._trail = AuditTrail(audit, name) if audit is not None else None
        self.inventory = inventory
        self.release = release
        self._split = split_daemons
        self._remote = remote or RemoteAccess()
        self._hardware = fitted(hardware, inventory.dimms)
        self.layout = Layout(directory / name)
        self._as_user = as_user
        self._randomness = randomness
        self._given_clock = clock
        self._files = HostFiles(files or {}, directories)
        self._first_region = first_region
        self._private_names = private_names
        self._neighbours = neighbours
        self._seeded_races = (conf.load(command_line=False).seeded_races
                              if seeded_races is None else seeded_races)
        self._release = contextlib.ExitStack()
        self._installing = threading.Lock()
        self._tools: Tools | None = None
        self._own_connection = OwnConnection()
        self.calls = CallLog(
            lambda: self.clock.now(), sync=lambda: self._recorder.sync(),
            ended=self._trail.record if self._trail is not None else None)
        self.history = History()
        self.faults = Faults(self, randomness.derive('faults'))
        self._recorder = Recorder(self.calls, self.faults)
        self.loop: eventloop.EventLoop
        self.clock: Clock
        self.pmem: PersistentMemory
        self.hypervisor: Hypervisor
        self.daemon: Daemon
        self.peers: Peers

    def __repr__(self) -> str:
        if not hasattr(self, 'daemon'):
            return f'<Host {self.name}: not started>'
        daemon = self.uri if self.daemon.running else 'libvirtd does not run'
        return f'<Host {self.name}: {counted(self.pmem.namespace_count, "namespace")}, {daemon}>'

    def start(self) -> None:
        """Start the host; after an error everything acquired is released."""
        with space_in(self.layout.root), contextlib.ExitStack() as acquired:
            self._start(acquired)
            self._release = acquired.pop_all()
        LOG.info('host %s is up; namespaces: %d', self.name, self.pmem.namespace_count)

    def _start(self, acquired: contextlib.ExitStack) -> None:
        self.pmem = self.inventory.build(
            self._randomness.derive('uuids'), first_region=self._take_regions(acquired),
            release=self.release)
        self.layout.make(split=self._split)
        acquired.callback(shutil.rmtree, self.layout.root, ignore_errors=True)
        self.loop = acquired.enter_context(eventloop.shared())
        self.clock = self._given_clock or LoopClock(self.loop)
        self.peers = Peers(self.loop, self._neighbours, private_names=self._private_names)
        self.peers.hook = self.faults.on_migration
        acquired.callback(self.peers.close)
        self.hypervisor = Hypervisor(
            self.name, randomness=self._randomness.derive('hypervisor'),
            backing=HostBacking(self.pmem, self._files,
                                HostStorage(self.layout.files, self._files)),
            clock=self.clock, hardware=self._hardware, peers=self.peers,
            release=self.release, seeded_races=self._seeded_races)
        self.history.begin(self.clock, self.pmem, self.hypervisor)
        self.daemon = Daemon(self.hypervisor, str(self.socket_path), loop=self.loop,
                             split_directory=str(self.layout.split) if self._split else None,
                             remote=self._remote.with_own_certificates(self.layout.pki))
        self.daemon.intercept = self._recorder.on_call
        self.daemon.start()
        acquired.callback(self.daemon.stop)
        self.introduce(self)
        acquired.callback(self.peers.forget, self.name, str(self.socket_path))
        acquired.callback(self._own_connection.close)
        acquired.callback(self.faults.clear)

    def _take_regions(self, acquired: contextlib.ExitStack) -> int:
        count = self.inventory.region_count
        asked = self.inventory.first_region if self._first_region is None else self._first_region
        first = process_numbers.REGIONS.take(count, asked)
        acquired.callback(process_numbers.REGIONS.give_back, count, first)
        return first

    def install_tools(self) -> None:
        """Install the host's ndctl, daxctl and daxio, unless they are installed.

        They need several files and descriptors, so they are installed at their first use.
        """
        with self._installing, space_in(self.layout.root):
            if self._tools is not None:
                return
            recorder = self._recorder
            service = ToolService(
                self.loop, str(self.layout.tools_socket), self._answer, recorder.on_hang_up)
            self._release.callback(service.close)
            tools = Tools(self.layout, self._run, self._must_ask)
            tools.install()
            journal = Journal(self.loop, self.layout.journal, recorder.on_report)
            self._release.callback(journal.close)
            self._release.callback(tools.forget)
            recorder.tools, recorder.journal = tools, journal
            self.pmem.on_listing_change(tools.forget)
            self._tools = tools

    def _must_ask(self) -> bool:
        """Whether the tools must ask the host for every listing.

        They must while a fault may strike, and if the host has a clock of its own: only the host
        can read it, for the time of the call.
        """
        return self.faults.of_commands or self._given_clock is not None

    def introduce(self, other: Host) -> None:
        """Let this host's guests migrate to ``other`` by its name.

        A URI with a socket or an IP address needs no introduction.
        """
        self.peers.introduce(other.name, str(other.socket_path), other.daemon.remote)

    def stop(self) -> None:
        """Stop the host: clients lose their connections, the directory is removed."""
        self._release.close()

    def reboot(self, hardware: Hardware | None = None) -> None:
        """Restart the machine, with other hardware if given.

        Clients lose their connections. Only domains with autostart run afterwards, transient ones
        are gone. The namespaces of a region get new numbers but keep their names and contents.
        """
        if hardware is not None:
            hardware = fitted(check(hardware), self.inventory.dimms)
        LOG.info('host %s reboots', self.name)
        if self._trail is not None:
            self._trail.record_reboot()
        self.history.add_reboot()
        if self.daemon.running:
            self.daemon.drop_clients()
        else:
            self.daemon.start()
        if not self.loop.in_thread:
            self._own_connection.close()    # it was dropped, so this does not wait
        self.faults.lose_calls()
        self.hypervisor.crash()
        self.pmem.reboot()
        if hardware is not None:
            self._change_hardware(hardware)
        self.hypervisor.reboot()
        if self._tools is not None:
            self._tools.refresh()

    @property
    def hardware(self) -> Hardware:
        """The hardware of the host; it can be set while libvirtd is down.

        :raises InvalidInputError: when it is set while the host runs, or lacks a NUMA node of the
            host's DIMMs.
        """
        return self._hardware

    @hardware.setter
    def hardware(self, hardware: Hardware) -> None:
        if hasattr(self, 'daemon') and self.daemon.running:
            raise InvalidInputError(
                f'hardware of {self.name}', expected='a host whose libvirtd is down',
                got='a host that runs', remedy='use it within faults.daemon_down(), or call '
                'reboot(hardware=...)')
        self._change_hardware(hardware)

    def _change_hardware(self, hardware: Hardware) -> None:
        self._hardware = fitted(check(hardware), self.inventory.dimms)
        if hasattr(self, 'hypervisor'):
            self.hypervisor.change_hardware(self._hardware)

    def upgrade(self, release: str | Release) -> None:
        """Restart the machine with another release, such as ``'debian13'``, as :meth:`reboot` does.

        A domain whose machine type the release lacks stays, and cannot start any more.
        """
        self.release = releases.choose(release)
        self.hypervisor.upgrade(self.release)
        self.pmem.release = self.release
        self.reboot()

    @property
    def guest_agents(self) -> GuestAgents:
        """Agents in guests: ``start(domain, agent)`` and ``stop(domain)``."""
        return self.hypervisor.agents

    @property
    def uri(self) -> str:
        """The libvirt URI of the host."""
        return self.daemon.uri

    @property
    def connection(self) -> libvirt.virConnect:
        """A read-write connection to the host's libvirt, closed when the host stops.

        It is opened at the first use, and again after the daemon has closed it.
        """
        return self._own_connection.open(self.daemon)

    @property
    def socket_path(self) -> Path:
        """libvirt's socket."""
        return self.layout.socket

    @property
    def bin_dir(self) -> Path:
        """The directory of the host's ndctl, daxctl and daxio."""
        self.install_tools()
        return self.layout.bin

    @property
    def tools(self) -> Tools:
        """The host's ndctl, daxctl and daxio, as files."""
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
        """This process's environment with the host's PATH and LIBVIRT_DEFAULT_URI."""
        path = os.environ.get('PATH', os.defpath)
        own = f'{self.bin_dir}{os.pathsep}{self.layout.nowhere}'
        return {**os.environ, 'PATH': f'{own}{os.pathsep}{path}', 'LIBVIRT_DEFAULT_URI': self.uri}

    @property
    def namespaces(self) -> list[Namespace]:
        """The host's namespaces, without idle ones, in ndctl's order."""
        return self.pmem.namespaces

    @property
    def migrations(self) -> Migrations:
        """Control of the migrations that leave the host."""
        return self.hypervisor.migrations

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """The names of the namespaces by the label under which servers can request them."""
        return self.inventory.labels or nova_labels.labels_by_size(self.namespaces)

    @property
    def pmem_namespaces(self) -> str:
        """The value of ``[libvirt] pmem_namespaces`` for these labels."""
        return nova_labels.pmem_namespaces(self.labels, self.namespaces)

    @property
    def as_user(self) -> bool:
        """Whether ndctl, daxctl and daxio run without privileges; it can be set."""
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

        Faults apply as usual; this waits for a command that hangs.

        :raises FileNotFoundError: when a fault has removed the program.
        """
        result = self.begin(ToolCall(words, os.getcwd(), stdin=EMPTY))
        if not isinstance(result, Deferred):
            return result
        done = threading.Event()
        result.when_done(lambda later: done.set())
        done.wait()
        answer: CommandResult = result.result()
        return answer

    def has_own_program(self, program: str) -> bool:
        """Whether the program in the host's directory is the host's own, or not needed yet."""
        return self._tools is None or self._tools.is_own(program)

    def begin(self, call: ToolCall) -> CommandResult | Deferred:
        """Begin a command without a process for it; if a fault holds it, the result is deferred.

        :raises FileNotFoundError: when a fault has removed the program.
        """
        return self._recorder.on_command(call, lambda: self._run(call))

    def _run(self, call: ToolCall) -> CommandResult:
        return self.pmem.run(
            call.words, as_root=not (self.as_user or call.as_user),
            stdin=call.stdin, files=self._files, terminal=call.terminal, directory=call.directory)

    def _answer(self, call: ToolCall) -> CommandResult | Deferred:
        """Run a command for a stand-in."""
        result = self._recorder.on_command(call, lambda: self.tools.call(call))
        self.tools.refresh()
        return result
