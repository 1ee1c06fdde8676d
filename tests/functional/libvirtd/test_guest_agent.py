"""Clients ask the agent in a guest."""

from __future__ import annotations

import json
import re

import libvirt
import libvirt_qemu

from tests import base
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.host import GuestAgent, GuestFilesystem, GuestUser

GUEST = """
<domain type='qemu'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <interface type='network'><source network='default'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
</domain>
"""

AGENT = GuestAgent(users=[GuestUser('ann', login_time=12.5)],
                   filesystems=[GuestFilesystem('/'), GuestFilesystem('/home', name='vdb1')])


class GuestAgentTest(base.TestCase):

    def setUp(self):
        super().setUp()
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.host = self.useFixture(HostFixture()).host
        self.host.connection.createXML(GUEST)
        self.host.guest_agents.start('web', AGENT)

    @property
    def domain(self):
        # A domain that the test kept would keep the connection.
        return self.host.connection.lookupByName('web')

    def refused(self, call, *arguments):
        return self.assertRaises(libvirt.libvirtError, call, *arguments)

    def ask(self, name):
        return json.loads(libvirt_qemu.qemuAgentCommand(
            self.domain, json.dumps({'execute': name}), -1, 0))['return']

    def test_host_name(self):
        """A guest is called as its domain, unless the agent says otherwise."""
        self.assertEqual('web', self.domain.hostname())

    def test_users(self):
        """The agent's users are shown with their login times in milliseconds."""
        self.assertEqual(
            {'user.count': 1, 'user.0.name': 'ann', 'user.0.login-time': 12500},
            self.domain.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_USERS))

    def test_file_systems(self):
        """File systems have a mount point, a device, a type, and the disks that the domain has."""
        self.assertEqual([('/', 'vda1', 'ext4', []), ('/home', 'vdb1', 'ext4', [])],
                         self.domain.fsInfo())

    def test_addresses(self):
        """The guest's interface has the address that it has leased."""
        lease = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE
        agent = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
        [leased] = self.domain.interfaceAddresses(lease).values()
        self.assertEqual(leased, self.domain.interfaceAddresses(agent)['eth0'])

    def test_everything(self):
        """Without a choice, the agent tells everything."""
        groups = {re.split(r'\.', name)[0] for name in self.domain.guestInfo(0)}
        self.assertEqual({'user', 'os', 'timezone', 'hostname', 'fs', 'if'}, groups)

    def test_freeze(self):
        """Frozen file systems are counted, and while frozen other commands are refused."""
        self.assertEqual(2, self.domain.fsFreeze())
        self.assertIn('has been disabled for this instance',
                      str(self.refused(self.domain.hostname)))
        self.assertEqual(2, self.domain.fsThaw())
        self.assertEqual(0, self.domain.fsThaw())

    def test_clock(self):
        """A guest keeps the time that it is given."""
        self.domain.setTime({'seconds': 86400, 'nseconds': 0})
        self.assertEqual(86400, self.domain.getTime()['seconds'])

    def test_virtual_cpus(self):
        """A guest stops using a vCPU, but never its first one."""
        self.domain.setGuestVcpus('1', 0)
        self.assertEqual('0', self.domain.guestVcpus()['online'])
        self.assertIn("vCPU '0' is not offlinable",
                      str(self.refused(self.domain.setGuestVcpus, '0', 0)))

    def test_authorized_keys(self):
        """Keys are replaced, added and removed."""
        append = libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND
        remove = libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_REMOVE
        self.domain.authorizedSSHKeysSet('ann', ['one'])
        self.domain.authorizedSSHKeysSet('ann', ['two'], append)
        self.domain.authorizedSSHKeysSet('ann', ['one'], remove)
        self.assertEqual(['two'], self.domain.authorizedSSHKeysGet('ann'))

    def test_ping(self):
        """The agent answers a ping."""
        self.assertEqual({}, self.ask('guest-ping'))

    def test_listed_commands(self):
        """Every command that the agent lists has an answer."""
        listed = [each['name'] for each in self.ask('guest-info')['supported_commands']]
        self.assertIn('guest-get-fsinfo', listed)
        for name in listed:
            self.ask(name)

    def test_unknown_command(self):
        """A guest runs no code, so that guest-exec does not exist."""
        self.assertIn('The command guest-exec has not been found',
                      str(self.refused(self.ask, 'guest-exec')))

    def test_shutdown(self):
        """A guest shuts down through its agent."""
        self.domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT)
        self.assertEqual([], self.host.connection.listAllDomains())

    def test_stopped_agent(self):
        """An agent that has been stopped does not answer."""
        self.host.guest_agents.stop('web')
        self.assertEqual(libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
                         self.refused(self.domain.hostname).get_error_code())

    def test_without_a_channel(self):
        """An agent needs a channel in the domain."""
        xml = re.sub('<channel.*</channel>', '', GUEST).replace('>web<', '>mute<')
        self.host.guest_agents.start('mute')
        self.assertEqual(
            libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
            self.refused(self.host.connection.createXML(xml).hostname).get_error_code())

    def test_state_of_the_channel(self):
        """The domain's XML says whether the agent is connected."""
        self.assertIn("state='connected'", self.domain.XMLDesc())
        self.host.guest_agents.stop('web')
        self.assertIn("state='disconnected'", self.domain.XMLDesc())

    def test_agent_of_a_later_start(self):
        """An agent may be announced before its guest starts."""
        self.host.guest_agents.start('db')
        domain = self.host.connection.createXML(GUEST.replace('>web<', '>db<'))
        self.assertEqual('db', domain.hostname())
