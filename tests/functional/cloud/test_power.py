"""Operations that keep a server on its host: power, pause, suspend, rescue, rebuild."""

from __future__ import annotations

import libvirt

from tests.shared_clouds import CloudTestCase
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.states import PowerState
from vpmem_harness.exceptions import InvalidInputError


class PowerTest(CloudTestCase):

    def test_stop_and_start(self):
        """The power state follows the guest."""
        server = self.start_cloud().boot(pmem='SMALL').stop()
        self.assertEqual(('SHUTOFF', PowerState.SHUTDOWN), (server.status, server.power_state))
        server.start()
        self.assertEqual(('ACTIVE', PowerState.RUNNING), (server.status, server.power_state))
        self.assertGuestHas(server)

    def test_pause_and_unpause(self):
        """A paused server becomes active again."""
        server = self.start_cloud().boot(pmem='SMALL').pause()
        self.assertEqual(('PAUSED', PowerState.PAUSED), (server.status, server.power_state))
        self.assertEqual('ACTIVE', server.unpause().status)

    def test_rescue_and_unrescue(self):
        """The guest has its namespaces in rescue mode and afterwards."""
        server = self.start_cloud().boot(pmem='SMALL').rescue()
        self.assertEqual('RESCUE', server.status)
        self.assertGuestHas(server)
        self.assertGuestHas(server.unrescue())

    def test_rebuild_of_a_stopped_server_leaves_it_stopped(self):
        """A rebuilt server is stopped as before, on the same namespaces."""
        server = self.start_cloud().boot(pmem='SMALL').stop()
        namespaces = server.namespaces
        self.assertEqual('SHUTOFF', server.rebuild().status)
        self.assertEqual(namespaces, server.namespaces)

    def test_a_request_in_the_wrong_state_is_refused(self):
        """The start of an active server is refused with Nova's message."""
        server = self.start_cloud().boot()
        error = self.assertRaises(errors.InstanceInvalidState, server.start)
        self.assertEqual(
            f"Cannot 'start' instance {server.id} while it is in vm_state active", str(error))

    def test_reset_state(self):
        """An administrator sets the state; guest and namespaces stay as they are."""
        server = self.start_cloud().boot(pmem='SMALL')
        self.assertEqual('ERROR', server.reset_state('error').status)
        self.assertGuestHas(server)
        self.assertEqual('ACTIVE', server.reset_state('active').status)
        self.assertEqual('resetState', server.actions[-1].action)

    def test_reset_to_another_state(self):
        """The error names the states that Nova's API accepts."""
        server = self.start_cloud().boot()
        error = self.assertRaises(InvalidInputError, server.reset_state, 'paused')
        self.assertIn("'active' or 'error'", str(error))

    def test_reboot(self):
        """A soft reboot keeps the namespaces."""
        self.assert_is_the_same(lambda server: server.reboot())

    def test_hard_reboot(self):
        """A hard reboot keeps the namespaces."""
        self.assert_is_the_same(lambda server: server.reboot(hard=True))

    def test_a_failed_reboot(self):
        """The power state is that of the guest before the reboot, here one that is off."""
        cloud = self.start_cloud()
        server = cloud.boot(pmem='SMALL')
        faults = cloud.host(server.host).faults
        with faults.tool_failing('daxio', when='after'):
            server.delete(expect='ERROR')
        with faults.failing('domainDestroy', libvirt.VIR_ERR_OPERATION_FAILED):
            server.reboot(hard=True, expect='ERROR')
        self.assertEqual(PowerState.SHUTDOWN, server.power_state)

    def assert_is_the_same(self, do):
        server = self.start_cloud().boot(pmem='SMALL')
        namespaces = server.namespaces
        self.assertEqual(('ACTIVE', namespaces), (do(server).status, server.namespaces))
        self.assertGuestHas(server)

    def test_suspend_and_resume(self):
        """A suspended guest keeps its namespaces."""
        server = self.start_cloud().boot(pmem='SMALL').suspend()
        self.assertEqual(('SUSPENDED', PowerState.SHUTDOWN), (server.status, server.power_state))
        self.assertEqual('ACTIVE', server.resume().status)
        self.assertGuestHas(server)


class PowerStateTest(CloudTestCase):
    """Power state synchronization, the periodic task of a compute service."""

    def boot(self):
        """Return a server and its domain, for changes behind Nova's back."""
        self.start_cloud()
        server = self.cloud.boot()
        connection = libvirt.open(self.cloud.hosts[0].uri)
        self.addCleanup(connection.close)
        return server, server.domain(connection)

    def test_a_guest_that_shuts_down_is_noticed(self):
        """The server of a guest that went off becomes SHUTOFF."""
        server, domain = self.boot()
        domain.destroy()
        self.assertEqual('ACTIVE', server.status)
        self.cloud.compute(server.host).run_periodic_tasks()
        self.assertEqual('SHUTOFF', server.status)

    def test_a_guest_started_behind_novas_back_is_shut_down(self):
        """The guest of a stopped server is shut down again, and its server stays SHUTOFF."""
        server, domain = self.boot()
        server.stop()
        domain.create()
        self.cloud.compute(server.host).run_periodic_tasks()
        self.assertEqual('SHUTOFF', server.status)
        self.assertFalse(domain.isActive())

    def test_a_paused_guest_is_left_alone(self):
        """The server of a paused guest stays ACTIVE and shows the power state."""
        server, domain = self.boot()
        domain.suspend()
        self.cloud.compute(server.host).run_periodic_tasks()
        self.assertEqual(('ACTIVE', PowerState.PAUSED), (server.status, server.power_state))
