"""Agents in guests, with answers that a test sets.

Source: libvirt 9.0.0, src/qemu/qemu_agent.c, and the protocol of QEMU's guest agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid
from vpmem_harness.libvirtd.hypervisor.domain.domain import OFF, Domain
from vpmem_harness.libvirtd.xml.etree import Element

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

#: Commands that an agent accepts while the file systems are frozen.
_WHILE_FROZEN: Final = ('guest-ping', 'guest-info', 'guest-fsfreeze-status', 'guest-fsfreeze-thaw')

_CONNECTED: Final = libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
_DISCONNECTED: Final = libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED
_STARTED: Final = (
    libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED)
_CHANNEL: Final = libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL


@dataclass(frozen=True)
class GuestUser:
    """A user who is logged in.

    :param login_time: seconds since 1970.
    :param domain: the domain of a Windows user.
    """

    name: str
    login_time: float = 0.0
    domain: str | None = None


@dataclass(frozen=True)
class GuestFilesystem:
    """A mounted file system; sizes are in bytes.

    :param disk: the target of the disk that it is on, such as ``vda``.
    """

    mountpoint: str
    name: str = 'vda1'
    type: str = 'ext4'
    disk: str = 'vda'
    total_bytes: int = 10 * 1024**3
    used_bytes: int = 2 * 1024**3


@dataclass(frozen=True)
class GuestAgent:
    """The answers of the agent in a guest.

    :param hostname: the guest's name; by default the domain's.
    :param os: values of the guest's os-release(5), by the agent's names: ``id``, ``name``,
        ``pretty-name``, ``version``, ``version-id``, ``machine``, ``kernel-release``,
        ``kernel-version``, ``variant``, ``variant-id``.
    :param timezone: its name, and its offset from UTC in seconds.
    """

    hostname: str | None = None
    os: dict[str, str] = field(default_factory=lambda: {
        'id': 'debian', 'name': 'Debian GNU/Linux', 'pretty-name': 'Debian GNU/Linux 12 (bookworm)',
        'version': '12 (bookworm)', 'version-id': '12', 'machine': 'x86_64'})
    timezone: tuple[str, int] = ('UTC', 0)
    users: Sequence[GuestUser] = ()
    filesystems: Sequence[GuestFilesystem] = (GuestFilesystem('/'),)


@dataclass
class RunningAgent:
    """An agent, with the changes that clients have requested.

    :ivar frozen: the mount points of frozen file systems.
    :ivar clock_offset: seconds from the host's clock to the guest's.
    :ivar offline: the vCPUs that the guest does not use.
    :ivar keys: the authorized keys of each user.
    """

    agent: GuestAgent
    hostname: str
    frozen: list[str] = field(default_factory=list)
    clock_offset: float = 0.0
    offline: set[int] = field(default_factory=set)
    keys: dict[str, list[str]] = field(default_factory=dict)

    def command(self, name: str) -> None:
        """Refuse a command that the agent does not accept while file systems are frozen."""
        if self.frozen and name not in _WHILE_FROZEN:
            raise refusal(name, f'The command {name} has been disabled for this instance')


def refusal(command: str, reason: str) -> LibvirtError:
    """Return the error of a command that the agent refuses."""
    return internal(f"unable to execute QEMU agent command '{command}': {reason}")


def channel(domain: Domain) -> Element | None:
    """Return the target of the channel that a domain has for its agent."""
    return domain.definition.devices.find(
        "channel/target[@type='virtio'][@name='org.qemu.guest_agent.0']")


class GuestAgents:
    """The agents in the guests of one host, by the name of the domain.

    An agent is in the guest whenever that runs and has a channel ``org.qemu.guest_agent.0``. Both
    methods for tests can be called from any thread.
    """

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._agents: dict[str, GuestAgent] = {}
        #: Each with the ID of its domain, which changes with every start.
        self._running: dict[str, tuple[int, RunningAgent]] = {}

    def start(self, domain: str, agent: GuestAgent | None = None) -> None:
        """Have an agent run in the guest of that name, now and after each start."""
        with self._hypervisor.lock:
            self._agents[domain] = agent or GuestAgent()
            self._running.pop(domain, None)
            for each in self._hypervisor.domains:
                if each.name == domain:
                    self.guest_started(each)

    def stop(self, domain: str) -> None:
        """Stop the agent in the guest of that name."""
        with self._hypervisor.lock:
            if self._agents.pop(domain, None) is None:
                return
            for each in self._hypervisor.domains:
                if each.name == domain and each.active and channel(each) is not None:
                    self._report(each, _DISCONNECTED)

    def guest_started(self, domain: Domain) -> None:
        """Tell clients that the agent of a guest that has started is connected."""
        if domain.name in self._agents and domain.active and channel(domain) is not None:
            self._report(domain, _CONNECTED)

    def of(self, domain: Domain) -> RunningAgent:
        """Return the agent in a guest.

        :raises LibvirtError: VIR_ERR_OPERATION_INVALID if the guest does not run,
            VIR_ERR_ARGUMENT_UNSUPPORTED if the domain has no channel for an agent,
            VIR_ERR_AGENT_UNRESPONSIVE if no agent runs.
            Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainAgentAvailable).
        """
        if domain.state != libvirt.VIR_DOMAIN_RUNNING:
            raise invalid('domain is not running')
        if channel(domain) is None:
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'QEMU guest agent is not configured')
        agent = self._agents.get(domain.name)
        if agent is None:
            raise LibvirtError(libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
                               'QEMU guest agent is not connected')
        number, running = self._running.get(domain.name, (OFF, None))
        if running is None or number != domain.id:
            running = RunningAgent(agent, agent.hostname or domain.name)
            self._running[domain.name] = domain.id, running
        return running

    def channel_ready(self, domain: Domain) -> None:
        """Report that no agent is connected to the channel of a guest that starts."""
        if channel(domain) is not None:
            self._hypervisor.events.publish(libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, domain,
                                            _DISCONNECTED, _STARTED)

    def _report(self, domain: Domain, state: int) -> None:
        target = channel(domain)
        if target is not None:
            target.set('state', 'connected' if state == _CONNECTED else 'disconnected')
        self._hypervisor.events.publish(
            libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, domain, state, _CHANNEL)
