"""Procedures that ask the agent in a guest.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_agent.c.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal, invalid, misused
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.guest_agent import (
    GuestFilesystem,
    RunningAgent,
    refusal,
)
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_exclusive_flags, check_flags
from vpmem_harness.libvirtd.hypervisor.network import guests
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml import numbers

#: A name, a hardware address, and the addresses with their types and prefixes.
Interface = tuple[str, str, guests.Addresses]

_IPV4, _IPV6 = libvirt.VIR_IP_ADDR_TYPE_IPV4, libvirt.VIR_IP_ADDR_TYPE_IPV6
_LEASE, _AGENT = (libvirt.VIR_DOMAIN_GET_HOSTNAME_LEASE,
                  libvirt.VIR_DOMAIN_GET_HOSTNAME_AGENT)
#: What an agent can be asked for.
_INFORMATION = (libvirt.VIR_DOMAIN_GUEST_INFO_USERS | libvirt.VIR_DOMAIN_GUEST_INFO_OS
                | libvirt.VIR_DOMAIN_GUEST_INFO_TIMEZONE | libvirt.VIR_DOMAIN_GUEST_INFO_HOSTNAME
                | libvirt.VIR_DOMAIN_GUEST_INFO_FILESYSTEM | libvirt.VIR_DOMAIN_GUEST_INFO_DISKS
                | libvirt.VIR_DOMAIN_GUEST_INFO_INTERFACES)
_SHORTEST = -2
#: The version of the agent: QEMU's in Debian 12.
_VERSION = '7.2.0'


class GuestAgentProcedures(ProcedureGroup):
    """Procedures that ask the agent in a guest."""

    def _agent(self, handle: DomainHandle, command: str) -> RunningAgent:
        """Return the agent of a domain that runs, if it takes the command now."""
        domain = self.domain(handle)
        check_active(domain)
        running = self.hypervisor.agents.of(domain)
        running.command(command)
        return running

    @procedure
    def domain_fsfreeze(self, handle: DomainHandle, mountpoints: list[str], flags: int) -> int:
        """Freeze the guest's file systems, or some of them; return their number."""
        check_flags('qemuDomainFSFreeze', flags, 0)
        running = self._agent(handle, 'guest-fsfreeze-freeze')
        running.frozen = [each.mountpoint for each in running.agent.filesystems
                          if not mountpoints or each.mountpoint in mountpoints]
        return len(running.frozen)

    @procedure
    def domain_fsthaw(self, handle: DomainHandle, mountpoints: list[str], flags: int) -> int:
        """Thaw the guest's file systems; return their number."""
        check_flags('qemuDomainFSThaw', flags, 0)
        if mountpoints:
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'specifying mountpoints is not supported')
        running = self._agent(handle, 'guest-fsfreeze-thaw')
        thawed, running.frozen = len(running.frozen), []
        return thawed

    @procedure
    def domain_fstrim(self, handle: DomainHandle, mountpoint: str | None, minimum: int,
                      flags: int) -> None:
        """Trim the guest's file systems."""
        check_flags('qemuDomainFSTrim', flags, 0)
        if mountpoint:
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'Specifying mount point is not supported for now')
        self._check_running(handle)
        self._agent(handle, 'guest-fstrim')

    @procedure
    def domain_get_fsinfo(self, handle: DomainHandle,
                          flags: int) -> tuple[list[tuple[str, str, str, list[str]]], int]:
        """Return the guest's file systems: mount point, name, type, and disks."""
        check_flags('qemuDomainGetFSInfo', flags, 0)
        running = self._agent(handle, 'guest-get-fsinfo')
        found = [(each.mountpoint, each.name, each.type, self._disks(handle, each))
                 for each in running.agent.filesystems]
        return found, len(found)

    def _disks(self, handle: DomainHandle, filesystem: GuestFilesystem) -> list[str]:
        """Return the target of a file system's disk, if the domain has it."""
        target = self.domain(handle).definition.devices.find(
            f"disk/target[@dev='{filesystem.disk}']")
        return [] if target is None else [filesystem.disk]

    @procedure
    def domain_get_time(self, handle: DomainHandle, flags: int) -> tuple[int, int]:
        """Return the guest's clock in seconds since 1970 and nanoseconds."""
        check_flags('qemuDomainGetTime', flags, 0)
        return divmod(self._now(self._agent(handle, 'guest-get-time')), 10**9)

    def _now(self, running: RunningAgent) -> int:
        return int((self.hypervisor.clock.now() + running.clock_offset) * 10**9)

    @procedure
    def domain_set_time(self, handle: DomainHandle, seconds: int, nseconds: int,
                        flags: int) -> None:
        """Set the guest's clock."""
        sync = libvirt.VIR_DOMAIN_TIME_SYNC
        check_flags('qemuDomainSetTime', flags, sync)
        if not self.domain(handle).active:
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                "cannot set time: qemu doesn't support rtc-reset-reinjection command")
        running = self._agent(handle, 'guest-set-time')
        running.clock_offset = (0.0 if flags & sync else
                                seconds + nseconds / 10**9 - self.hypervisor.clock.now())

    @procedure
    def domain_set_user_password(self, handle: DomainHandle, user: str | None,
                                 password: str | None, flags: int) -> None:
        """Set a user's password in the guest; nothing keeps it."""
        check_flags('qemuDomainSetUserPassword', flags,
                    libvirt.VIR_DOMAIN_PASSWORD_ENCRYPTED)
        self._agent(handle, 'guest-set-user-password')

    @procedure
    def domain_get_hostname(self, handle: DomainHandle, flags: int) -> str:
        """Return the guest's host name, by its agent or by the lease of its address."""
        check_flags('qemuDomainGetHostname', flags, _LEASE | _AGENT)
        check_exclusive_flags('qemuDomainGetHostname', flags, 'VIR_DOMAIN_GET_HOSTNAME_LEASE',
                              'VIR_DOMAIN_GET_HOSTNAME_AGENT', argument='flags',
                              domain=libvirt.VIR_FROM_QEMU)
        if flags & _LEASE:
            check_active(self.domain(handle))
            raise LibvirtError(libvirt.VIR_ERR_NO_HOSTNAME,
                               f'no hostname found for domain {self.domain(handle).name}')
        return self._agent(handle, 'guest-get-host-name').hostname

    @procedure
    def domain_get_guest_vcpus(self, handle: DomainHandle, flags: int) -> list[TypedParameter]:
        """Return the vCPUs as the guest sees them."""
        check_flags('qemuDomainGetGuestVcpus', flags, 0)
        if not self.domain(handle).active:
            raise invalid('domain is not running')
        running = self._agent(handle, 'guest-get-vcpus')
        cpus = set(range(self.domain(handle).definition.vcpus))
        return [TypedParameter.string('vcpus', numbers.format_bitmap(cpus)),
                TypedParameter.string('online', numbers.format_bitmap(cpus - running.offline)),
                TypedParameter.string('offlinable', numbers.format_bitmap(cpus - {0}))]

    @procedure
    def domain_set_guest_vcpus(self, handle: DomainHandle, text: str, state: int,
                               flags: int) -> None:
        """Have the guest use vCPUs or not."""
        check_flags('qemuDomainSetGuestVcpus', flags, 0)
        if state not in (0, 1):
            raise misused('qemuDomainSetGuestVcpus', 'state', 'unsupported state value')
        if not self.domain(handle).active:
            raise invalid('domain is not running')
        running = self._agent(handle, 'guest-set-vcpus')
        asked = numbers.bitmap(text)
        if asked is None:
            raise bad_argument(f"Failed to parse bitmap '{text}'", domain=libvirt.VIR_FROM_NONE)
        known = set(range(self.domain(handle).definition.vcpus))
        for cpu in sorted(asked):
            if cpu not in known:
                raise bad_argument(f"guest agent didn't report cpu '{cpu}'")
            if cpu == 0 and not state:
                raise bad_argument("vCPU '0' is not offlinable")
        running.offline = running.offline - asked if state else running.offline | asked

    @procedure
    def domain_authorized_ssh_keys_get(self, handle: DomainHandle, user: str,
                                       flags: int) -> list[str]:
        """Return the keys with which a user may log in."""
        check_flags('qemuDomainAuthorizedSSHKeysGet', flags, 0)
        return list(self._agent(handle, 'guest-ssh-get-authorized-keys').keys.get(user, ()))

    @procedure
    def domain_authorized_ssh_keys_set(self, handle: DomainHandle, user: str, keys: list[str],
                                       flags: int) -> None:
        """Replace, add or remove the keys with which a user may log in."""
        append = libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND
        remove = libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_REMOVE
        check_flags('qemuDomainAuthorizedSSHKeysSet', flags, append | remove)
        running = self._agent(handle, 'guest-ssh-add-authorized-keys')
        known = running.keys.get(user, [])
        if flags & remove:
            known = [key for key in known if key not in keys]
        elif flags & append:
            known = [*known, *(key for key in keys if key not in known)]
        else:
            known = list(dict.fromkeys(keys))
        running.keys[user] = known

    @procedure
    def domain_agent_set_response_timeout(self, handle: DomainHandle, timeout: int,
                                          flags: int) -> int:
        """Set how long libvirt waits for the agent, which always answers at once."""
        check_flags('qemuDomainAgentSetResponseTimeout', flags, 0)
        _check_timeout(timeout)
        self.domain(handle)
        return 0

    @procedure
    def domain_get_guest_info(self, handle: DomainHandle, types: int,
                              flags: int) -> list[TypedParameter]:
        """Return information from the agent: VIR_DOMAIN_GUEST_INFO_*, 0 for everything."""
        check_flags('qemuDomainGetGuestInfo', flags, 0)
        if types & ~_INFORMATION:
            raise bad_argument(
                f"unsupported guest information types '0x{types & ~_INFORMATION:x}'")
        self._check_running(handle)
        running = self._agent(handle, 'guest-get-users')
        domain = self.domain(handle)
        return [parameter for kind, describe in (
            (libvirt.VIR_DOMAIN_GUEST_INFO_USERS, _users),
            (libvirt.VIR_DOMAIN_GUEST_INFO_OS, _os),
            (libvirt.VIR_DOMAIN_GUEST_INFO_TIMEZONE, _timezone),
            (libvirt.VIR_DOMAIN_GUEST_INFO_HOSTNAME, _hostname),
            (libvirt.VIR_DOMAIN_GUEST_INFO_FILESYSTEM, self._filesystems),
            (libvirt.VIR_DOMAIN_GUEST_INFO_INTERFACES, self._interfaces))
            if not types or types & kind for parameter in describe(running, domain)]

    def _filesystems(self, running: RunningAgent, domain: Domain) -> Iterator[TypedParameter]:
        yield TypedParameter.uint('fs.count', len(running.agent.filesystems))
        handle = DomainHandle(domain.name, domain.uuid, domain.id)
        for number, each in enumerate(running.agent.filesystems):
            yield TypedParameter.string(f'fs.{number}.mountpoint', each.mountpoint)
            yield TypedParameter.string(f'fs.{number}.name', each.name)
            yield TypedParameter.string(f'fs.{number}.fstype', each.type)
            yield TypedParameter.ullong(f'fs.{number}.total-bytes', each.total_bytes)
            yield TypedParameter.ullong(f'fs.{number}.used-bytes', each.used_bytes)
            disks = self._disks(handle, each)
            yield TypedParameter.uint(f'fs.{number}.disk.count', len(disks))
            for place, disk in enumerate(disks):
                yield TypedParameter.string(f'fs.{number}.disk.{place}.alias', disk)

    def _interfaces(self, running: RunningAgent, domain: Domain) -> Iterator[TypedParameter]:
        found = self.interfaces(domain)
        yield TypedParameter.uint('if.count', len(found))
        for number, (name, mac, addresses) in enumerate(found):
            yield TypedParameter.string(f'if.{number}.name', name)
            yield TypedParameter.string(f'if.{number}.hwaddr', mac)
            yield TypedParameter.uint(f'if.{number}.addr.count', len(addresses))
            for place, (kind, address, prefix) in enumerate(addresses):
                yield TypedParameter.string(f'if.{number}.addr.{place}.type',
                                            'ipv6' if kind == _IPV6 else 'ipv4')
                yield TypedParameter.string(f'if.{number}.addr.{place}.addr', address)
                yield TypedParameter.uint(f'if.{number}.addr.{place}.prefix', prefix)

    def interfaces(self, domain: Domain) -> list[Interface]:
        """Return the interfaces as the agent of a guest sees them: the loopback first."""
        loopback: guests.Addresses = [
            (_IPV4, str(ipaddress.IPv4Network('127.0.0.0/8')[1]), 8),
            (_IPV6, str(ipaddress.IPv6Address(1)), 128)]
        found: list[Interface] = [('lo', ':'.join(['00'] * 6), loopback)]
        leased = {mac: addresses for _, mac, addresses in guests.leased(
            self.hypervisor.networks, domain.definition.devices.findall('interface'),
            self.hypervisor.clock.now())}
        for number, device in enumerate(domain.definition.devices.findall('interface')):
            mac = device.find('mac')
            address = '' if mac is None else mac.get('address', '')
            found.append((f'eth{number}', address, leased.get(address, [])))
        return found

    def _check_running(self, handle: DomainHandle) -> None:
        if self.domain(handle).state != libvirt.VIR_DOMAIN_RUNNING:
            raise invalid('domain is not running')

    @procedure
    def qemu_domain_agent_command(self, handle: DomainHandle, text: str, timeout: int,
                                  flags: int) -> str:
        """Send the agent a command in JSON, and return its answer."""
        check_flags('qemuDomainQemuAgentCommand', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        running = self.hypervisor.agents.of(domain)
        _check_timeout(timeout)
        try:
            command = json.loads(text)
        except ValueError:
            raise internal(f'cannot parse json {text}: unexpected text',
                           domain=libvirt.VIR_FROM_NONE) from None
        name = command.get('execute') if isinstance(command, dict) else None
        if not isinstance(name, str):
            raise internal("unable to execute QEMU agent command '(null)': "
                           "QMP input lacks member 'execute'")
        running.command(name)
        return json.dumps({'return': self._answer(name, running, domain)},
                          separators=(',', ':'))

    def _answer(self, name: str, running: RunningAgent, domain: Domain) -> Any:
        agent = running.agent
        if name == 'guest-get-time':
            return self._now(running)
        if name == 'guest-network-get-interfaces':
            return [{'name': each, 'hardware-address': mac, 'ip-addresses': [
                {'ip-address': address, 'prefix': prefix,
                 'ip-address-type': 'ipv6' if kind == _IPV6 else 'ipv4'}
                for kind, address, prefix in addresses]}
                for each, mac, addresses in self.interfaces(domain)]
        answers: dict[str, Any] = {
            'guest-ping': {}, 'guest-get-host-name': {'host-name': running.hostname},
            'guest-fsfreeze-status': 'frozen' if running.frozen else 'thawed',
            'guest-get-osinfo': dict(agent.os),
            'guest-get-timezone': {'zone': agent.timezone[0], 'offset': agent.timezone[1]},
            'guest-get-users': [
                {'user': user.name, 'login-time': user.login_time} for user in agent.users],
            'guest-get-fsinfo': [
                {'name': each.name, 'mountpoint': each.mountpoint, 'type': each.type,
                 'total-bytes': each.total_bytes, 'used-bytes': each.used_bytes, 'disk': []}
                for each in agent.filesystems],
            'guest-get-vcpus': [
                {'logical-id': cpu, 'online': cpu not in running.offline, 'can-offline': cpu > 0}
                for cpu in range(domain.definition.vcpus)]}
        answers['guest-info'] = {'version': _VERSION, 'supported_commands': [
            {'name': each, 'enabled': True, 'success-response': True} for each in sorted(
                [*answers, 'guest-info', 'guest-get-time', 'guest-network-get-interfaces'])]}
        if name not in answers:
            raise refusal(name, f'The command {name} has not been found')
        return answers[name]


def _check_timeout(timeout: int) -> None:
    if timeout < _SHORTEST:
        raise bad_argument(f"guest agent timeout '{timeout}' is less than the minimum "
                           f"'{_SHORTEST}'")


def _users(running: RunningAgent, domain: Domain) -> Iterator[TypedParameter]:
    yield TypedParameter.uint('user.count', len(running.agent.users))
    for number, user in enumerate(running.agent.users):
        yield TypedParameter.string(f'user.{number}.name', user.name)
        if user.domain is not None:
            yield TypedParameter.string(f'user.{number}.domain', user.domain)
        yield TypedParameter.ullong(f'user.{number}.login-time', int(user.login_time * 1000))


def _os(running: RunningAgent, domain: Domain) -> Iterator[TypedParameter]:
    for name in ('id', 'name', 'pretty-name', 'version', 'version-id', 'machine', 'variant',
                 'variant-id', 'kernel-release', 'kernel-version'):
        if name in running.agent.os:
            yield TypedParameter.string(f'os.{name}', running.agent.os[name])


def _timezone(running: RunningAgent, domain: Domain) -> Iterator[TypedParameter]:
    yield TypedParameter.string('timezone.name', running.agent.timezone[0])
    yield TypedParameter.int_('timezone.offset', running.agent.timezone[1])


def _hostname(running: RunningAgent, domain: Domain) -> Iterator[TypedParameter]:
    yield TypedParameter.string('hostname', running.hostname)
